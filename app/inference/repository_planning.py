"""Which file of a repository on the hub suits this computer: the header of one file is read, and
all others are worked out from their sizes.

Called on pool threads; one look at the hub, then arithmetic. Knows no face.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Final

from app.gguf.facts import ModelFacts
from app.hardware.profile import MachineProfile
from app.inference.catalogue_planning import CataloguePlanning, Subject
from app.models.offered import QuantGroup, RepositoryInfo
from app.models.remote_header import Place
from app.planner.choose import Candidate
from app.planner.plan import Plan, Wish
from app.planner.quality import quality_of

_MIDDLE: Final = (
    *("Q4_K_M", "UD-Q4_K_XL", "Q4_K_S", "IQ4_XS", "Q4_0", "MXFP4_MOE", "Q5_K_M", "Q8_0"),
)
"""Whose header is read for all: what most people take, and so the one to be exact for."""
_ANY_RANK: Final = 1


@dataclass(frozen=True, slots=True)
class Suited:
    """The file that suits best, and how it would run. `read` is whose header was read."""

    group: QuantGroup
    plan: Plan
    read: QuantGroup


def best_group(
    planning: CataloguePlanning,
    info: RepositoryInfo,
    wish: Wish | None = None,
    *,
    machine: MachineProfile | None = None,
) -> Suited:
    """The file of a repository to take here; it must hold one.

    Raises what reading a header raises, and ModelUnsupported for what cannot run or chat.
    """
    read = header_group(info)
    facts = planned(planning, info, read, wish, machine=machine)[0]
    name = info.id.partition("/")[2]
    candidates = []
    for group in info.groups:
        own = facts if group == read else resized(facts, group)
        own = dataclasses.replace(own, quant=group.quant or own.quant, name=name)
        quality = quality_of(own.quant, n_params=own.n_params)
        candidates.append(Candidate(name, _ANY_RANK, own, group.name, quality))
    choice = planning.chosen(tuple(candidates), wish, machine=machine)
    group = next(group for group in info.groups if group.name == choice.candidate.file)
    return Suited(group, choice.plan, read)


def planned(
    planning: CataloguePlanning,
    info: RepositoryInfo,
    group: QuantGroup,
    wish: Wish | None = None,
    *,
    machine: MachineProfile | None = None,
) -> tuple[ModelFacts, Plan]:
    """One file from its own header, and its plan by formula. Raises as `best_group`."""
    step = next(planning.steps(subject_of(info, group), wish, machine=machine))
    return step.facts, step.plan


def subject_of(info: RepositoryInfo, group: QuantGroup) -> Subject:
    """What is planned for one file of a repository."""
    return Subject(Place(info.id, group.name, info.commit or "main"), group.quant)


def header_group(info: RepositoryInfo) -> QuantGroup:
    """The file whose header speaks for all: one in the middle, in as few parts as there are."""
    ranked = {quant: place for place, quant in enumerate(_MIDDLE)}
    least = min(len(group.parts) for group in info.groups)
    few = [group for group in info.groups if len(group.parts) == least]
    return min(few, key=lambda group: ranked.get(group.quant.upper(), len(ranked)))


def resized(facts: ModelFacts, group: QuantGroup) -> ModelFacts:
    """The same model in a file of another size: all its weights grow or shrink alike."""
    if not group.bytes or not facts.weight_bytes:
        return dataclasses.replace(facts, quant=group.quant)
    whole = facts.weight_bytes + facts.lookahead_bytes
    beside = max(0, facts.file_bytes - whole)
    factor = max(1, group.bytes - beside) / whole

    def scaled(n_bytes: int) -> int:
        return round(n_bytes * factor)

    return dataclasses.replace(
        facts,
        quant=group.quant,
        file_bytes=group.bytes,
        input_bytes=scaled(facts.input_bytes),
        layer_bytes=tuple(map(scaled, facts.layer_bytes)),
        expert_layer_bytes=tuple(map(scaled, facts.expert_layer_bytes)),
        output_bytes=scaled(facts.output_bytes),
        tied_output_bytes=scaled(facts.tied_output_bytes),
        lookahead_bytes=scaled(facts.lookahead_bytes),
    )
