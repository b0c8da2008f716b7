"""How long after a slider moved the plan is redrawn: on the real page, over a machine of the zoo.

The context's and the layers' sliders of a large model of experts on a computer with a card are
moved through all their places; a move ends when the memory's bar was painted with the new plan.
"""

from __future__ import annotations

import json
import os
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")

from PySide6.QtCore import QCoreApplication, QEvent, QEventLoop, QObject

from app.bootstrap.window import WindowServices
from app.foundation.paths import open_profile
from app.gui import application
from app.gui.bridge import Bridge
from app.gui.crash_log import CrashLog
from app.gui.models.details import Details
from app.gui.models.page import ModelsPage
from app.gui.models.value_slider import ValueSlider
from app.gui.notify import Notifier
from app.hardware.profile import MachineProfile
from app.inference.planning import Planning
from tests.bench.table import Row, median, quantile

MACHINE = Path(__file__).resolve().parents[1] / "zoo" / "machines" / "nvidia-12gb.json"
PATIENCE_S = 60.0
ROUNDS = 3
MUST_MS = 50


class _Painted(QObject):
    """Counts how often what it watches was painted."""

    def __init__(self) -> None:
        super().__init__()
        self.count = 0

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if event.type() == QEvent.Type.Paint:
            self.count += 1
        return super().eventFilter(watched, event)


def run() -> list[Row]:
    """Milliseconds from a move to the plan on the screen."""
    machine = MachineProfile.from_dict(json.loads(MACHINE.read_text("utf-8")))
    with tempfile.TemporaryDirectory() as folder:
        application.application()
        profile = open_profile(Path(folder) / "profile")
        services = WindowServices(profile, None, ask_safe_mode=False)
        planning = Planning(profile, services.gui.settings, find=lambda *_: machine)
        services.gui.planning = lambda: planning
        bridge = Bridge()
        page = ModelsPage(services.gui, bridge, Notifier(bridge, CrashLog(profile.crash_report)))
        page.resize(1020, 800)
        page.show()
        try:
            details = _opened(page)
            found = {
                "context": _moves(details, details.values.context),
                "layers": _moves(details, _there(details.values.layers)),
            }
        finally:
            page.hide()
            page.deleteLater()
            bridge.close()
            for step in services.gui.close_steps:
                step.close(10.0)
    return [
        Row(
            f"slider of the {name}, {len(times)} moves",
            f"{median(times):.1f} ms ({quantile(times, 0.95):.1f} at the 95th percentile)",
            f"< {MUST_MS} ms",
        )
        for name, times in found.items()
    ]


def _opened(page: ModelsPage) -> Details:
    """The details of the largest model of experts that is offered."""
    _until(lambda: bool(page.listing.cards))
    outlooks = [card.outlook for card in page.listing.cards]
    outlooks += [row.outlook for row in page.listing.rows]
    wanted = max(
        (each for each in outlooks if each.variant.facts.n_expert),
        key=lambda each: each.variant.facts.n_params,
    )
    page.listing.details_asked.emit(wanted)
    _until(lambda: page.details is not None)
    assert page.details is not None
    return page.details


def _moves(details: Details, slider: ValueSlider) -> list[float]:
    """One figure a move."""
    bar = next(iter(details.memory.bars.values()))
    painted = _Painted()
    times = []
    for place in [*range(slider.slider.maximum() + 1)] * ROUNDS:
        if place == slider.slider.value():
            continue
        before = details.plan
        bar = next(iter(details.memory.bars.values()))
        bar.installEventFilter(painted)
        begun = time.perf_counter()
        slider.slider.setValue(place)
        _until(lambda before=before: details.plan is not before)  # type: ignore[misc]
        seen = painted.count
        next(iter(details.memory.bars.values())).repaint()
        _until(lambda seen=seen: painted.count > seen)  # type: ignore[misc]
        times.append((time.perf_counter() - begun) * 1000)
        bar.removeEventFilter(painted)
    return times


def _there(slider: ValueSlider | None) -> ValueSlider:
    assert slider is not None
    return slider


def _until(holds: Callable[[], bool]) -> None:
    end = time.monotonic() + PATIENCE_S
    while not holds():
        if time.monotonic() > end:
            raise TimeoutError("the page did not come so far")
        QCoreApplication.processEvents(QEventLoop.ProcessEventsFlag.AllEvents, 5)
