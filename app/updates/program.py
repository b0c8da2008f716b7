"""A newer Hearth, put beside the one that runs: unpacked, tried, and pointed to when it is quit.

Any thread but the window's; one process at a time does anything here. A folder of a version is
whole from the moment it has its name, so that a kill at any step leaves a version that runs.
"""

from __future__ import annotations

import contextlib
import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Final

from app.foundation.atomic import write_atomically
from app.foundation.errors import HearthError, NotPossibleHere, UpdateRefused
from app.foundation.launcher import FIRST, LAUNCHED, NOTE, STAY
from app.foundation.own_environment import without_our_own
from app.foundation.raised import is_raised
from app.foundation.versions import Pointer, Versions, is_version, number
from app.updates.fetching import INCOMING
from app.updates.files import (
    alone,
    check_ours,
    remove,
    remove_leftovers,
    remove_unused,
    storage_error,
)
from app.updates.offer import Artefact
from app.updates.unpack import Tick, unpack

_TRIAL_S: Final = 180.0
_OF_OURS: Final = (
    *(LAUNCHED, FIRST, NOTE),
    *("HEARTH_RUNTIME", "HEARTH_CPU_VARIANT", "HEARTH_GPU_MODULES"),
)


class Program:
    """`own` is the version that runs, `executable` its file; None where it is no bundle. `first`
    was installed first and starts the others; `own` where it is not named."""

    def __init__(self, folder: Path, own: str, executable: Path | None, first: str = "") -> None:
        self.versions = Versions(folder)
        self.own = own
        self.first = first or own
        self._executable = executable
        self._staged = folder / "staged.json"

    def check_possible(self) -> None:
        """Raises NotPossibleHere where Hearth runs from something that is not to be replaced."""
        if self._executable is None:
            raise NotPossibleHere(
                "This Hearth is not updated by itself.",
                "It runs from its source, or was installed with Python's tools.",
                "Update it the way it was installed.",
            )
        if is_raised():
            raise NotPossibleHere(
                "Hearth runs as administrator.",
                "What it fetches is kept in your own folder, and is not started with such rights.",
                "Start Hearth without them.",
            )
        check_ours(self.versions.folder)

    def next(self) -> str:
        """The version that the next start takes, or "" where that is this one. What the launcher
        would not start, as it was damaged since, does not count: it can be installed again."""
        version = self._pointed()
        if not version or not self.versions.is_whole(version, self._name):
            version = self.first
        return "" if version == self.own else version

    def damaged(self) -> str:
        """The version that would be started, had it not lost something since; or ""."""
        version = self._pointed()
        return "" if not version or self.versions.is_whole(version, self._name) else version

    def _pointed(self) -> str:
        version = self.versions.pointer().version
        if not version or number(version) <= number(self.first) or not self.versions.is_ours():
            return ""
        return version

    def staged(self) -> str:
        """The version that is ready and waits for Hearth to be quit, or ""."""
        try:
            with self._staged.open("rb") as file:
                version = json.loads(file.read(4096))["version"]
        except (OSError, ValueError, KeyError, TypeError):
            return ""
        if not isinstance(version, str) or not is_version(version):
            return ""
        return version if self._is_here(version) and self._is_newer(version) else ""

    def stage(self, archive: Path, version: str, artefact: Artefact, tick: Tick) -> None:
        """Unpack and try it; from then on it waits. Raises as `unpack`, and UpdateRefused where
        it does not work here."""
        self.check_possible()
        folder = self.versions.folder
        with alone(folder):
            if version in (self.own, self.next()):
                raise UpdateRefused(f"Hearth {version} is installed already.", "", "Start it.")
            home = self.versions.home(version)
            if not remove_unused(home):
                raise UpdateRefused(
                    f"Hearth {version} is running, or another program holds a file of it.",
                    "It cannot be installed anew as long as it is in use.",
                    "Close it, and try again.",
                )
            unpack(archive, home, artefact.unpacked_bytes, tick)
            try:
                self._try(version)
            except BaseException:
                remove(home)
                raise
            try:
                self.versions.note_programs(version, self._name)
                write_atomically(self._staged, json.dumps({"version": version}).encode() + b"\n")
            except OSError as error:
                raise storage_error(error, folder) from error
            remove(folder / INCOMING)

    def settle(self) -> str:
        """Have the next start take what is staged; its version, or "" where nothing was.

        Short: for when Hearth is quit. Raises UpdateRefused, StorageError.
        """
        if not self.staged():
            self._leave_overtaken()
            return ""
        with alone(self.versions.folder):
            version = self.staged()
            if not version:
                return ""
            pointer = self.versions.pointer()
            before = self.own if self._is_here(self.own) else ""
            failed = tuple(each for each in pointer.failed if each != version)
            for note in self.versions.tries.glob(f"{version}-*"):
                remove(note)
            self._point(Pointer(version, proven=False, before=before, failed=failed))
            remove(self._staged)
            self._tidy({version, before, self.own})
        return version

    def _leave_overtaken(self) -> None:
        """A newer Hearth was installed over the first one: what was fetched before is never started
        again, and takes room. What still runs stays until the next time."""
        pointer, program = self.versions.pointer(), self._executable
        if program is None or program.is_relative_to(self.versions.folder):
            return
        there = self.versions.all()
        if not there or any(number(each) > number(self.own) for each in there):
            return
        with contextlib.suppress(HearthError), alone(self.versions.folder):
            self._point(Pointer(failed=pointer.failed))
            self._tidy(set())

    def undo(self) -> str:
        """Back to the version before, from the next start on; the one that will be started, ""
        being the first. Raises UpdateRefused where there is none, and StorageError."""
        if not self.versions.pointer().version and not self.staged():
            raise UpdateRefused(
                "There is no update to take back.",
                "This is the version that was installed first.",
                "To have another one, install it over this one.",
            )
        with alone(self.versions.folder):
            pointer = self.versions.pointer()
            if self.staged():
                remove(self.versions.home(self.staged()))
                remove(self._staged)
                return pointer.version
            before = pointer.before if self._is_here(pointer.before) else ""
            self._point(Pointer(before, proven=True, failed=pointer.failed))
            return before

    def _point(self, pointer: Pointer) -> None:
        try:
            self.versions.point(pointer)
        except OSError as error:
            raise storage_error(error, self.versions.folder) from error

    def _is_here(self, version: str) -> bool:
        return bool(version) and self.versions.program(version, self._name).is_file()

    def _is_newer(self, version: str) -> bool:
        return number(version) > number(self.own)

    @property
    def _name(self) -> str:
        return self._executable.name if self._executable else "hearth"

    def _try(self, version: str) -> None:
        """Whether it runs here at all: a missing library or a too old system shows itself."""
        program = self.versions.program(version, self._name)
        if not program.is_file():
            raise _broken(version, "Its program is not where it should be.")
        if sys.platform == "win32":  # the one with a window has no output
            program = program.with_name("hearth-cli.exe")
        said = _ran(version, [str(program), "--version"])
        if version not in said.split():
            raise _broken(version, f"It says that it is “{said.strip()[:80]}”.")
        with tempfile.TemporaryDirectory(prefix="hearth-trial-") as profile:
            words = ["--offline", "--profile", profile, "selftest", "--json"]
            _ran(version, [str(program), *words])

    def _tidy(self, kept: set[str]) -> None:
        """One that still runs stays until the next time."""
        for version in self.versions.all():
            if version not in kept:
                remove_unused(self.versions.home(version))
        remove_leftovers(self.versions.home("x").parent)


def _ran(version: str, command: list[str]) -> str:
    environment = {k: v for k, v in without_our_own().items() if k not in _OF_OURS}
    environment[STAY] = "1"
    try:
        done = subprocess.run(
            command,
            check=False,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=_TRIAL_S,
            env=environment,
            creationflags=getattr(subprocess, "CREATE_NO_WINDOW", 0),
        )
    except subprocess.TimeoutExpired:
        raise _broken(version, f"It did not answer within {_TRIAL_S:.0f} seconds.") from None
    except OSError as error:
        raise _broken(version, f"The system said “{error.strerror or error}”.") from error
    if done.returncode != 0:
        last = (done.stderr or done.stdout).decode("utf-8", "replace").strip().splitlines()
        why = (
            f"It said “{last[-1].strip()[:200]}”." if last else f"It ended with {done.returncode}."
        )
        raise _broken(version, why)
    return done.stdout.decode("utf-8", "replace")


def _broken(version: str, why: str) -> UpdateRefused:
    return UpdateRefused(
        f"Hearth {version} does not work on this computer.",
        why,
        "It was not installed; the version you have goes on working.",
    )
