"""Which version of the program is started: a small file beside the versions that were installed.

The standard library alone; read before anything else is imported. What cannot be read counts as
nothing, and so the version that was installed first is started.
"""

from __future__ import annotations

import dataclasses
import json
import os
import re
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from app.foundation.atomic import write_atomically
from app.foundation.build import LIST, damaged_in
from app.foundation.raised import is_raised

_MOST_BYTES: Final = 64 * 1024
_VERSION: Final = re.compile(r"\d{1,6}(\.\d{1,6}){0,3}\Z")
_MOST_FAILED: Final = 20


@dataclass(frozen=True, slots=True)
class Pointer:
    """`version` is started, "" being the one that was installed first; `proven` once it did start.
    `before` is what it took the place of; `failed` those that did not start, the last one last."""

    version: str = ""
    proven: bool = True
    before: str = ""
    failed: tuple[str, ...] = ()


class Versions:
    """The versions in one folder. Any thread that may wait for a disk."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.tries = folder / "tries"
        self._file = folder / "current.json"
        self._all = folder / "versions"

    def home(self, version: str) -> Path:
        """Where a version is, or would be."""
        return self._all / version

    def program(self, version: str, name: str) -> Path:
        """The executable of a version; `name` is that of the one that is asking."""
        if sys.platform == "darwin":
            return self.home(version) / "Hearth.app" / "Contents" / "MacOS" / name
        return self.home(version) / "hearth" / name

    def is_whole(self, version: str, name: str) -> bool:
        """Whether its program is there, and each file that it has a list of: a virus scanner or
        a hand may have taken some away since. Looks at every file, in a few milliseconds."""
        program = self.program(version, name)
        try:
            n_bytes = json.loads(self._sizes(version).read_bytes())[name]
            if program.stat().st_size != n_bytes:
                return False
        except (OSError, ValueError, KeyError, TypeError):
            pass  # not noted
        inside = program.parent / "_internal"
        if sys.platform == "darwin":
            inside = program.parent.with_name("Frameworks")
        return program.is_file() and (not (inside / LIST).is_file() or not damaged_in(inside))

    def note_programs(self, version: str, name: str) -> None:
        """Write down how big its programs are: its own list has only what is beside them, as
        those who sign them change them later. Raises OSError."""
        beside = self.program(version, name).parent.iterdir()
        sizes = {path.name: path.stat().st_size for path in beside if path.is_file()}
        write_atomically(self._sizes(version), json.dumps(sizes).encode() + b"\n")

    def _sizes(self, version: str) -> Path:
        return self.home(version) / "programs.json"

    def all(self) -> tuple[str, ...]:
        """What is there, the oldest first."""
        try:
            names = [path.name for path in self._all.iterdir() if is_version(path.name)]
        except OSError:
            return ()
        return tuple(sorted(names, key=number))

    def pointer(self) -> Pointer:
        """What the file says; nothing for one that makes no sense."""
        try:
            with self._file.open("rb") as file:
                said = json.loads(file.read(_MOST_BYTES))
            return _pointer_of(said)
        except (OSError, ValueError, KeyError, TypeError, RecursionError):
            return Pointer()

    def point(self, pointer: Pointer) -> None:
        """Have the next start take it. Raises OSError, and then nothing has changed."""
        fields = dataclasses.asdict(pointer)
        fields["failed"] = list(pointer.failed[-_MOST_FAILED:])
        write_atomically(self._file, json.dumps({"hearth": 1, **fields}).encode("ascii") + b"\n")

    def is_ours(self) -> bool:
        """Whether nobody else could have put a program here: it would run in our name, and with
        our rights."""
        return not is_raised() and is_ours(self.folder) and is_ours(self._all)


def is_ours(folder: Path) -> bool:
    """Whether it is there, and nobody else may write to it, or has made the link that leads to it.
    On Windows a person's own folders are theirs alone."""
    if os.name != "posix":
        return True
    try:
        stat, link = folder.stat(), folder.lstat()
    except OSError:
        return False
    return stat.st_uid == link.st_uid == os.geteuid() and not stat.st_mode & 0o022


def _pointer_of(said: Any) -> Pointer:
    version, before, failed = said["version"], said["before"], said["failed"]
    if said["hearth"] != 1 or type(said["proven"]) is not bool or not isinstance(failed, list):
        raise ValueError("of another form")
    named = [text for text in (version, before, *failed) if text != ""]
    if not all(isinstance(text, str) and is_version(text) for text in named):
        raise ValueError("no version")
    return Pointer(version, said["proven"], before, tuple(failed))


def is_version(text: str) -> bool:
    """Whether this is the number of a version, and so also a safe name."""
    return bool(_VERSION.match(text)) and text.isascii()


def number(version: str) -> tuple[int, ...]:
    """For comparing: 0.10 is newer than 0.9, and 1 is 1.0. Raises ValueError."""
    parts = tuple(int(part) for part in version.split("."))
    return parts + (0,) * (4 - len(parts))
