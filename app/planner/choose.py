"""Which file of a catalogue suits this machine best, and the two that came nearest.

Pure. `rank` says which model is better where all else is equal; see `key` for the whole order.
"""

from __future__ import annotations

from dataclasses import dataclass

from app.gguf.facts import ModelFacts
from app.hardware.profile import MachineProfile
from app.planner.learnt import NOTHING, Learnt
from app.planner.memory import FITS
from app.planner.plan import Plan, Reason, Wish, plan_for
from app.planner.quality import TIERS, Quality


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


def choose(
    machine: MachineProfile,
    candidates: tuple[Candidate, ...],
    wish: Wish | None = None,
    *,
    learnt: Learnt = NOTHING,
) -> Choice:
    """The best of `candidates` here. Raises ValueError where there is none."""
    wish = wish or Wish()
    found = [
        (candidate, plan_for(machine, candidate.facts, wish, learnt=learnt))
        for candidate in candidates
    ]
    if not found:
        raise ValueError("nothing to choose from")

    def key(entry: tuple[Candidate, Plan]) -> tuple[object, ...]:
        candidate, plan = entry
        fast = plan.expected.generated_tokens_per_second >= wish.least_tokens_per_second
        return (
            FITS.index(plan.fits),
            fast and candidate.quality.is_at_least(wish.least_quality),
            candidate.rank,
            -TIERS.index(candidate.quality.tier),
            -candidate.facts.file_bytes,
        )

    found.sort(key=key, reverse=True)
    best, plan = found[0]
    rejected = [Rejected(other, its, Reason("ranked_lower")) for other, its in found[1:3]]
    return Choice(best, plan, tuple(rejected))
