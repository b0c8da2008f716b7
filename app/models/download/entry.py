"""One download in the list: what is remembered of it, and what is known while it runs.

Held by `Downloads` under its lock; the thread that works on it sets the counters alone.
"""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass, field
from pathlib import Path

from app.foundation.cancellation import Cancellation
from app.foundation.errors import HearthError
from app.foundation.units import duration_text
from app.models.download.install import Shelf
from app.models.download.pace import Meter
from app.models.download.partial import Expected, Partial
from app.models.wanted import Progress, State, Wanted
from app.network.deadline import Wire

RUNNING: frozenset[State] = frozenset({"asking", "downloading", "checking"})


@dataclass(eq=False)
class Run:
    """One thread's work on one download. Stopping it is for good: going on is another run."""

    stop: Cancellation = field(default_factory=Cancellation)
    wire: Wire = field(default_factory=Wire)
    thread: threading.Thread | None = None

    def __post_init__(self) -> None:
        self.stop.on_cancel(self.wire.cut)


@dataclass(eq=False)
class Entry:
    """`commit` and `folder` are what it was begun with; `due_s` is when a waiting one tries again,
    on the steady clock."""

    wanted: Wanted
    state: State = "queued"
    commit: str = ""
    folder: str = ""
    error: HearthError | None = None
    note: str = ""
    path: Path | None = None
    due_s: float = 0.0
    tries: int = 0
    tried_bytes: int = 0
    rounds: int = 0
    """How often all of it came and was wrong."""
    done_bytes: int = 0
    total_bytes: int = 0
    checked: float = 0.0
    checking: str = ""
    """What is checked now, in words, and how much of it was."""
    told_s: float = 0.0
    meter: Meter = field(default_factory=Meter)
    shelf: Shelf = field(default_factory=Shelf)
    partials: dict[int, Partial] = field(default_factory=dict)
    expected: dict[int, Expected] = field(default_factory=dict)
    """What the hub said of each part the first time."""
    surprises: dict[int, Expected] = field(default_factory=dict)
    """What it said of some the last time, where that was something else."""
    whole_answers: int = 0
    """How often the whole file came where a part was asked for."""
    run: Run | None = None

    def __post_init__(self) -> None:
        if all(part.bytes for part in self.wanted.parts):
            self.total_bytes = self.wanted.bytes

    @property
    def key(self) -> str:
        return self.wanted.key

    def is_other(self, wanted: Wanted) -> bool:
        """Whether `wanted`, of the same key, is known to have other content."""
        for index, (known, asked) in enumerate(zip(self.wanted.parts, wanted.parts, strict=True)):
            said = self.expected.get(index)
            sha256 = known.sha256 or (said.sha256 if said is not None else "")
            if sha256 and asked.sha256 and sha256 != asked.sha256:
                return True
        return False

    def progress(self, held: str = "") -> Progress:
        """A snapshot; `held` is why nothing runs now."""
        state, note, left_s, speed = self.state, self.note, None, 0.0
        if state == "queued" and held:
            state, note = "waiting", held
        elif state == "downloading":
            speed = self.meter.bytes_per_s()
            left_s = self.meter.left_s(max(0, self.total_bytes - self.done_bytes))
        elif state == "waiting":
            left_s = max(0.0, self.due_s - time.monotonic())
            if left_s >= 1:
                note = f"{note} Trying again in {duration_text(left_s)}."
        elif state == "checking":
            note = f"{self.checking}: {int(self.checked * 100)} %."
        return Progress(
            key=self.key,
            wanted=self.wanted,
            state=state,
            done_bytes=self.done_bytes,
            total_bytes=self.total_bytes,
            bytes_per_s=speed,
            left_s=left_s,
            path=self.path,
            error=self.error,
            note=note,
        )
