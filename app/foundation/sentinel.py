"""Crash sentinels: a note on disk while something risky is under way.

A note that is still there at the next start, though its process is gone, says what ended it.
Losing a sentinel file does no harm; knows nothing of what the risky steps are.
"""

from __future__ import annotations

import contextlib
import json
import os
import time
from collections.abc import Iterator
from pathlib import Path


class Sentinels:
    """The notes in one folder. Thread-safe, as every note is a file of its own."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def set(self, step: str) -> None:
        """Note that `step` begins. A folder that cannot be written only loses the protection."""
        note = {"step": step, "pid": os.getpid(), "since": time.time()}
        with contextlib.suppress(OSError):
            path = self._path(step)
            with path.open("w", encoding="ascii") as file:
                json.dump(note, file)
                file.flush()
                os.fsync(file.fileno())

    def clear(self, step: str) -> None:
        """Note that `step` ended, well or badly but in an orderly way."""
        with contextlib.suppress(OSError):
            self._path(step).unlink(missing_ok=True)

    @contextlib.contextmanager
    def during(self, step: str) -> Iterator[None]:
        """Hold the note for a block. An exception is an orderly end too."""
        self.set(step)
        try:
            yield
        finally:
            self.clear(step)

    def take_left_over(self) -> list[str]:
        """The steps that a process which no longer runs died in; their notes are removed."""
        steps = []
        for path in sorted(self._folder.glob("during-*.json")):
            try:
                note = json.loads(path.read_text("ascii"))
                step, pid = str(note["step"]), int(note["pid"])
            except (OSError, ValueError, KeyError, TypeError):
                step, pid = path.stem.removeprefix("during-"), 0
            if pid == os.getpid() or not _is_running(pid):
                steps.append(step)
                with contextlib.suppress(OSError):
                    path.unlink()
        return steps

    def _path(self, step: str) -> Path:
        return self._folder / f"during-{step}.json"


def _is_running(pid: int) -> bool:
    if pid <= 0:
        return False
    import psutil

    return bool(psutil.pid_exists(pid))
