"""What is written down of a bundle for NSIS: every file, each in its place, and nothing else."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import pytest

from app import __version__
from installer.runtime.workshop import Workshop
from installer.windows import looks, nsis
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


class Stopped(Exception):
    """What dev.py would print."""


def test_the_program_has_its_icon_and_says_its_version(tmp_path: Path) -> None:
    root = Path(__file__).resolve().parents[3]
    python = Path(sys.executable)
    shop = Workshop(root, python, lambda *_: 0, lambda _: False, lambda: None, Stopped)
    told = looks.environment(shop, tmp_path)
    assert Path(told["HEARTH_PACKAGE_ICON"]).read_bytes()[:4] == b"\0\0\1\0"
    details = Path(told["HEARTH_PACKAGE_VERSION_INFO"]).read_text("utf-8")
    assert f"'ProductVersion', '{__version__}'" in details
    spec = (root / "build.spec").read_text("utf-8")
    assert all(name in spec for name in told)


def test_the_details_are_in_the_form_that_pyinstaller_evaluates() -> None:
    def tree(*words: object, **named: object) -> tuple[object, ...]:
        return (*words, *named.values())

    kinds = ("VSVersionInfo", "FixedFileInfo", "StringFileInfo", "StringTable", "StringStruct")
    names = dict.fromkeys((*kinds, "VarFileInfo", "VarStruct"), tree)
    read = eval(looks.described("1.2.3"), {"__builtins__": {}}, names)  # noqa: S307 - as it does
    assert read[0][:2] == ((1, 2, 3, 0), (1, 2, 3, 0))
