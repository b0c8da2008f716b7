"""The page of models over a real planner, the real catalogue, and saved machines."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from pytestqt.plugin import QtBot

from app.bootstrap.reach import ENDPOINT, Network
from app.foundation.paths import Profile
from app.gui.bridge import Bridge
from app.gui.downloads.model import DownloadsModel
from app.gui.model_names import RECENT_FILE
from app.gui.models.page import HUB, ModelsPage
from app.gui.notify import Notifier
from app.gui.services import GuiServices
from app.hardware.profile import MachineProfile
from app.inference.catalogue_planning import CataloguePlanning
from app.inference.planning import Planning
from app.models.download.downloads import Downloads
from app.models.library.library import Library
from app.settings.file import SettingsFile
from tests.fixtures.shelves import Desk as PersonsDesk
from tests.fixtures.tiny_models import make
from tests.hub import samples
from tests.hub.server import LoopbackHub

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


@pytest.fixture
def network(
    hub: LoopbackHub,
    monkeypatch: pytest.MonkeyPatch,
    profile: Profile,
    settings: SettingsFile,
    services: GuiServices,
    planning: Planning,
) -> Iterator[Network]:
    """The window's way to a hub on loopback that holds the samples."""
    samples.fill(hub.shelf, large_bytes=24_000_000)
    monkeypatch.setenv(ENDPOINT, hub.url)
    made = Network(profile, settings)
    services.hub = lambda: made.hub

    @contextmanager
    def reaching() -> Iterator[CataloguePlanning]:
        yield made.planning(planning)

    services.reaching = reaching
    yield made
    made.close()


@pytest.fixture
def downloads(
    qtbot: QtBot, network: Network, profile: Profile, bridge: Bridge, notify: Notifier
) -> Iterator[DownloadsModel]:
    """The real downloader behind the window's list of downloads."""
    built: list[Downloads] = []

    def build() -> Downloads:
        made = Downloads(
            lambda: profile.root / "models",
            network.hub.locate,
            lambda: network.client,
            profile.state,
            spare_bytes=0,
        )
        made.begin()
        built.append(made)
        return made

    model = DownloadsModel(build, bridge, notify.error)
    model.open()
    yield model
    model.close()
    assert all(each.close(20.0) for each in built)
    model.deleteLater()


@pytest.fixture
def person(tmp_path: Path, services: GuiServices) -> Iterator[PersonsDesk]:
    """A computer with a home of its own; the window's library is that of it."""
    made = PersonsDesk(tmp_path / "computer")
    library: Library = made.library()
    services.library = lambda: library
    yield made
    made.close()


@pytest.fixture
def online(
    qtbot: QtBot,
    services: GuiServices,
    planning: Planning,
    bridge: Bridge,
    notify: Notifier,
    downloads: DownloadsModel,
) -> Iterator[ModelsPage]:
    """The page with a hub and downloads behind it, at the place “Hugging Face”."""
    services.planning = lambda: planning
    made = ModelsPage(services, bridge, notify, downloads=downloads)
    qtbot.addWidget(made)
    made.resize(1000, 800)
    notify.attach(made)
    made.show()
    made.show_place(HUB)
    yield made
    made.hide()
    if notify.toast is not None:
        notify.toast.dismiss()


def without_memory(machine: MachineProfile) -> MachineProfile:
    """The same machine with almost nothing free."""
    memory = dataclasses.replace(machine.memory, available_bytes=4 << 20)
    return dataclasses.replace(machine, memory=memory)
