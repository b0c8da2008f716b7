"""Crash sentinels: a note on disk while something risky is under way.

A note that is still there at the next start says what ended the last one. Losing a sentinel
file does no harm; knows nothing of what the risky steps are.
"""

from __future__ import annotations

import contextlib
import json
import os
import threading
import time
from collections.abc import Iterator
from pathlib import Path


class Sentinels:
    """The notes in one folder, which belong to one process at a time. Thread-safe.

    Without a folder nothing is noted.
    """

    def __init__(self, folder: Path | None) -> None:
        self._folder = folder
        self._lock = threading.Lock()
        self._is_closed = False

    def set(self, step: str) -> None:
        """Note that `step` begins. A folder that cannot be written only loses the protection."""
        note = json.dumps({"step": step, "pid": os.getpid(), "since": time.time()})
        with self._lock:
            if self._folder is None or self._is_closed:
                return
            with contextlib.suppress(OSError), _path(self._folder, step).open("w") as file:
                file.write(note)
                file.flush()
                os.fsync(file.fileno())

    def clear(self, step: str) -> None:
        """Note that `step` ended, well or badly but in an orderly way."""
        with self._lock:
            if self._folder is not None:
                with contextlib.suppress(OSError):
                    _path(self._folder, step).unlink(missing_ok=True)

    @contextlib.contextmanager
    def during(self, step: str) -> Iterator[None]:
        """Hold the note for a block. An exception is an orderly end too."""
        self.set(step)
        try:
            yield
        finally:
            self.clear(step)

    def take_left_over(self) -> list[str]:
        """The steps that the last owner of the folder died in; their notes are removed.

        For the folder's owner alone, before its first note: whose process a note was cannot be
        told, because the system gives the numbers of processes again.
        """
        with self._lock:
            return [_step(path) for path in self._notes() if _removed(path)]

    def close(self) -> None:
        """An orderly end has begun: no note is left, and none is made any more."""
        with self._lock:
            self._is_closed = True
            for path in self._notes():
                _removed(path)

    def _notes(self) -> list[Path]:
        return [] if self._folder is None else sorted(self._folder.glob("during-*.json"))


def _path(folder: Path, step: str) -> Path:
    return folder / f"during-{step}.json"


def _step(path: Path) -> str:
    return path.stem.removeprefix("during-")


def _removed(path: Path) -> bool:
    """One that cannot be removed does not count, or every start from now on would be a safe one."""
    try:
        path.unlink()
    except OSError:
        return False
    return True
