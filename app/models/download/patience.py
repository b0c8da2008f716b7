"""What follows from a failure: try again and when, pause, or give up. Pure but for a little chance.

A line that is down is waited for without end; a far end that sends what cannot be right is
believed a few times more, and no longer.
"""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from typing import Literal

from app.foundation.errors import (
    Busy,
    HearthError,
    NetworkError,
    Offline,
    StorageError,
    StorageFull,
    StorageReadOnly,
    Unreachable,
)
from app.models.download.space import FolderGone
from app.models.download.transfer import Drip


class Stopped(Exception):
    """Somebody asked for that."""


class Elsewhere(HearthError):
    """Another Hearth works on the same download."""

    code = "download_elsewhere"


@dataclass(frozen=True, slots=True)
class Patience:
    """Waits between tries grow from `first_s` to `most_s`; `again_s` is that after a line which
    ended but had brought something. `lies` is how often what cannot be right is borne."""

    first_s: float = 1.0
    most_s: float = 60.0
    again_s: float = 0.2
    offline_s: float = 5.0
    elsewhere_s: float = 1.0
    folder_s: float = 5.0
    lies: int = 5
    look_s: float = 2.0
    """How often the disk is looked at while something comes."""
    drip: Drip = field(default_factory=Drip)


@dataclass(frozen=True, slots=True)
class Verdict:
    """`error` is what to say; in state "waiting" it is tried again after `after_s`."""

    state: Literal["waiting", "paused", "failed"]
    error: HearthError
    after_s: float = 0.0


def verdict(error: HearthError, tries: int, patience: Patience) -> Verdict:
    """What to do after `error`, the `tries`th in a row since something came."""
    if isinstance(error, Offline):
        return Verdict("waiting", error, patience.offline_s)
    if isinstance(error, Elsewhere):
        return Verdict("waiting", error, patience.elsewhere_s)
    if isinstance(error, FolderGone):
        return Verdict("waiting", error, patience.folder_s)
    if isinstance(error, StorageFull):
        return Verdict("paused", error)
    if isinstance(error, Busy):
        return Verdict("waiting", error, max(error.after_s or 0.0, _backoff(tries, patience)))
    if isinstance(error, Unreachable):
        return Verdict("waiting", error, _backoff(tries, patience))
    few = isinstance(error, NetworkError) or (
        isinstance(error, StorageError) and not isinstance(error, StorageReadOnly)
    )
    if few and tries <= patience.lies:
        return Verdict("waiting", error, _backoff(tries, patience))
    return Verdict("failed", error)


def _backoff(tries: int, patience: Patience) -> float:
    wait_s = min(patience.most_s, patience.first_s * 2.0 ** min(tries - 1, 20))
    # Many that lost the same line should not all come back in the same moment.
    return wait_s * random.uniform(0.8, 1.2)
