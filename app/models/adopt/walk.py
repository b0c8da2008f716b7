"""Looks into folders of others: bounded, never in a circle, and opens only small named files.

Each step tells `beat`, so that whoever waits knows a slow disk from a dead one; `beat` may raise
to end the look. What cannot be looked at is passed over.
"""

from __future__ import annotations

import json
import os
import stat
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final

MOST_ENTRIES: Final = 200_000
MOST_FILES: Final = 20_000
MOST_DEPTH: Final = 8
MOST_SMALL_BYTES: Final = 1 << 20
PARTIAL_MARKS: Final = (
    *(".part", ".partial", ".aria2", ".crdownload", ".download", ".incomplete"),
    *(".downloadInProgress", ".tmp"),
)
"""What programs put beside, or behind the name of, a file that is still coming."""


def _nothing() -> None:
    return None


class Walk:
    """One look, with what it may still do. `is_cut` says that there was more than that."""

    def __init__(
        self,
        beat: Callable[[], None] = _nothing,
        *,
        most_entries: int = MOST_ENTRIES,
        most_files: int = MOST_FILES,
    ) -> None:
        self.beat = beat
        self.is_cut = False
        self._entries_left = most_entries
        self._files_left = most_files

    def models(self, folder: Path, depth: int = MOST_DEPTH) -> Iterator[Path]:
        """The .gguf files below `folder`, in order of their names, without hidden folders."""
        waiting = [(folder, depth)]
        seen: set[tuple[int, int]] = set()
        while waiting:
            here, left = waiting.pop()
            identity = _identity(here)
            if identity is None or identity in seen:
                continue
            seen.add(identity)
            entries = self.entries(here)
            names = {entry.name for entry in entries}
            below: list[tuple[Path, int]] = []
            for entry in entries:
                if entry.name.startswith("."):
                    continue
                if entry.name.lower().endswith(".gguf"):
                    if self.is_model(entry, names):
                        yield Path(entry.path)
                elif left > 0 and _is_folder(entry):
                    below.append((Path(entry.path), left - 1))
            waiting.extend(reversed(below))

    def entries(self, folder: Path) -> list[os.DirEntry[str]]:
        """What is in a folder, by name; nothing where it cannot be read."""
        found: list[os.DirEntry[str]] = []
        self.beat()
        try:
            with os.scandir(folder) as listing:
                for entry in listing:
                    self._entries_left -= 1
                    if self._entries_left < 0:
                        self.is_cut = True
                        break
                    found.append(entry)
                    if len(found) % 256 == 0:
                        self.beat()
        except OSError:
            pass
        return sorted(found, key=lambda entry: entry.name)

    def is_model(self, entry: os.DirEntry[str], names: set[str]) -> bool:
        """Whether a .gguf is a whole, ordinary file as far as names and sizes tell.

        `names` are those of its folder. Pipes and devices must never be opened.
        """
        self.beat()
        if any(entry.name + mark in names for mark in PARTIAL_MARKS):
            return False
        if entry.name.startswith("incomplete-"):
            return False
        try:
            status = entry.stat()
        except OSError:
            return False
        if not stat.S_ISREG(status.st_mode) or not status.st_size:
            return False
        self._files_left -= 1
        if self._files_left < 0:
            self.is_cut = True
            return False
        return True

    def is_file(self, path: Path) -> bool:
        """Whether an ordinary file with something in it is there."""
        self.beat()
        try:
            status = path.stat()
        except (OSError, ValueError):
            return False
        return stat.S_ISREG(status.st_mode) and status.st_size > 0

    def text(self, path: Path) -> str:
        """A small text file of another program; "" where there is none that can be read."""
        if not self.is_file(path):
            return ""
        try:
            with path.open("rb") as file:
                content = file.read(MOST_SMALL_BYTES + 1)
        except OSError:
            return ""
        if len(content) > MOST_SMALL_BYTES:
            return ""
        return content.decode("utf-8", "replace").removeprefix("\ufeff")

    def table(self, path: Path) -> dict[str, Any]:
        """A small JSON object of another program; {} where there is none that can be read."""
        try:
            found = json.loads(self.text(path) or "{}")
        except (ValueError, RecursionError):
            return {}
        return found if isinstance(found, dict) else {}


def _identity(folder: Path) -> tuple[int, int] | None:
    try:
        status = os.stat(folder)
    except (OSError, ValueError):
        return None
    return (status.st_dev, status.st_ino) if stat.S_ISDIR(status.st_mode) else None


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:
        return False
