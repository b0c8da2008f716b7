"""What is written down of a bundle for NSIS: every file, each in its place, and nothing else."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from installer.windows import nsis
from installer.windows.nsis import CannotPackage

FILES = ("hearth.exe", "_internal/base.zip", "_internal/a/b/deep.dll", "_internal/a/cost$.txt")


@pytest.fixture
def bundle(tmp_path: Path) -> Path:
    for name in FILES:
        path = tmp_path / "hearth" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"x" * 2048)
    return tmp_path / "hearth"


def test_each_file_is_put_and_removed_once(bundle: Path) -> None:
    text = nsis.listing(bundle)
    put, removed = text.split("!macro UninstallFiles")
    folder, there = "", set()
    for line in put.splitlines():
        if found := re.match(r'  SetOutPath "(.*)"', line):
            folder = found[1]
        elif found := re.match(r'  File "/oname=(.*?)" "(.*)"', line):
            there.add(f"{folder}\\{found[1]}")
            assert Path(found[2]).is_file()
    expected = {"$INSTDIR\\" + name.replace("$", "$$").replace("/", "\\") for name in FILES}
    assert there == expected
    assert set(re.findall(r'Delete "(.*)"', removed)) == expected
    assert f"!define SIZE_KIB {2 * len(FILES)}" in put


def test_folders_go_after_what_is_in_them(bundle: Path) -> None:
    gone = re.findall(r'RMDir "(.*)"', nsis.listing(bundle))
    assert gone == [rf"$INSTDIR\_internal{rest}" for rest in (r"\a\b", r"\a", "")]


@pytest.mark.parametrize("name", ["aux.txt", "a:b", "what?", "end.", "con", "${NAME}", "x" * 200])
def test_a_name_that_windows_cannot_have_is_refused(bundle: Path, name: str) -> None:
    (bundle / name).write_bytes(b"")
    with pytest.raises(CannotPackage, match="Windows"):
        nsis.listing(bundle)


def test_a_version_is_four_numbers_to_windows() -> None:
    assert nsis.numbers("0.1.0") == "0.1.0.0"
    assert nsis.numbers("2.0rc1") == "2.0.0.0"
    with pytest.raises(CannotPackage):
        nsis.numbers("new")
