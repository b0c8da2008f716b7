"""Archives that lie about names, links and sizes; nothing is ever written outside the folder."""

from __future__ import annotations

import io
import tarfile
from collections.abc import Callable
from pathlib import Path

import pytest

from app.foundation.errors import HearthError, StorageError, UpdateRefused
from app.updates.unpack import unpack
from tests.fixtures.updating import program_of, tar_of

MUCH = 1_000_000
Made = Callable[[tarfile.TarFile], None]


def member(name: str, kind: bytes = tarfile.REGTYPE, link: str = "") -> tarfile.TarInfo:
    made = tarfile.TarInfo(name)
    made.type, made.linkname = kind, link
    return made


def file(tar: tarfile.TarFile, name: str) -> None:
    made = member(name)
    made.size = 4
    tar.addfile(made, io.BytesIO(b"evil"))


def link(tar: tarfile.TarFile, name: str, to: str, kind: bytes = tarfile.SYMTYPE) -> None:
    tar.addfile(member(name, kind, to))


def through(*links: tuple[str, str], then: str) -> Made:
    def make(tar: tarfile.TarFile) -> None:
        for name, to in links:
            link(tar, name, to)
        file(tar, then)

    return make


HOSTILE: dict[str, Made] = {
    "up": lambda tar: file(tar, "../evil"),
    "absolute": lambda tar: file(tar, "/tmp/evil"),
    "up within": lambda tar: file(tar, "a/../../evil"),
    "backslash": lambda tar: file(tar, "..\\evil"),
    "drive": lambda tar: file(tar, "C:evil"),
    "control": lambda tar: file(tar, "a\nb"),
    "no name": lambda tar: file(tar, "."),
    "deep": lambda tar: file(tar, "/".join(["a"] * 40)),
    "link up": lambda tar: link(tar, "a", "../.."),
    "link to root": lambda tar: link(tar, "a", "/etc"),
    "hard link": lambda tar: link(tar, "a", "b", tarfile.LNKTYPE),
    "device": lambda tar: link(tar, "a", "", tarfile.CHRTYPE),
    "pipe": lambda tar: link(tar, "a", "", tarfile.FIFOTYPE),
    # Each link stays inside by its words alone; followed one after the other they lead out.
    "links in turn": through(("d/f", ".."), ("d/g", "f/../../x"), then="d/g/evil"),
    "link and up": through(("d/e/up", "../.."), ("d/out", "e/up/../x"), then="d/out/evil"),
    "twice": lambda tar: (file(tar, "a"), file(tar, "a"))[0],
    "through a file": lambda tar: (file(tar, "a"), file(tar, "a/b"))[0],
}


def refused(archive: Path, home: Path, most: int = MUCH) -> HearthError:
    before = sorted(path for path in home.parents[1].rglob("*") if home.parent not in path.parents)
    with pytest.raises((UpdateRefused, StorageError)) as caught:
        unpack(archive, home, most, lambda done: None)
    assert not list(home.parent.iterdir())
    after = sorted(path for path in home.parents[1].rglob("*") if home.parent not in path.parents)
    assert after == before
    return caught.value


@pytest.fixture
def home(tmp_path: Path) -> Path:
    (tmp_path / "versions").mkdir()
    return tmp_path / "versions" / "0.2.0"


@pytest.mark.parametrize("make", HOSTILE.values(), ids=HOSTILE)
def test_hostile_archives_write_nothing_anywhere(tmp_path: Path, home: Path, make: Made) -> None:
    archive = tmp_path / "a.tar.xz"
    with tarfile.open(archive, "w:xz") as tar:
        make(tar)
    assert "less comes out" not in refused(archive, home).detail


def test_links_that_stay_inside_are_kept(tmp_path: Path, home: Path) -> None:
    archive = tmp_path / "a.tar.gz"
    with tarfile.open(archive, "w:gz") as tar:
        file(tar, "Hearth.app/Frameworks/Qt/Versions/A/Qt")
        link(tar, "Hearth.app/Frameworks/Qt/Versions/Current", "A")
        link(tar, "Hearth.app/Frameworks/Qt/Qt", "Versions/Current/Qt")
    unpack(archive, home, 4, lambda done: None)
    assert (home / "Hearth.app/Frameworks/Qt/Qt").read_bytes() == b"evil"


def test_what_ends_at_any_byte_or_is_no_archive_is_refused(tmp_path: Path, home: Path) -> None:
    files = program_of("0.2.0", padding=3000)
    whole, n_bytes = tar_of(files), sum(map(len, files.values()))
    archive = tmp_path / "a.tar.xz"
    for end in [*range(0, len(whole) - 1, 97), len(whole) - 1]:
        archive.write_bytes(whole[:end])
        refused(archive, home, n_bytes)
    archive.write_bytes(b"\xfd7zXZ\0" + b"x" * 500)
    refused(archive, home)
    archive.write_bytes(whole)
    assert "less comes out" in refused(archive, home, n_bytes + 1).detail
    unpack(archive, home, n_bytes, lambda done: None)
    assert home.is_dir()


def test_a_few_bytes_that_become_many_are_stopped(tmp_path: Path, home: Path) -> None:
    archive = tmp_path / "a.tar.xz"
    archive.write_bytes(tar_of({"big": b"\0" * 50_000_000}))
    assert archive.stat().st_size < 50_000
    assert "more comes out" in refused(archive, home).detail


def test_stopping_leaves_nothing(tmp_path: Path, home: Path) -> None:
    archive = tmp_path / "a.tar.xz"
    archive.write_bytes(tar_of(program_of("0.2.0")))

    def stop(_done: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        unpack(archive, home, MUCH, stop)
    assert not list(home.parent.iterdir())


def test_a_folder_that_another_program_holds_is_said(
    tmp_path: Path, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    archive = tmp_path / "a.tar.xz"
    files = program_of("0.2.0")
    n_bytes = sum(map(len, files.values()))
    archive.write_bytes(tar_of(files))
    n_tried = 0

    def held(_source: object, _target: object) -> None:
        nonlocal n_tried
        n_tried += 1
        raise PermissionError(13, "The process cannot access the file")

    monkeypatch.setattr("os.rename", held)
    monkeypatch.setattr("app.updates.files._HELD_PAUSE_S", 0.0)
    assert "virus scanner" in refused(archive, home, n_bytes).detail
    assert n_tried > 1
    monkeypatch.undo()
    unpack(archive, home, n_bytes, lambda done: None)
    assert home.is_dir()
