"""Asks the planner about every machine of the zoo. Decides nothing, keeps nothing on disk."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

from app.hardware.profile import MachineProfile
from app.planner.choose import Candidate, Choice, choose
from app.planner.plan import Plan, Wish, plan_for
from tests.zoo.keeper import machine_named
from tests.zoo.models import WELL_KNOWN, all_candidates, files_of

USES: dict[str, Wish] = {
    "everyday": Wish(),
    "quick": Wish(least_tokens_per_second=25.0),
    "long texts": Wish(n_ctx_wanted=32_768),
}
"""What people want of a model, as wishes."""


@dataclass(frozen=True)
class Known:
    """What a model that somebody asked for by name would do; `choice` is among its files."""

    name: str
    choice: Choice


@cache
def recommended(machine: str, use: str) -> Choice:
    """The best of the whole catalogue on that machine for that use."""
    return choose(machine_named(machine), all_candidates(), USES[use])


@cache
def known_models(machine: str) -> tuple[Known, ...]:
    """Models that people ask for by name, each with the file that suits the machine best."""
    profile = machine_named(machine)
    return tuple(Known(name, choose(profile, files_of(name))) for name in WELL_KNOWN)


def plan_of(machine: MachineProfile, candidate: Candidate, wish: Wish | None = None) -> Plan:
    """The plan of one file."""
    return plan_for(machine, candidate.facts, wish or Wish())
