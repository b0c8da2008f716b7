"""Picks the version that is started, before anything else runs, and comes back to the old one.

The standard library alone, on the main thread. A new version counts as good once its window was
drawn; one that ended twice before that is not started again. Knows nothing of updates.
"""

from __future__ import annotations

import contextlib
import dataclasses
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from app import __version__
from app.foundation.locks import hold, lock
from app.foundation.own_environment import without_our_own
from app.foundation.paths import program_folder
from app.foundation.versions import Pointer, Versions, is_version, number

MOST_TRIES: Final = 2
_MOST_ALIVE: Final = 8
_IN_ORDER: Final = ".ended"
#: Said by the launcher to the version that it starts: which, by which, and the note of this try.
LAUNCHED: Final = "HEARTH_LAUNCHED"
FIRST: Final = "HEARTH_FIRST"
NOTE: Final = "HEARTH_TRY"
#: Set by a person, the very program that was called is started, whatever was installed later.
STAY: Final = "HEARTH_THIS_VERSION"

_note: Path | None = None
_first = __version__
_was_launched = False


def launch(words: Sequence[str]) -> int | None:
    """Start the version that is wanted; its exit code, or None where that is this one.

    On POSIX it takes this process's place, so that this returns only where it is this one.
    """
    global _note, _first, _was_launched
    note, first = os.environ.pop(NOTE, ""), os.environ.pop(FIRST, "")
    if version := os.environ.pop(LAUNCHED, ""):
        _was_launched = True
        _note = Path(note) if note else None
        _first = first if is_version(first) else __version__
        _hold_own(version)
        return None
    if not getattr(sys, "frozen", False) or os.environ.pop(STAY, ""):
        return None
    with contextlib.suppress(OSError, RuntimeError):  # nobody's home, a disk that is gone
        return Launcher(Versions(program_folder()), __version__, Path(sys.executable)).start(words)
    return None


def first_version() -> str:
    """The version that was installed first, which starts the others; this one, where it does."""
    return _first


def _hold_own(version: str) -> None:
    """Who tidies must not take away what runs: it reads its own files all the time."""
    with contextlib.suppress(RuntimeError):  # nobody's home
        if is_version(version):
            hold(Versions(program_folder()).home(version))  # until this process ends


def started_well(version: str = __version__, folder: Path | None = None) -> None:
    """This version has shown its window: it is good. Waits for a disk; never raises."""
    if not _was_launched:
        return
    versions = Versions(folder or program_folder())
    with contextlib.suppress(OSError, RuntimeError):
        pointer = versions.pointer()
        if pointer.version == version and not pointer.proven:
            versions.point(dataclasses.replace(pointer, proven=True))
        for path in versions.tries.glob(f"{version}-*"):
            with contextlib.suppress(OSError):
                path.unlink()


def ended_in_order() -> None:
    """This start did not crash, whatever else it did: it is not counted. Never raises."""
    global _note
    note, _note = _note, None
    if note is None:
        return
    try:
        note.unlink(missing_ok=True)
    except OSError:
        # On Windows the launcher, which waits for this process, has it open.
        with contextlib.suppress(OSError):
            _end_of(note).touch(mode=0o600)


def _end_of(note: Path) -> Path:
    """What stands beside a note that could not be removed by a start that ended in order."""
    return note.with_name(f"{note.name}{_IN_ORDER}")


def _ended(note: Path) -> bool:
    """Whether the start that left this note ended in order; said once."""
    try:
        _end_of(note).unlink()
    except OSError:
        return False
    return True


class Launcher:
    """`own` is the version of the program that asks, `program` its executable."""

    def __init__(self, versions: Versions, own: str, program: Path) -> None:
        self._versions = versions
        self._own = own
        self._program = program

    def start(self, words: Sequence[str]) -> int | None:
        """As `launch`. Raises OSError only where this one is to be started."""
        pointer = self._versions.pointer()
        for _ in range(2):
            wanted = self._wanted(pointer)
            if wanted is None or not self._versions.is_ours():
                return None
            environment = {**without_our_own(), LAUNCHED: pointer.version, FIRST: self._own}
            if pointer.proven:
                return _run(wanted, words, environment)
            held = self._note_try(pointer.version)
            if held is not None:
                descriptor, note = held
                try:
                    return _run(wanted, words, {**environment, NOTE: str(note)})
                finally:
                    os.close(descriptor)  # reached where it could not even be started
            pointer = self._back_from(pointer)
        return None

    def _wanted(self, pointer: Pointer) -> Path | None:
        """The executable that the pointer means; None is this one."""
        if not pointer.version or number(pointer.version) <= number(self._own):
            return None
        name = self._program.name
        if not self._versions.is_whole(pointer.version, name):
            return None
        return self._versions.program(pointer.version, name)

    def _note_try(self, version: str) -> tuple[int, Path] | None:
        """A note that this start is a try, held as long as it lives; None after two that died.

        Raises OSError where no note can be left: then what cannot be counted is not tried.
        """
        self._versions.tries.mkdir(mode=0o700, exist_ok=True)
        n_died = 0
        for index in range(_MOST_ALIVE):
            note = self._versions.tries / f"{version}-{index}"
            flags = os.O_RDWR | os.O_CREAT | getattr(os, "O_NOFOLLOW", 0)
            descriptor = os.open(note, flags, 0o600)
            if not lock(descriptor):
                os.close(descriptor)  # a start that is still under way
                continue
            if os.fstat(descriptor).st_size == 0 or _ended(note):
                try:
                    os.ftruncate(descriptor, 0)
                    os.write(descriptor, version.encode("ascii"))
                    os.fsync(descriptor)
                except OSError:
                    os.close(descriptor)  # or it would pass for a start as long as this one lives
                    raise
                os.set_inheritable(descriptor, True)
                return descriptor, note
            os.close(descriptor)
            n_died += 1
            if n_died >= MOST_TRIES:
                return None
        raise OSError(0, "too many starts at once")

    def _back_from(self, pointer: Pointer) -> Pointer:
        """What was in use before, from now on."""
        failed = (*(each for each in pointer.failed if each != pointer.version), pointer.version)
        back = Pointer(pointer.before, proven=True, failed=failed)
        self._versions.point(back)
        for path in self._versions.tries.glob(f"{pointer.version}-*"):
            with contextlib.suppress(OSError):
                path.unlink()
        return back


def _run(program: Path, words: Sequence[str], environment: dict[str, str]) -> int:
    """Raises OSError where it cannot be started."""
    command = [str(program), *words]
    if os.name == "posix":
        for stream in (sys.stdout, sys.stderr):
            if stream is not None:
                stream.flush()
        os.execve(program, command, environment)
    import signal
    import subprocess

    # Ctrl-C is the other's to answer.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    return subprocess.call(command, env=environment)
