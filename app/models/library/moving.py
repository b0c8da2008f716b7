"""Moves Hearth's models: all of them are in the new folder, read again, before the setting is
switched, and the setting is on disk before anything old is deleted. What is no model stays.

A journal in the profile tells how far that came; ended at any point, all models are whole in the
folder that the setting names. One process at a time; the caller's thread, never the window's.
"""

from __future__ import annotations

import contextlib
import json
import os
import stat
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final, Literal

from app.foundation.atomic import keep_names, write_atomically
from app.foundation.errors import InvalidInput, StorageError
from app.models.download.claim import Claim
from app.models.download.places import WORKSHOP
from app.models.library.whole import (
    Steps,
    check_space,
    copied,
    file_error,
    part_of,
    sha256_of,
)

_MOST_BYTES: Final = 32 << 20
_MOST_FILES: Final = 100_000


@dataclass(frozen=True, slots=True)
class _File:
    """One file below the folder, as it was when it was copied."""

    name: str
    bytes: int
    mtime_ns: int


@dataclass(frozen=True, slots=True)
class Journal:
    """How far a move came: "copying" may be begun anew, "deleting" be carried on."""

    old: str
    new: str
    phase: Literal["copying", "deleting"]
    files: tuple[_File, ...] = ()


class Moving:
    """One profile's move. `journal` is a file in the profile."""

    def __init__(self, journal: Path) -> None:
        self._path = journal

    def begun(self) -> Journal | None:
        """The move that did not come to its end."""
        try:
            with self._path.open("rb") as file:
                content = file.read(_MOST_BYTES + 1)
            table = json.loads(content)
            files = tuple(
                _File(str(name), int(size), int(time)) for name, size, time in table["files"]
            )
            if table["phase"] not in ("copying", "deleting"):
                return None
            return Journal(str(table["old"]), str(table["new"]), table["phase"], files)
        except (OSError, ValueError, KeyError, TypeError, RecursionError):
            return None

    def carry_on(self, current: Path) -> None:
        """Delete what an earlier move left behind, if the folder now in use is where it went."""
        journal = self.begun()
        if journal is None or journal.phase != "deleting":
            return
        if Path(journal.new) == current and current.is_dir():
            self._delete(journal)

    def move(
        self,
        old: Path,
        new: Path,
        switch: Callable[[Path], None],
        steps: Callable[[int], Steps],
        stays: Callable[[Path], bool] = lambda path: False,
    ) -> None:
        """Move the models in `old`, but for those that others need there (`stays`), and what is
        still coming to `new`, and `switch` to it. One at a time, over all processes.

        Raises InvalidInput for a folder that will not do, StorageError and its kin, Stopped; the
        old folder is in use then, and whole.
        """
        check_target(old, new)
        claim = self._claimed()
        try:
            self._move(old, new, _files(old, stays), switch, steps)
        finally:
            claim.release(remove=True)

    def _claimed(self) -> Claim:
        path = self._path.with_suffix(".lock")
        try:
            claim = Claim.take(path)
        except OSError as error:
            raise file_error(error, path) from error
        if claim is None:
            raise StorageError(
                "The models are being moved already.",
                "Another Hearth is at it.",
                "Wait until it has ended.",
            )
        return claim

    def _move(
        self,
        old: Path,
        new: Path,
        files: list[_File],
        switch: Callable[[Path], None],
        steps: Callable[[int], Steps],
    ) -> None:
        self._write(Journal(str(old), str(new), "copying"))
        moving = steps(2 * sum(file.bytes for file in files))
        try:
            _make(new)
            links = _links(old, new, files)
            absent = [file for file in files if not _is_there(old, new, file, links, moving)]
            if not _same_disk(old, new):
                check_space(new, sum(file.bytes for file in absent))
            for file in absent:
                _place(old / file.name, new / file.name, links.get(file.name), file, moving)
            for folder in {above for file in files for above in (new / file.name).parents}:
                if folder.is_relative_to(new):
                    keep_names(folder)
            keep_names(new.parent)
        except OSError as error:
            raise file_error(error, new) from error
        done = Journal(str(old), str(new), "deleting", tuple(files))
        self._write(done)
        try:
            switch(new)
        except BaseException:
            self._write(Journal(str(old), str(new), "copying"))
            raise
        self._delete(done)

    def _delete(self, journal: Journal) -> None:
        """Remove the originals that are still as they were copied; what cannot be removed now is
        tried again later."""
        old, new, left = Path(journal.old), Path(journal.new), False
        folders: set[Path] = set()
        for file in journal.files:
            path = old / file.name
            folders.update(path.relative_to(old).parents)
            try:
                if _is_safe(path, new / file.name, file):
                    path.unlink()
            except FileNotFoundError:
                continue
            except OSError:
                left = True
        for folder in sorted(folders, key=lambda path: -len(path.parts)):
            with contextlib.suppress(OSError):
                (old / folder).rmdir()
        if not left:
            with contextlib.suppress(OSError):
                self._path.unlink()

    def _write(self, journal: Journal) -> None:
        table = asdict(journal)
        table["files"] = [[file.name, file.bytes, file.mtime_ns] for file in journal.files]
        try:
            write_atomically(self._path, json.dumps(table).encode("ascii"))
        except OSError as error:
            raise file_error(error, self._path) from error


def check_target(old: Path, new: Path) -> None:
    """Raises InvalidInput where nothing can be moved to."""
    if not new.is_absolute():
        raise InvalidInput(
            "That is not a folder.", f"{new} is not a whole path.", "Choose a folder."
        )
    try:
        there, here = new.resolve(), old.resolve()
    except (OSError, RuntimeError) as error:
        raise InvalidInput("That folder cannot be used.", f"{new}: {error}.") from error
    if there == here or _are_one(there, here):
        raise InvalidInput("The models are in that folder already.", str(new))
    if any(_are_one(above, here) for above in there.parents) or any(
        _are_one(above, there) for above in here.parents
    ):
        raise InvalidInput(
            "The models cannot be moved there.",
            f"One of {old} and {new} lies inside the other.",
            "Choose a folder beside it.",
        )


def _are_one(one: Path, other: Path) -> bool:
    """Whether two paths are the same folder: also where capitals do not count, or by a mount."""
    if one == other:
        return True
    try:
        return one.samefile(other)
    except OSError:
        return False


def _is_safe(path: Path, target: Path, file: _File) -> bool:
    """Whether a file is as it was copied, and its copy is there and is another one. Raises
    OSError."""
    status, copy = path.lstat(), target.lstat()
    if (status.st_size, status.st_mtime_ns) != (file.bytes, file.mtime_ns):
        return False
    if stat.S_ISLNK(status.st_mode):
        return stat.S_ISLNK(copy.st_mode) and not path.parent.samefile(target.parent)
    if not stat.S_ISREG(copy.st_mode) or copy.st_size != file.bytes:
        return False
    # One file under two names may lose one of them; the same name seen twice may not.
    is_one = os.path.samestat(status, copy)
    return not is_one or (status.st_nlink > 1 and not path.parent.samefile(target.parent))


def _make(new: Path) -> None:
    new.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryFile(dir=new) as probe:
        probe.write(b"\0" * 4096)


def _files(old: Path, stays: Callable[[Path], bool]) -> list[_File]:
    """The models and what is still coming; whatever else is there is not ours to move."""
    found: list[_File] = []
    for path in _below(old):
        is_coming = path.relative_to(old).parts[0] == WORKSHOP
        if not is_coming and (path.suffix.lower() != ".gguf" or stays(path)):
            continue
        status = path.lstat()
        found.append(_File(str(path.relative_to(old)), status.st_size, status.st_mtime_ns))
        if len(found) > _MOST_FILES:
            raise InvalidInput(
                "The folder holds too many files to be moved.",
                f"{old} holds more than {_MOST_FILES:,}.",
                "Move it yourself while Hearth is closed, and name it in the settings.",
            )
    return sorted(found, key=lambda file: file.name)


def _below(folder: Path) -> Iterator[Path]:
    """Files and links, without following links to folders."""
    try:
        with os.scandir(folder) as entries:
            listed = sorted(entries, key=lambda entry: entry.name)
    except FileNotFoundError:
        return
    except OSError as error:
        raise file_error(error, folder) from error
    for entry in listed:
        if entry.is_dir(follow_symlinks=False):
            yield from _below(Path(entry.path))
        elif entry.is_symlink() or entry.is_file(follow_symlinks=False):
            yield Path(entry.path)


def _links(old: Path, new: Path, files: list[_File]) -> dict[str, str]:
    """Of each link what it is to say in the new folder, so that it leads to where it led."""
    here = old.resolve()
    names = {file.name for file in files}
    found: dict[str, str] = {}
    for file in files:
        path = old / file.name
        if not path.is_symlink():
            continue
        said = os.readlink(path)
        target = Path(os.path.normpath(path.parent.resolve() / said))
        inner = str(target.relative_to(here)) if target.is_relative_to(here) else ""
        if inner not in names:
            found[file.name] = str(target)
        else:
            found[file.name] = str(new / inner) if os.path.isabs(said) else said
    return found


def _is_there(old: Path, new: Path, file: _File, links: dict[str, str], steps: Steps) -> bool:
    """Whether the file is in the new folder already, from a move that was stopped.

    Looked at before anything is copied: nothing there is ever written over.
    """
    source, target = old / file.name, new / file.name
    if not os.path.lexists(target):
        return False
    link = links.get(file.name)
    if link is not None or target.is_symlink():
        if not target.is_symlink() or os.readlink(target) != link:
            raise _taken(target)
        return True
    if os.path.samefile(source, target):
        steps.add(2 * file.bytes)
        return True
    status = target.stat()
    if not stat.S_ISREG(status.st_mode) or status.st_size != file.bytes:
        raise _taken(target)
    if sha256_of(source, steps) != sha256_of(target, steps):
        raise _taken(target)
    return True


def _taken(target: Path) -> StorageError:
    return StorageError(
        "Something else is in the new folder already.",
        f"{target} is not the file that would go there.",
        "Choose an empty folder, or move that file away.",
    )


def _same_disk(old: Path, new: Path) -> bool:
    return not old.exists() or old.stat().st_dev == new.stat().st_dev


def _place(source: Path, target: Path, link: str | None, file: _File, steps: Steps) -> None:
    """A second name for the file where the disk is the same, else a copy that was read again."""
    steps.add(0)
    target.parent.mkdir(parents=True, exist_ok=True)
    part_of(target).unlink(missing_ok=True)
    if link is not None:
        os.symlink(link, target)
        return
    try:
        os.link(source, target)
    except OSError:
        copied(source, target, steps)
    else:
        steps.add(2 * file.bytes)
