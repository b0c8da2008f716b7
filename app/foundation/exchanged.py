"""Whether the program that runs still is the one on the disk: a package of the system, or a hand,
may have put another one in its place. Any thread that may wait for a disk; the standard library.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Final

_MOST_BYTES: Final = 64 * 1024


class Exchanged:
    """Remembers a program's file as it is now. Never raises."""

    def __init__(self, program: Path) -> None:
        self._program = program
        self._before = _mark(program)

    def by(self) -> str | None:
        """The version that stands in its place, "" where that cannot be told or nothing does; None
        as long as it is the same. Its date alone says nothing."""
        if self._before is None or _mark(self._program) == self._before:
            return None
        try:
            with (self._program.parent / "_internal" / "build.json").open("rb") as file:
                return str(json.loads(file.read(_MOST_BYTES))["version"])
        except (OSError, ValueError, KeyError, TypeError):
            return ""


def _mark(path: Path) -> tuple[int, int, int] | None:
    try:
        stat = os.stat(path)
    except OSError:
        return None
    return stat.st_dev, stat.st_ino, stat.st_size
