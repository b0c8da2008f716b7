"""Which file of a catalogue suits this machine best, and the two that came nearest.

Pure. `rank` says which model is better where all else is equal, and slowness costs ranks; see
`key` for the whole order.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final, NamedTuple

from app.gguf.facts import ModelFacts
from app.hardware.profile import MachineProfile
from app.planner.key import FileKey, worth_of
from app.planner.learnt import NOTHING, Learnt
from app.planner.plan import Plan, Reason, Wish, plan_of
from app.planner.quality import TIERS, Quality, Tier
from app.planner.search import Point, Search

_SOUND: Final[Tier] = "C"
"""A tier below this counts only where no model of this one fits."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """One file that could be used. `model` names the model in sentences ("Qwen3 8B"), equal for
    all its files; the higher its `rank`, the better the model. `file` tells the file apart."""

    model: str
    rank: int
    facts: ModelFacts
    file: str
    quality: Quality


@dataclass(frozen=True, slots=True)
class Rejected:
    """What was not chosen, the plan it would have had, and why not."""

    candidate: Candidate
    plan: Plan
    reason: Reason


@dataclass(frozen=True, slots=True)
class Choice:
    """The best candidate, its plan, and at most two others, the most telling first.

    The plan's `fits` is "no" where nothing fits: the candidate then is the nearest to fitting.
    """

    candidate: Candidate
    plan: Plan
    rejected: tuple[Rejected, ...]


class _Entry(NamedTuple):
    candidate: Candidate
    search: Search
    point: Point
    key: FileKey


_CODES = {
    "is_pinned": "choice_not_pinned",
    "fit": "choice_too_big",
    "has_margin": "choice_tight",
    "nearness": "choice_too_big",
    "is_good": "choice_damaged",
    "pace": "choice_too_slow",
    "is_sound": "choice_unsound",
    "worth": "choice_better_model",
    "tier": "choice_better_quant",
    "has_context": "choice_context",
    "on_devices": "choice_on_device",
    "kld": "choice_better_quant",
    "n_ctx": "choice_context",
    "is_f16": "choice_context",
    "n_seq_max": "choice_context",
    "n_ubatch": "choice_faster",
    "speed": "choice_faster",
    "small": "choice_smaller",
    "few_devices": "choice_fewer_devices",
}


def choose(
    machine: MachineProfile,
    candidates: tuple[Candidate, ...],
    wish: Wish | None = None,
    *,
    learnt: Learnt = NOTHING,
) -> Choice:
    """The best of `candidates` here. Raises ValueError where there is none."""
    if not candidates:
        raise ValueError("nothing to choose from")
    wish = wish or Wish()
    entries = [_entry(machine, candidate, wish, learnt) for candidate in candidates]
    entries.sort(key=_order)
    best = entries[0]
    rejected = tuple(
        Rejected(
            other.candidate,
            plan_of(other.search, other.point, machine),
            _reason(best, other, wish),
        )
        for other in _telling(best, entries[1:])
    )
    return Choice(best.candidate, plan_of(best.search, best.point, machine), rejected)


def file_key(
    candidate: Candidate, point: Point, fastest: tuple[float, float], wish: Wish
) -> FileKey:
    """How good it is to choose this file with this plan; `fastest` is what it could write and
    read here (`Search.fastest`)."""
    own, quality = point.key, candidate.quality
    least = wish.least_tokens_per_second
    return FileKey(
        is_pinned=wish.quant is None or candidate.facts.quant == wish.quant,
        fit=own.fit,
        has_margin=own.has_margin,
        nearness=0 if own.fit else -point.short_bytes,
        is_good=quality.is_at_least(wish.least_quality),
        pace=own.pace,
        is_sound=quality.is_at_least(_SOUND),
        worth=worth_of(candidate.rank, *fastest, least),
        tier=-TIERS.index(quality.tier),
        has_context=own.has_context,
        on_devices=own.on_devices,
        kld=-quality.kld,
        n_ctx=own.n_ctx,
        is_f16=own.is_f16,
        speed=own.speed,
        small=-candidate.facts.file_bytes,
        few_devices=own.few_devices,
        n_ubatch=own.n_ubatch,
        n_seq_max=own.n_seq_max,
    )


def _entry(machine: MachineProfile, candidate: Candidate, wish: Wish, learnt: Learnt) -> _Entry:
    search = Search(machine, candidate.facts, wish, learnt=learnt)
    point = search.best()
    key = file_key(candidate, point, search.fastest(point.fit), wish)
    return _Entry(candidate, search, point, key)


def _order(entry: _Entry) -> tuple[Any, ...]:
    """Best first; names decide between equals."""
    place = tuple(-value for value in entry.key)
    return (*place, entry.candidate.model, entry.candidate.file)


def _telling(best: _Entry, others: list[_Entry]) -> list[_Entry]:
    """The nearest that would have been better, had it fitted, and the best of the rest.

    Of one model one file is enough, unless there are no others.
    """
    above = [other for other in others if _worth(other) > _worth(best)]
    nearest = min(above, key=lambda other: (_worth(other), _order(other)), default=None)
    found = [nearest] if nearest is not None else []
    for other in others:
        named = {entry.candidate.model for entry in found}
        if len(found) < 2 and other not in found and other.candidate.model not in named:
            found.append(other)
    for other in others:
        if len(found) < 2 and other not in found:
            found.append(other)
    return found


def _worth(entry: _Entry) -> tuple[int, int]:
    return entry.candidate.rank, entry.key.tier


def _reason(best: _Entry, other: _Entry, wish: Wish) -> Reason:
    """The first place of the keys that differs, with what its sentence needs."""
    pairs = zip(FileKey._fields, best.key, other.key, strict=True)
    field = next((name for name, own, its in pairs if own != its), "")
    code = _CODES.get(field, "choice_same")
    if field == "fit" and other.key.fit > 0:
        code = "choice_tight"
    if field == "worth" or (
        field in ("tier", "kld") and best.candidate.model != other.candidate.model
    ):
        code = _worth_code(best, other)
    pool = other.search.pools[0]
    return Reason(
        code,
        {
            "a_model": best.candidate.model,
            "a_quant": best.candidate.facts.quant,
            "a_speed": best.point.tokens_per_second,
            "b_model": other.candidate.model,
            "b_quant": other.candidate.facts.quant,
            "b_speed": other.point.tokens_per_second,
            "a_read": _read(best),
            "b_read": _read(other),
            "need": pool.free_bytes - other.point.margin_bytes,
            "free": pool.free_bytes,
            "least": wish.least_tokens_per_second,
            "wanted": wish.quant or "",
        },
    )


def _read(entry: _Entry) -> float:
    chosen = entry.point.configuration
    return entry.search.timing.expected(entry.point.layout, chosen).prompt_tokens_per_second


def _worth_code(best: _Entry, other: _Entry) -> str:
    """Whether it lost by what it is or by how slow it is."""
    if _worth(other) > _worth(best):
        return "choice_slower"
    return "choice_faster" if best.candidate.rank == other.candidate.rank else "choice_better_model"
