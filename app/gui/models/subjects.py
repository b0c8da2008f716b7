"""The models the page speaks of, as plain data: files that are here, entries of the catalogue.

Pure. A model has one or more variants (quants), each with the facts that a plan is made from.
"""

from __future__ import annotations

from dataclasses import dataclass, field, fields, replace
from typing import Any

from app.foundation.errors import HearthError
from app.gguf.facts import ModelFacts
from app.hardware.profile import MachineProfile
from app.inference.learning import LoadRecord
from app.models.wanted import Wanted
from app.planner.plan import Plan, Reason
from app.planner.quality import Quality, quality_of
from app.planner.wish import Wish
from app.protocol.model_ref import BUILT_IN


@dataclass(frozen=True, slots=True)
class Variant:
    """One file of a model. `path` is empty where it is not on this computer; `address` is where
    it can be had, and empty for a file that is just here. `wanted` is what would be downloaded,
    `subject` what is planned for before that. `sibling` names the file whose header its facts
    were worked out from, where that is another one of the same repository."""

    facts: ModelFacts
    quality: Quality
    path: str = ""
    file_name: str = ""
    address: str = ""
    wanted: Wanted | None = field(default=None, compare=False, repr=False)
    subject: Any = field(default=None, compare=False, repr=False)
    sibling: str = ""

    @property
    def quant(self) -> str:
        return self.facts.quant


@dataclass(frozen=True, slots=True)
class Model:
    """`name` is what people call it; `choice` is what the chat would be told to use."""

    name: str
    variants: tuple[Variant, ...]
    choice: str = ""
    sentence: str = ""
    licence: str = ""
    licence_note: str = ""
    rank: int = 0
    uses: tuple[str, ...] = ()
    capabilities: tuple[str, ...] = ()
    repo: str = ""

    @property
    def is_here(self) -> bool:
        return bool(self.choice)

    @property
    def is_built_in(self) -> bool:
        return self.choice == BUILT_IN


@dataclass(frozen=True, slots=True)
class Outlook:
    """A model, the variant looked at, and its plan on this computer. `rejected` says what else
    of the catalogue came near, and why it was not chosen."""

    model: Model
    at: int
    plan: Plan
    rejected: tuple[Reason, ...] = ()

    @property
    def variant(self) -> Variant:
        return self.model.variants[self.at]


@dataclass(frozen=True, slots=True)
class Broken:
    """A file that cannot be planned for, and why."""

    name: str
    choice: str
    error: HearthError


@dataclass(frozen=True, slots=True)
class Suited:
    """The catalogue on this computer: the best first, then all others."""

    machine: MachineProfile
    best: tuple[Outlook, ...] = ()
    others: tuple[Outlook, ...] = ()


@dataclass(frozen=True, slots=True)
class Pins:
    """What a person set for one model by hand; None leaves it to the settings for all models,
    and these to the planner."""

    n_ctx: int | None = None
    n_gpu_layers: int | None = None
    n_cpu_moe: int | None = None

    def over(self, wish: Wish) -> Wish:
        """The wish with what is set here."""
        chosen = {entry.name: getattr(self, entry.name) for entry in fields(self)}
        return replace(wish, **{name: v for name, v in chosen.items() if v is not None})


@dataclass(frozen=True, slots=True)
class Opening:
    """What the details of a model start from; `measured` is of the last load, if it is known.

    `plans` are those of all its variants, with nothing set by hand."""

    outlook: Outlook
    pins: Pins
    machine: MachineProfile
    measured: LoadRecord | None
    plans: tuple[Plan, ...] = ()


@dataclass(frozen=True, slots=True)
class Reached:
    """What looking at a file that is not here brought: the variant with the facts of its own
    header, its plan, and what kept it from getting further ("" where nothing did)."""

    variant: Variant
    plan: Plan
    held_up: str


def file_model(name: str, choice: str, path: str, facts: ModelFacts) -> Model:
    """A model of one file that is here."""
    quality = quality_of(facts.quant, n_params=facts.n_params)
    return Model(name, (Variant(facts, quality, path=path),), choice=choice)
