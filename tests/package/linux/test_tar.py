"""The archive for one person, in the same bare Debian: no root, nothing but their own home."""

from __future__ import annotations

import os
import tarfile
from pathlib import Path

import pytest

from tests.fixtures.bare_root import HOME, USER_ID, BareRoot, Screen, opened

DOWNLOADS = "Herunterladen von Zoë"
PROFILE = ".local/share/hearth"


@pytest.fixture(scope="module")
def folder(bare: BareRoot, archive: Path) -> str:
    """Where the archive was unpacked, as the person sees it."""
    into = bare.home / DOWNLOADS
    with tarfile.open(archive) as packed:
        packed.extractall(into, filter="tar")
    for path in (into, *into.rglob("*")):
        os.chown(path, USER_ID, USER_ID, follow_symlinks=False)
    (top,) = into.iterdir()
    return f"{HOME}/{DOWNLOADS}/{top.name}"


def test_root_is_refused(bare: BareRoot, folder: str) -> None:
    done = bare.as_root("env", f"HOME={HOME}", f"{folder}/install.sh")
    assert done.returncode == 3
    assert "without sudo" in done.stderr


def test_a_missing_library_is_named_with_its_package(bare: BareRoot, folder: str) -> None:
    (library,) = (bare.folder / "usr" / "lib").glob("*/libxcb-cursor.so.0")
    aside = library.rename(library.with_name("aside"))
    done = bare.run(f"{folder}/install.sh")
    aside.rename(library)
    assert done.returncode == 3
    assert "libxcb-cursor.so.0" in done.stderr
    assert "apt-get install libxcb-cursor0" in done.stderr
    assert not (bare.home / ".local").exists()


def test_a_home_that_may_not_be_written_is_told(bare: BareRoot, folder: str) -> None:
    bare.home.chmod(0o555)
    done = bare.run(f"{folder}/install.sh")
    bare.home.chmod(0o755)
    assert done.returncode == 3
    assert "Nothing may be written to" in done.stderr


def test_installed_used_upgraded_and_removed(bare: BareRoot, folder: str, screen: Screen) -> None:
    before = {path for path in bare.home.rglob("*") if DOWNLOADS not in path.parts}
    done = bare.run(f"{folder}/install.sh")
    assert done.returncode == 0, done.stderr
    hearth = f"{HOME}/.local/bin/hearth"
    tested = bare.run(hearth, "selftest")
    assert (tested.returncode, tested.stderr) == (0, "")
    checked = bare.run(hearth, "doctor", DISPLAY=screen.display)
    assert checked.returncode == 0, checked.stdout

    line = bare.line(hearth, DISPLAY=screen.display)
    with opened(line) as window:
        screen.until(screen.windows, "a window")
        screen.until(lambda: screen.ended(window), "the end")
    assert window.returncode == 0
    assert bare.run(f"{folder}/install.sh").returncode == 0
    chats = (bare.home / PROFILE / "hearth.db").read_bytes()

    removed = bare.run(f"{HOME}/.local/lib/hearth/uninstall.sh")
    assert removed.returncode == 0, removed.stderr
    assert f"{HOME}/{PROFILE}" in removed.stdout
    assert (bare.home / PROFILE / "hearth.db").read_bytes() == chats
    left = {path for path in bare.home.rglob("*") if DOWNLOADS not in path.parts} - before
    places = {path.relative_to(bare.home).as_posix() for path in left}
    known = (PROFILE, ".cache", ".config")
    assert {each for each in places if not each.startswith(known)} <= {".local", ".local/share"}
