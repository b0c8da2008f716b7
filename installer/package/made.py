"""What packaging hands on: one thing that was made."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Made:
    """One artefact: a file or folder below build/package, and a word about it."""

    name: str
    path: Path
    note: str = ""
