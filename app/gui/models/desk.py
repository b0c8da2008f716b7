"""Answers the page's questions: what is here, what suits, the plan for these values.

Every method may take a second and is called off the GUI thread. Knows no widget.
"""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import TYPE_CHECKING

from app.foundation.errors import HearthError, ModelUnsupported
from app.gguf.facts import ModelFacts, facts_of
from app.gguf.split import read_model
from app.gui.model_names import RECENT_FILE, display_name, read_recent
from app.gui.models.known import catalogue_models
from app.gui.models.subjects import (
    Broken,
    Model,
    Opening,
    Outlook,
    Pins,
    Suited,
    Variant,
    file_model,
)
from app.hardware.profile import Device, MachineProfile, known
from app.inference.planning import SMALL_BYTES
from app.inference.starter import StarterModel
from app.planner.choose import Candidate, choose
from app.planner.memory import FITS, MAIN, Need
from app.planner.plan import CpuOnly, Plan, plan_for
from app.planner.wish import Wish
from app.protocol.model_ref import BUILT_IN, ModelRef
from app.settings.schema import CONTEXT, GPU_LAYERS, MODEL_PATH

if TYPE_CHECKING:
    from app.gui.services import GuiServices

N_BEST = 3


class Desk:
    """One for the page. Thread-safe: it keeps nothing but what it was made with."""

    def __init__(self, services: GuiServices) -> None:
        self._services = services
        self._built_in = StarterModel()

    def machine(self) -> MachineProfile:
        """This computer, as if the model in memory were not: another one takes its place."""
        assert self._services.planning is not None
        machine = self._services.planning().machine()
        plan = self._services.inference.snapshot().plan
        return without(machine, plan) if isinstance(plan, Plan) else machine

    def here(self) -> list[Outlook | Broken]:
        """The model in use first, then the others that were opened lately, and the Guide."""
        in_use = self._services.settings.get(MODEL_PATH)
        recent = read_recent(self._services.profile.state / RECENT_FILE)
        names = dict.fromkeys([in_use, *recent, BUILT_IN])
        machine = self.machine()
        return [self._looked_at(name, machine) for name in names]

    def file(self, choice: str) -> Model:
        """A model that is here. Raises what reading its header raises, or ModelUnsupported."""
        ref = ModelRef(choice)
        path = self._built_in.path if ref.is_built_in else Path(choice)
        facts = facts_of(read_model(path))
        if facts.kind != "chat":
            raise ModelUnsupported(
                f"{path.name} cannot be used for a chat.",
                f"It is {facts.kind_words}.",
                "Choose another file of the model.",
            )
        return file_model(display_name(ref), choice, str(path), facts)

    def look_at(self, model: Model, at: int) -> Opening:
        """What the details of a model start from."""
        machine, pins = self.machine(), self.pins_of(model)
        plan = self.calculated(model.variants[at], pins, machine)
        return Opening(Outlook(model, at, plan), pins, machine)

    def look_at_file(self, choice: str) -> Opening:
        """The same for a file; raises what `file` raises."""
        return self.look_at(self.file(choice), 0)

    def suited(self) -> Suited:
        """The catalogue's models, each with the file that suits best; the best of them first."""
        machine = self.machine()
        models = {model.name: model for model in catalogue_models()}
        wish = self.wish()
        winners = [choose(machine, _candidates(model), wish) for model in models.values()]
        found = {
            choice.candidate.model: _outlook(
                models[choice.candidate.model], choice.candidate, choice.plan
            )
            for choice in winners
        }
        best: list[Outlook] = []
        left = [choice.candidate for choice in winners if choice.plan.fits != "no"]
        while left and len(best) < N_BEST:
            name = choose(machine, tuple(left), wish).candidate.model
            left = [candidate for candidate in left if candidate.model != name]
            best.append(found.pop(name))
        others = sorted(found.values(), key=_standing, reverse=True)
        return Suited(tuple(best), tuple(others))

    def wish(self) -> Wish:
        """What is set for all models."""
        assert self._services.planning is not None
        return self._services.planning().wish()

    def pins_of(self, model: Model) -> Pins:
        """What was set for this model by hand."""
        settings = self._services.settings
        n_gpu_layers = settings.get(GPU_LAYERS)
        return Pins(
            n_ctx=settings.get(CONTEXT) or None,
            n_gpu_layers=None if n_gpu_layers < 0 else n_gpu_layers,
        )

    def keep(self, model: Model, pins: Pins) -> None:
        """Keep what was set for this model by hand."""
        settings = self._services.settings
        for option, value in ((CONTEXT, pins.n_ctx), (GPU_LAYERS, pins.n_gpu_layers)):
            settings.set(option, option.default if value is None else value).result()

    def calculated(self, variant: Variant, pins: Pins, machine: MachineProfile) -> Plan:
        """The plan by formula, at once. Pure arithmetic."""
        wish = pins.over(self.wish())
        return plan_for(machine, variant.facts, wish, cpu_only=self._cpu_only(variant.facts, wish))

    def counted(self, variant: Variant, pins: Pins) -> Plan | None:
        """The plan as llama.cpp counts it, in a child; None where there is no file to count."""
        assert self._services.planning is not None
        if not variant.path:
            return None
        return self._services.planning().plan_file(Path(variant.path), pins.over(self.wish()))

    def _looked_at(self, choice: str, machine: MachineProfile) -> Outlook | Broken:
        try:
            model = self.file(choice)
        except HearthError as error:
            return Broken(display_name(ModelRef(choice)), choice, error)
        plan = self.calculated(model.variants[0], self.pins_of(model), machine)
        return Outlook(model, 0, plan)

    def _cpu_only(self, facts: ModelFacts, wish: Wish) -> CpuOnly | None:
        if self._services.safe_mode:
            return "safe_mode"
        small = facts.file_bytes <= SMALL_BYTES and wish.n_gpu_layers is None
        return "small" if small else None


def without(machine: MachineProfile, plan: Plan) -> MachineProfile:
    """The machine with what this plan's model holds counted as free again."""
    needs = {share.pool.name: share.need for share in plan.memory}
    shared = sum(
        share.need.total_bytes
        for share in plan.memory
        if share.pool.shares_main and share.pool.name != MAIN
    )
    available = machine.memory.available_bytes
    if isinstance(available, int):
        # A mapped file's pages never counted as taken.
        main = needs.get(MAIN, Need())
        held = main.total_bytes + shared
        if plan.configuration.load_mode == "mmap":
            held -= main.weights_bytes
        total = known(machine.memory.total_bytes, available + held)
        memory = dataclasses.replace(machine.memory, available_bytes=min(total, available + held))
        machine = dataclasses.replace(machine, memory=memory)
    if not isinstance(machine.devices, tuple):
        return machine
    return dataclasses.replace(
        machine, devices=tuple(_freed(device, needs) for device in machine.devices)
    )


def _freed(device: Device, needs: dict[str, Need]) -> Device:
    need = needs.get(device.name)
    if need is None or device.kind == "cpu":
        return device
    free = min(device.total_bytes, device.free_bytes + need.total_bytes)
    return dataclasses.replace(device, free_bytes=free)


def _standing(outlook: Outlook) -> tuple[int, int]:
    """What runs comes before what does not, the better model before the lesser."""
    return FITS.index(outlook.plan.fits), outlook.model.rank


def _candidates(model: Model) -> tuple[Candidate, ...]:
    return tuple(
        Candidate(model.name, model.rank, variant.facts, str(index), variant.quality)
        for index, variant in enumerate(model.variants)
    )


def _outlook(model: Model, candidate: Candidate, plan: Plan) -> Outlook:
    return Outlook(model, int(candidate.file), plan)
