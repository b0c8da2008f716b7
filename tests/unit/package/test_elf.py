"""What libraries ask of a system, read from real ones and from made-up ones."""

from __future__ import annotations

import struct
import sys
from pathlib import Path

import pytest

from installer.package import elf, linking
from tests.fixtures.elf import made_up

NEEDS_LINUX = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="needs Linux")


def test_a_made_up_library_is_read(tmp_path: Path) -> None:
    path = made_up(tmp_path / "libx.so.1", ["libc.so.6", "liby.so"], ["GLIBC_2.4", "GLIBC_2.34"])
    found = elf.needs(path)
    assert found.libraries == ("libc.so.6", "liby.so")
    assert found.soname == "libx.so.1"
    assert found.versions == {"GLIBC_2.4", "GLIBC_2.34"}
    assert found.newest("GLIBC") == (2, 34)
    assert found.newest("GLIBCXX") == ()


def test_versions_are_numbers_and_what_is_none_is_left(tmp_path: Path) -> None:
    names = ["GLIBC_2.9", "GLIBC_2.10", "GLIBC_PRIVATE", "GLIBCXX_3.4.30"]
    found = elf.needs(made_up(tmp_path / "a.so", ["libc.so.6"], names))
    assert found.newest("GLIBC") == (2, 10)
    assert found.newest("GLIBCXX") == (3, 4, 30)


@pytest.mark.parametrize("length", [0, 3, 40, 63, 64, 100, 200])
def test_a_file_that_is_cut_short_is_refused(tmp_path: Path, length: int) -> None:
    path = made_up(tmp_path / "a.so", ["libc.so.6"], ["GLIBC_2.34"])
    path.write_bytes(path.read_bytes()[:length])
    with pytest.raises(elf.NotElf):
        elf.needs(path)


def test_other_files_are_no_libraries(tmp_path: Path) -> None:
    (tmp_path / "text").write_text("libc.so.6")
    assert not elf.is_elf(tmp_path / "text")
    with pytest.raises(elf.NotElf):
        elf.needs(tmp_path / "text")
    thirty_two = bytearray(made_up(tmp_path / "a.so", [], []).read_bytes())
    thirty_two[4] = 1
    (tmp_path / "b.so").write_bytes(thirty_two)
    with pytest.raises(elf.NotElf):
        elf.needs(tmp_path / "b.so")


@NEEDS_LINUX
def test_a_real_library_is_read() -> None:
    import _ctypes

    path = Path(_ctypes.__file__)
    found = elf.needs(path)
    assert any(name.startswith("libffi.so") for name in found.libraries)
    assert found.newest("GLIBC") >= (2, 2)


def test_a_file_that_wants_more_than_is_stated_is_found(tmp_path: Path) -> None:
    made_up(tmp_path / "old.so", ["libc.so.6"], ["GLIBC_2.35"])
    made_up(tmp_path / "deep" / "new.so", ["libc.so.6"], ["GLIBC_2.36"])
    limits = {"GLIBC": (2, 35), "GLIBCXX": (3, 4, 30)}
    found = linking.linked(tmp_path, limits)
    assert linking.too_new(found, limits) == [("GLIBC", "deep/new.so", (2, 36))]
    (tmp_path / "deep" / "new.so").unlink()
    assert linking.too_new(linking.linked(tmp_path, limits), limits) == []


def test_what_is_asked_for_must_be_inside_or_the_systems(tmp_path: Path) -> None:
    made_up(tmp_path / "a.so", ["libc.so.6", "libinside.so.1", "libgone.so.2"], [])
    made_up(tmp_path / "libinside.so.1", ["libX11.so.6"], [])
    found = linking.linked(tmp_path, ())
    assert found.system == {"libc.so.6", "libX11.so.6"}
    assert found.missing == {"libgone.so.2": ["a.so"]}
    assert found.n_files == 2


@NEEDS_LINUX
def test_libraries_that_nothing_asks_for_are_left_out(tmp_path: Path) -> None:
    wanted = {
        "a/module.so": ["libone.so"],
        "libone.so": ["libtwo.so", "libc.so.6"],
        "libtwo.so": [],
        "liborphan.so": ["libtwo.so"],
        "libpython3.11.so.1.0": [],
    }
    entries = [
        (place, str(made_up(tmp_path / place, libraries, [])), "BINARY")
        for place, libraries in wanted.items()
    ]
    entries.append(("libone.so.1", str(tmp_path / "libone.so"), "SYMLINK"))
    kept = [entry[0] for entry in linking.without_orphans(entries)]
    assert sorted(kept) == ["a/module.so", "libone.so", "libpython3.11.so.1.0", "libtwo.so"]


def test_an_address_outside_the_file_is_refused(tmp_path: Path) -> None:
    path = made_up(tmp_path / "a.so", ["libc.so.6"], [])
    data = bytearray(path.read_bytes())
    struct.pack_into("<Q", data, 64 + 32, 16)  # the loaded part ends before the names
    path.write_bytes(data)
    with pytest.raises(elf.NotElf):
        elf.needs(path)
