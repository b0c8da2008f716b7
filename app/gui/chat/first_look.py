"""What the first start offers: the model that suits this computer, and one that is here already.

Runs off the GUI thread; asks the catalogue and the library, never the network. Knows no widget.
"""

from __future__ import annotations

import shutil
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from app.foundation.errors import HearthError
from app.gui.plan_words import READING_TOKENS_PER_S, SLOWER
from app.models.wanted import Wanted

if TYPE_CHECKING:
    from app.gguf.facts import ModelFacts
    from app.gui.services import GuiServices
    from app.inference.catalogue_planning import CataloguePlanning
    from app.models.entries import Catalogue
    from app.models.library.kept import Kept
    from app.planner.plan import Plan

_LONG_BYTES = 6_000_000_000
"""An hour at 14 Mbit/s is as long as one waits for a first try."""
_LIGHT_BYTES = 3_500_000_000
_MOST_LOOKED_AT = 16
_SPARE = 1.05
"""A disk that is filled to the last byte helps nobody."""


@dataclass(frozen=True, slots=True)
class Recommended:
    """A model to download, and how it would be here. `lighter` is one that is here sooner, where
    the best is a long download."""

    wanted: Wanted
    sentence: str
    licence: str
    plan: Plan
    lighter: Recommended | None = None


@dataclass(frozen=True, slots=True)
class AlreadyHere:
    """The best of the models that other programs, or an earlier Hearth, left on this computer."""

    name: str
    path: str
    n_models: int
    sources: tuple[str, ...]
    plan: Plan


def recommended(services: GuiServices) -> Recommended | None:
    """The best model of the catalogue that runs here and has room on the disk."""
    from app.models.catalog import catalogue

    if services.reaching is None:
        return None
    found = catalogue(services.profile)
    most_bytes = int(shutil.disk_usage(services.profile.root).free / _SPARE)
    with services.reaching() as reaching:
        best = _best(reaching, _up_to(found, most_bytes))
        if best is None or best.wanted.bytes <= _LONG_BYTES:
            return best
        lighter = _best(reaching, _up_to(found, min(most_bytes, _LIGHT_BYTES)))
    return replace(best, lighter=lighter)


def already_here(services: GuiServices) -> AlreadyHere | None:
    """The most able of the models that are here, run well, and write as fast as one reads."""
    if services.library is None or services.planning is None:
        return None
    usable = [kept for kept in services.library().look().models if kept.is_usable]
    usable.sort(key=lambda kept: kept.bytes, reverse=True)
    planning = services.planning()
    machine = planning.machine()
    for kept in usable[:_MOST_LOOKED_AT]:
        try:
            plan = planning.sketched(_facts(kept), planning.wish(kept.path), machine, kept.path)
        except HearthError:
            continue
        speed = plan.expected.generated_tokens_per_second / READING_TOKENS_PER_S
        if plan.fits != "no" and speed >= SLOWER:
            sources = tuple(dict.fromkeys(each.source_words for each in usable))
            return AlreadyHere(kept.name, str(kept.path), len(usable), sources, plan)
    return None


def _best(reaching: CataloguePlanning, found: Catalogue) -> Recommended | None:
    """The one that suits best, if it runs."""
    from app.models.catalog import wanted_of

    if not any(entry.files for entry in found.entries):
        return None
    for choice in reaching.recommended(found, n_best=1):
        if choice.plan.fits == "no":
            return None
        for entry in found.entries:
            for file in entry.files:
                if (entry.name, file.name) == (choice.candidate.model, choice.candidate.file):
                    wanted = wanted_of(entry, file)
                    return Recommended(wanted, entry.sentence, entry.licence, choice.plan)
    return None


def _up_to(found: Catalogue, most_bytes: int) -> Catalogue:
    """The catalogue without what is a larger download."""
    from app.models.catalog import wanted_of

    entries = []
    for entry in found.entries:
        files = tuple(f for f in entry.files if wanted_of(entry, f).bytes <= most_bytes)
        if files:
            entries.append(replace(entry, files=files))
    return replace(found, entries=tuple(entries))


def _facts(kept: Kept) -> ModelFacts:
    from app.gguf.facts import facts_of
    from app.gguf.split import read_model

    return facts_of(read_model(Path(kept.path)))
