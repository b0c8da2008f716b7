"""The page of models over a real planner, the real catalogue, and saved machines."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from pytestqt.plugin import QtBot

from app.foundation.paths import Profile
from app.gui.bridge import Bridge
from app.gui.model_names import RECENT_FILE
from app.gui.models.page import ModelsPage
from app.gui.notify import Notifier
from app.gui.services import GuiServices
from app.hardware.profile import MachineProfile
from app.inference.planning import Planning
from app.settings.file import SettingsFile
from tests.fixtures.tiny_models import make

MACHINES = Path(__file__).resolve().parents[2] / "zoo" / "machines"
Settled = Callable[[Callable[[], bool]], None]


def saved(name: str) -> MachineProfile:
    """A machine of the zoo."""
    return MachineProfile.from_dict(json.loads((MACHINES / f"{name}.json").read_text("utf-8")))


@pytest.fixture
def machine() -> MachineProfile:
    return saved("laptop-16gb-intel-igpu")


@pytest.fixture
def planning(profile: Profile, settings: SettingsFile, machine: MachineProfile) -> Planning:
    made = Planning(profile, settings, find=lambda *_: machine)
    # The free memory of the computer that runs the tests is not the saved one's.
    made.machine = lambda: machine  # type: ignore[method-assign]
    return made


@pytest.fixture
def tiny(profile: Profile, tiny_models: Path) -> str:
    """A model file of the person's own, opened before."""
    path = str(make("llama", tiny_models, n_ctx=16_384))
    (profile.state / RECENT_FILE).write_text(json.dumps([path]), encoding="utf-8")
    return path


@pytest.fixture
def page(
    qtbot: QtBot, services: GuiServices, planning: Planning, bridge: Bridge, notify: Notifier
) -> Iterator[ModelsPage]:
    services.planning = lambda: planning
    made = ModelsPage(services, bridge, notify)
    qtbot.addWidget(made)
    made.resize(1000, 800)
    notify.attach(made)
    made.show()
    yield made
    made.hide()
    if notify.toast is not None:
        notify.toast.dismiss()


def without_memory(machine: MachineProfile) -> MachineProfile:
    """The same machine with almost nothing free."""
    memory = dataclasses.replace(machine.memory, available_bytes=4 << 20)
    return dataclasses.replace(machine, memory=memory)
