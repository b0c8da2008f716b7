"""What `models get` fetches: a word, the hub's list and the planner → the files, and how they run.

Asks the hub what a repository holds and reads one header; downloads nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from app.cli.here import REPOSITORY
from app.cli.services import CliServices, Reach
from app.foundation.errors import HearthError, ModelError, ModelNotFound, NotEnoughMemory
from app.foundation.units import bytes_text

if TYPE_CHECKING:
    from app.models.entries import Entry, File
    from app.models.offered import QuantGroup, RepositoryInfo
    from app.models.wanted import Wanted
    from app.planner.plan import Plan

_FORCE = "To have it all the same: --force"


@dataclass(frozen=True, slots=True)
class Pick:
    """What to fetch. `plan` is None where none was made; `is_recommended` where the planner chose
    the quant; `problem` says why it cannot run here."""

    wanted: Wanted
    plan: Plan | None = None
    is_recommended: bool = False
    problem: HearthError | None = None


def pick(word: str, services: CliServices, reach: Reach) -> Pick:
    """What `id[:quant]` or `owner/repo[:file or quant]` means on this computer.

    Raises ModelNotFound, NetworkError and its kin, AccessNeeded.
    """
    from app.models.catalog import catalogue

    model, _, detail = word.partition(":")
    entry = catalogue(services.profile()).find(model)
    if entry is not None:
        return _of_catalogue(entry, detail, reach)
    if not REPOSITORY.match(word):
        raise ModelNotFound(
            f"There is no model “{word}” to be had.",
            "It is neither in the catalogue nor of the form owner/name.",
            "See: hearth models list --all, or: hearth models search WORDS",
        )
    return _of_repository(reach.hub.repository(model), detail, reach)


def _of_catalogue(entry: Entry, detail: str, reach: Reach) -> Pick:
    from app.inference.catalogue_planning import subject_of
    from app.models.catalog import wanted_of

    file: File
    if detail:
        file = entry.file_of(detail)
    else:
        file = reach.planning.chosen_file(entry) if entry.can_chat else entry.default_file
    wanted = wanted_of(entry, file)
    if not entry.can_chat:
        return Pick(wanted, is_recommended=not detail)
    try:
        plan = next(reach.planning.steps(subject_of(entry, file))).plan
    except ModelError as error:
        return Pick(wanted, problem=error)
    return Pick(wanted, plan, not detail, _too_big(entry.name, plan))


def _of_repository(info: RepositoryInfo, detail: str, reach: Reach) -> Pick:
    from app.inference.repository_planning import best_group, header_group, planned
    from app.models.answers import without_gguf

    if not info.groups:
        raise without_gguf(info)
    group = _named(info, detail) if detail else header_group(info)
    try:
        if detail:
            plan = planned(reach.planning, info, group)[1]
        else:
            suited = best_group(reach.planning, info)
            group, plan = suited.group, suited.plan
    except ModelError as error:
        return Pick(info.wanted(group), problem=error)
    return Pick(info.wanted(group), plan, not detail, _too_big(info.id, plan))


def _named(info: RepositoryInfo, detail: str) -> QuantGroup:
    """The file of that name or quant. Raises ModelNotFound."""
    wanted = detail.lower()
    for group in info.groups:
        names = {group.name.lower(), group.name.lower().rpartition("/")[2], group.quant.lower()}
        if wanted in names:
            return group
    quants = ", ".join(dict.fromkeys(group.quant or group.name for group in info.groups))
    raise ModelNotFound(
        f"There is no file “{detail}” in {info.id}.", f"It has {quants}.", "Name one of these."
    )


def _too_big(name: str, plan: Plan) -> HearthError | None:
    if plan.fits != "no":
        return None
    needed, free = bytes_text(plan.needed_bytes), bytes_text(plan.free_bytes)
    return NotEnoughMemory(
        f"{name} does not run on this computer.",
        f"In {plan.quant} it needs {needed} of memory; {free} is free.",
        f"What does run: hearth models recommend. {_FORCE}",
    )


def with_way_out(error: HearthError) -> HearthError:
    """The same error, which also says how to have it all the same."""
    if _FORCE not in error.remedy:
        error.remedy = f"{error.remedy} {_FORCE}".strip()
    return error
