"""Answers the page's questions: what a file is, what suits, the plan for these values.

Every method may take a second and is called off the GUI thread. Knows no widget.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final

from app.foundation.cancellation import Cancellation
from app.foundation.errors import HearthError, ModelUnsupported
from app.gguf.facts import facts_of
from app.gguf.split import read_model
from app.gui.model_names import display_name
from app.gui.models.known import catalogue_models
from app.gui.models.own_memory import without
from app.gui.models.subjects import (
    Broken,
    Model,
    Opening,
    Outlook,
    Pins,
    Reached,
    Suited,
    Variant,
    file_model,
)
from app.gui.safe_text import one_line
from app.hardware.profile import MachineProfile
from app.inference.learning import LoadRecord
from app.inference.planning import Planning
from app.inference.starter import StarterModel
from app.network.policy import HUB, host_of
from app.planner.choose import Candidate, Choice, choose
from app.planner.plan import Plan
from app.planner.pools import FITS
from app.planner.wish import Wish
from app.protocol.model_ref import ModelRef
from app.settings.schema import CONTEXT, EXPERTS, GPU_LAYERS

if TYPE_CHECKING:
    from app.gui.services import GuiServices

N_BEST: Final = 3
_PINS: Final = {"n_ctx": CONTEXT, "n_gpu_layers": GPU_LAYERS, "n_cpu_moe": EXPERTS}


class Desk:
    """One for the page. Thread-safe: it keeps nothing but what it was made with."""

    def __init__(self, services: GuiServices) -> None:
        self._services = services
        self._built_in = StarterModel()

    @property
    def _planning(self) -> Planning:
        assert self._services.planning is not None
        return self._services.planning()

    def machine(self) -> MachineProfile:
        """This computer, as if the model in memory were not: another one takes its place."""
        machine = self._planning.machine()
        plan = self._services.inference.snapshot().plan
        return without(machine, plan) if isinstance(plan, Plan) else machine

    def looked_at(self, choice: str, name: str = "") -> Outlook | Broken:
        """A file that is here, with its plan, or why it has none. `name` is what to call it."""
        name = name or display_name(ModelRef(choice))
        try:
            model = dataclasses.replace(self.file(choice), name=name)
        except HearthError as error:
            return Broken(name, choice, error)
        plan = self.calculated(model.variants[0], self.pins_of(model), self.machine())
        return Outlook(model, 0, plan)

    def file(self, choice: str) -> Model:
        """A model that is here. Raises what reading its header raises, or ModelUnsupported."""
        ref, path = ModelRef(choice), self.path_of(choice)
        facts = facts_of(read_model(path))
        if facts.kind != "chat":
            raise ModelUnsupported(
                f"{path.name} cannot be used for a chat.",
                f"It is {facts.kind_words}.",
                "Choose another file of the model.",
            )
        return file_model(display_name(ref), choice, str(path), facts)

    def path_of(self, choice: str) -> Path:
        """The file that a choice means."""
        ref = ModelRef(choice)
        return (self._built_in.path if ref.is_built_in else Path(choice)).resolve()

    def look_at(self, outlook: Outlook) -> Opening:
        """What the details of a model start from; the plan is of this moment."""
        machine, model = self.machine(), outlook.model
        pins = self.pins_of(model)
        plan = self.calculated(outlook.variant, pins, machine)
        outlook = dataclasses.replace(outlook, plan=plan)
        plans = [self.calculated(variant, Pins(), machine) for variant in model.variants]
        return Opening(outlook, pins, machine, self.measured(model), tuple(plans))

    def look_at_file(self, choice: str, name: str = "") -> Opening:
        """The same for a file; raises what `file` raises."""
        model, machine = self.file(choice), self.machine()
        model = dataclasses.replace(model, name=name or model.name)
        pins = self.pins_of(model)
        plan = self.calculated(model.variants[0], pins, machine)
        return Opening(Outlook(model, 0, plan), pins, machine, self.measured(model), (plan,))

    def suited(self) -> Suited:
        """The catalogue's models, each with the file that suits best; the best of them first."""
        wish, machine = self._planning.wish(), self.machine()
        models = {model.name: model for model in catalogue_models(self._services.profile)}
        winners = [self._chosen(machine, _candidates(model), wish) for model in models.values()]
        found = {choice.candidate.model: _outlook(models, choice) for choice in winners}
        best: list[Outlook] = []
        left = [choice.candidate for choice in winners if choice.plan.fits != "no"]
        while left and len(best) < N_BEST:
            choice = self._chosen(machine, left, wish)
            name = choice.candidate.model
            left = [candidate for candidate in left if candidate.model != name]
            del found[name]
            best.append(_outlook(models, choice))
        others = sorted(found.values(), key=_standing, reverse=True)
        return Suited(machine, tuple(best), tuple(others))

    def best_of(self, model: Model) -> tuple[int, tuple[Plan, ...]]:
        """Which of the model's files suits this computer best, and the plans of all."""
        machine, wish = self.machine(), self._planning.wish()
        plans = [self.calculated(variant, Pins(), machine) for variant in model.variants]
        choice = self._chosen(machine, _candidates(model), wish)
        return int(choice.candidate.file), tuple(plans)

    def pins_of(self, model: Model) -> Pins:
        """What was set for this model by hand."""
        if not model.is_here:
            return Pins()
        own = self._planning.pins.of(_path_of(model))
        return Pins(**{name: own.get(option.key) for name, option in _PINS.items()})

    def keep(self, choice: str, pins: Pins) -> None:
        """Keep what was set for this model by hand, and what else was set for it before."""
        path = self.path_of(choice)
        values = self._planning.pins.of(path)
        values |= {option.key: getattr(pins, name) for name, option in _PINS.items()}
        self._planning.pins.set(path, values).result()

    def calculated(self, variant: Variant, pins: Pins, machine: MachineProfile) -> Plan:
        """The plan by formula, at once. Pure arithmetic."""
        wish, path = self._wish(variant, pins), Path(variant.path) if variant.path else None
        return self._planning.sketched(variant.facts, wish, machine, path)

    def counted(self, variant: Variant, pins: Pins) -> Plan | None:
        """The plan as llama.cpp counts it, in a child; None where there is no file to count."""
        if not variant.path:
            return None
        wish, machine = self._wish(variant, pins), self.machine()
        return self._planning.counted(Path(variant.path), variant.facts, wish, machine)

    @property
    def host(self) -> str:
        """Who is asked about models that are not here: the hub, or the mirror that is set. At
        once, on any thread."""
        ask = self._services.endpoint
        endpoint = ask() if ask is not None else ""
        try:
            return host_of(endpoint) if endpoint else HUB
        except HearthError:  # said by whoever asks there
            return one_line(endpoint, 60)

    @property
    def can_reach(self) -> bool:
        """Whether files that are not here can be looked at."""
        return self._services.reaching is not None

    def reached(self, variant: Variant, pins: Pins, cancellation: Cancellation) -> Reached:
        """Look at a file that is not here: its header is read, and llama.cpp counts for it.

        Raises what the network or the header raises, and LoadCancelled.
        """
        assert self._services.reaching is not None
        with self._services.reaching() as reaching:
            last = reaching.plan(
                variant.subject,
                self._wish(variant, pins),
                here=self.machine(),
                cancellation=cancellation,
            )
        return Reached(dataclasses.replace(variant, facts=last.facts), last.plan, last.held_up)

    def measured(self, model: Model) -> LoadRecord | None:
        """What was measured of the model's last load, if it is known."""
        if not model.is_here:
            return None
        start = f"{_path_of(model)}|"
        records = self._planning.learning.records()
        return next((record for record in records if record.key.startswith(start)), None)

    def _wish(self, variant: Variant, pins: Pins) -> Wish:
        """What is set by hand; where it is not, the settings for all models."""
        planning = self._planning
        if not variant.path:
            return pins.over(planning.wish())
        for_all = planning.wish()
        own = planning.wish(Path(variant.path))
        plain = {name: getattr(for_all, name) for name in _PINS}
        return pins.over(dataclasses.replace(own, **plain))

    def _chosen(
        self, machine: MachineProfile, candidates: Sequence[Candidate], wish: Wish
    ) -> Choice:
        return choose(machine, tuple(candidates), wish, learnt=self._planning.learning.learnt())


def _path_of(model: Model) -> Path:
    """The file that pins are kept for."""
    return Path(model.variants[0].path)


def _candidates(model: Model) -> tuple[Candidate, ...]:
    return tuple(
        Candidate(model.name, model.rank, variant.facts, str(index), variant.quality)
        for index, variant in enumerate(model.variants)
    )


def _outlook(models: dict[str, Model], choice: Choice) -> Outlook:
    candidate = choice.candidate
    rejected = tuple(each.reason for each in choice.rejected)
    return Outlook(models[candidate.model], int(candidate.file), choice.plan, rejected)


def _standing(outlook: Outlook) -> tuple[int, int]:
    """What runs comes before what does not, the better model before the lesser; of those that
    do not, what comes nearest."""
    plan = outlook.plan
    place = -plan.needed_bytes if plan.fits == "no" else outlook.model.rank
    return FITS.index(plan.fits), place
