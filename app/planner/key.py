"""What makes one plan better than another: compared place by place, the first that differs wins.

Pure. No place depends on how much memory is free. Why this order: app/decisions/0007.
"""

from __future__ import annotations

import math
from typing import Final, NamedTuple

TIE: Final = 1.05
"""Speeds within this factor count as equal."""
_SLOWEST: Final = 1e-3


class Key(NamedTuple):
    """Larger is better, in every place."""

    fit: int  # 2 well, 1 tight, 0 no
    has_margin: bool  # at least LEAST_MARGIN_BYTES stay free
    pace: int  # 0 at or above the floor; -1 down to half of it, -2 down to a quarter …
    has_context: bool  # at least the usual context
    on_devices: bool  # all layers, on devices no slower than the processor
    n_ctx: int
    is_f16: bool
    speed: int  # in steps of 5 %
    few_devices: int
    n_ubatch: int
    n_seq_max: int
    exact_speed: float


class FileKey(NamedTuple):
    """The same across files: what it is to choose this file, with its best plan."""

    is_pinned: bool  # the quant that was asked for
    fit: int
    has_margin: bool
    nearness: int  # 0 where it fits, else the bytes it falls short by, negative
    is_good: bool  # at least the tier that was asked for
    pace: int
    is_sound: bool  # tier C or better
    rank: int
    tier: int
    has_context: bool
    on_devices: bool
    kld: float  # negative
    n_ctx: int
    is_f16: bool
    speed: int
    small: int  # negative bytes
    few_devices: int
    n_ubatch: int
    n_seq_max: int


def speed_step(tokens_per_second: float) -> int:
    """Speeds of one step count as equal."""
    return math.floor(math.log(max(tokens_per_second, _SLOWEST)) / math.log(TIE))


def pace_of(tokens_per_second: float, least: float) -> int:
    """0 where the floor is met, else how often it must be halved until it is."""
    if least <= 0 or tokens_per_second >= least:
        return 0
    return math.floor(math.log2(max(tokens_per_second, _SLOWEST) / least))
