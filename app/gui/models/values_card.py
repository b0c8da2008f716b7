"""The sliders of a plan: context, layers on the graphics card, experts on the processor.

GUI thread. Says which pins a person set; plans are made elsewhere.
"""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import Any

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QWidget

from app.gguf.facts import ModelFacts
from app.gui.models.subjects import Model, Pins
from app.gui.models.value_slider import ValueSlider
from app.gui.widgets.cards import Card
from app.gui.widgets.plain import PlainLabel
from app.hardware.profile import MachineProfile
from app.planner.plan import Plan
from app.planner.pools import pools_of

_CONTEXTS = (256, 512, 1024, *(step << at for at in range(10) for step in (2048, 3072)))
_UNKNOWN_TRAINED = 32_768


class ValuesCard(Card):
    """`changed(at, pins)` follows every move: the variant looked at, and what is set by hand."""

    changed = Signal(int, object)

    def __init__(self, model: Model, at: int, machine: MachineProfile) -> None:
        super().__init__()
        self.setAccessibleName(self.tr("Change it"))
        self._at = at
        self._pins = Pins()
        facts = model.variants[at].facts
        has_card = len(pools_of(machine)) > 1
        self.context = self._context(facts)
        self.layers = self._layers(facts) if has_card else None
        self.experts = self._experts(facts) if has_card and facts.n_expert else None
        if self.layers is None:
            self.add(
                _note(
                    self.tr(
                        "All of it is computed by the processor: there is no "
                        "graphics card here that Hearth can use."
                    )
                )
            )

    def show_plan(self, plan: Plan, at: int, pins: Pins) -> None:
        """Show the values of this plan, and which of them a person chose."""
        self._at, self._pins = at, pins
        chosen = plan.configuration
        for name, slider in (
            ("n_ctx", self.context),
            ("n_gpu_layers", self.layers),
            ("n_cpu_moe", self.experts),
        ):
            if slider is not None:
                own = getattr(pins, name) is not None
                for_all = name in plan.pinned and not own
                slider.show_value(getattr(chosen, name), pinned=own, for_all=for_all)

    def _context(self, facts: ModelFacts) -> ValueSlider:
        slider = self._slider(
            "n_ctx",
            self.tr("Context"),
            self.tr(
                "How much of a conversation it can read at once, in tokens (about three quarters "
                "of a word each). More takes more memory."
            ),
            self.tr("{n} tokens"),
        )
        slider.set_values(context_stops(facts.n_ctx_train))
        return slider

    def _layers(self, facts: ModelFacts) -> ValueSlider:
        most = facts.n_layers + 1
        slider = self._slider(
            "n_gpu_layers",
            self.tr("Layers on the graphics card"),
            self.tr("The more of the model the card computes, the faster it writes."),
            self.tr("{n} of {most}").replace("{most}", self.locale().toString(most)),
        )
        slider.set_values(range(most + 1))
        return slider

    def _experts(self, facts: ModelFacts) -> ValueSlider:
        slider = self._slider(
            "n_cpu_moe",
            self.tr("Experts on the processor"),
            self.tr(
                "In how many layers the experts, which are used in turn, stay in main memory to "
                "leave the card to the rest."
            ),
            self.tr("{n} layers"),
        )
        slider.set_values(range(facts.n_layers + 1))
        return slider

    def _slider(self, pin: str, name: str, help_text: str, pattern: str) -> ValueSlider:
        slider = ValueSlider(name, help_text, partial(self._number, pattern))
        slider.moved.connect(partial(self._moved, pin))
        slider.released.connect(partial(self._moved, pin, None))
        self.add(slider)
        return slider

    def _number(self, pattern: str, value: int) -> str:
        return pattern.replace("{n}", self.locale().toString(value))

    def _moved(self, pin: str, value: Any) -> None:
        self._pins = replace(self._pins, **{pin: value})
        self.changed.emit(self._at, self._pins)


def context_stops(n_ctx_train: int) -> list[int]:
    """Round contexts up to what the model was trained for, that one included."""
    most = n_ctx_train or _UNKNOWN_TRAINED
    stops = [stop for stop in _CONTEXTS if stop < most]
    least = 2048 if most >= 2 * 2048 else 256
    return [stop for stop in stops if stop >= least] + [most]


def _note(text: str) -> QWidget:
    label = PlainLabel(text, "secondary")
    label.setContentsMargins(0, 8, 0, 8)
    return label
