"""What makes one plan better than another: compared place by place, the first that differs wins.

Pure. No place depends on how much memory is free. Why this order: app/decisions/0007.
"""

from __future__ import annotations

import math
from typing import Final, NamedTuple

TIE: Final = 1.05
"""Speeds within this factor count as equal."""
_SLOWEST: Final = 1e-3
_COMFORT: Final = 20.0
"""Tokens a second from which on a faster model is no better: an answer that thinks first is
there in a minute or two."""
_FLOORS_TO_COMFORT: Final = 10 / 3
_READING_TO_WRITING: Final = 2.0
_WRITING_COSTS: Final = 0.1
_READING_COSTS: Final = 0.03
"""The part of its rank that each halving below comfort costs a model. With less, a card of 16 GB
gets a dense model of 27 billion weights at 8 tokens a second instead of one with experts, nearly
as good, at 77; with more, a netbook gets a toy."""


class Key(NamedTuple):
    """Larger is better, in every place."""

    fit: int  # 2 well, 1 tight, 0 no
    has_margin: bool  # at least LEAST_MARGIN_BYTES stay free
    pace: int  # 0 at or above the floor; -1 down to half of it, -2 down to a quarter …
    has_context: bool  # at least the usual context
    on_devices: bool  # all layers, on devices no slower than the processor
    n_ctx: int
    is_f16: bool
    n_seq_max: int
    n_ubatch: int
    speed: int  # in steps of 5 %
    few_devices: int  # negative
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
    worth: int  # the model's rank, less what its slowness costs
    tier: int
    has_context: bool
    on_devices: bool
    kld: float  # negative
    n_ctx: int
    is_f16: bool
    n_seq_max: int
    n_ubatch: int
    speed: int
    small: int  # negative bytes
    few_devices: int


def speed_step(tokens_per_second: float) -> int:
    """Speeds of one step count as equal."""
    return math.floor(math.log(max(tokens_per_second, _SLOWEST)) / math.log(TIE))


def pace_of(tokens_per_second: float, least: float) -> int:
    """0 where the floor is met, else how often it must be halved until it is."""
    if least <= 0 or tokens_per_second >= least:
        return 0
    return math.floor(math.log2(max(tokens_per_second, _SLOWEST) / least))


def worth_of(rank: int, written: float, read: float, least: float) -> int:
    """The rank less what slowness costs, in tokens a second written and read.

    A person who asked for less speed than usual is sooner content.
    """
    comfort = min(_COMFORT, _FLOORS_TO_COMFORT * max(0.0, least))
    kept = math.pow(1 - _WRITING_COSTS, _halvings(written, comfort))
    kept *= math.pow(1 - _READING_COSTS, _halvings(read, _READING_TO_WRITING * comfort))
    return round(rank * kept)


def _halvings(speed: float, enough: float) -> float:
    return max(0.0, math.log2(max(enough, _SLOWEST) / max(speed, _SLOWEST)))
