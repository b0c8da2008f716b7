"""What people ask to have on their disk, and how far it has come. Pure.

Names and sizes come from a catalogue or a hub: they are claims, checked by whoever uses them.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Literal

from app.foundation.errors import HearthError

Role = Literal["model", "projector", "adapter", "archive"]
"""An archive is no model: a newer Hearth comes the same way."""
State = Literal[
    "queued", "asking", "downloading", "waiting", "paused", "checking", "done", "failed"
]

ENDED: Final[frozenset[State]] = frozenset({"done", "failed"})


@dataclass(frozen=True, slots=True)
class Part:
    """One file to fetch. `bytes` is 0 and `sha256` "" where they are not known yet."""

    name: str
    """Its path in the repository; never a path on this disk as it is."""
    bytes: int
    sha256: str
    role: Role = "model"


@dataclass(frozen=True, slots=True)
class Wanted:
    """One model with all that belongs to it: split parts in order, a projector last."""

    repo: str
    revision: str
    """A commit, a branch, or "" for the main one."""
    parts: tuple[Part, ...]
    name: str
    """As people say it: "Qwen3.5 4B"."""
    quant: str
    entry_id: str = ""
    """Its id in the catalogue, where it comes from there."""

    @property
    def key(self) -> str:
        """The same for the same files of the same repository and revision; 16 hex digits."""
        said = json.dumps([self.repo, self.revision, [part.name for part in self.parts]])
        return hashlib.sha256(said.encode()).hexdigest()[:16]

    @property
    def bytes(self) -> int:
        """Of all parts whose size is known."""
        return sum(part.bytes for part in self.parts)


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a download has come, at one moment."""

    key: str
    wanted: Wanted
    state: State
    done_bytes: int = 0
    total_bytes: int = 0
    """0: not known yet."""
    bytes_per_s: float = 0.0
    """Over the last seconds; 0: not known."""
    left_s: float | None = None
    path: Path | None = None
    """Once done: the file that is opened, the model's first part."""
    error: HearthError | None = None
    note: str = ""
    """Why it waits, and until when, in words."""


@dataclass(frozen=True, slots=True)
class Located:
    """Where the hub says that one file is to be had, and what it must hold."""

    url: str
    bytes: int
    sha256: str
    """"" where the hub does not say: a file that is not kept in LFS."""
    commit: str
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    """For the hub's own host only: who asks. Never shown, never logged."""


Locate = Callable[[str, str, str], Located]
"""Repository, revision, name → where it is. Raises ModelNotFound, Offline, NetworkError, …"""
