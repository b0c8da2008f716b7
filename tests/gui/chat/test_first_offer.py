"""The first start's card: recommended by the real planner, downloaded from a hub on loopback."""

from __future__ import annotations

import dataclasses
import json
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from pytestqt.plugin import QtBot

from app.bootstrap.reach import Network
from app.foundation.paths import Profile
from app.gui.bridge import Bridge
from app.gui.chat.first_look import already_here, recommended
from app.gui.chat.first_offer import FirstOffer
from app.gui.chat.welcome import Welcome
from app.gui.downloads.model import DownloadsModel
from app.gui.notify import Notifier
from app.gui.services import GuiServices
from app.hardware.profile import MachineProfile
from app.inference.catalogue_planning import CataloguePlanning
from app.inference.planning import Planning
from app.models.download.downloads import Downloads
from app.models.library.library import Library
from app.network import offline
from app.settings import schema
from app.settings.file import SettingsFile
from tests.fixtures.downloads_to_show import slow_hub
from tests.fixtures.tiny_models import make

MACHINES = Path(__file__).resolve().parents[2] / "zoo" / "machines"
DEADLINE_S = 60.0
Settled = Callable[[Callable[[], bool]], None]


def saved(name: str) -> MachineProfile:
    return MachineProfile.from_dict(json.loads((MACHINES / f"{name}.json").read_text("utf-8")))


@pytest.fixture
def machine() -> list[MachineProfile]:
    """The computer; a test puts another one in its place."""
    return [saved("laptop-16gb-intel-igpu")]


@pytest.fixture
def planned(
    services: GuiServices,
    profile: Profile,
    settings: SettingsFile,
    machine: list[MachineProfile],
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[GuiServices]:
    """Services that plan for a computer of the zoo."""
    planning = Planning(profile, settings, find=lambda *_: machine[0])
    monkeypatch.setattr(planning, "machine", lambda **_: machine[0])

    @contextmanager
    def reaching() -> Iterator[CataloguePlanning]:
        network = Network(profile, settings)
        try:
            yield network.planning(planning)
        finally:
            network.close()

    services.planning = lambda: planning
    services.reaching = reaching
    yield services
    assert planning.pins.close(DEADLINE_S)


@pytest.fixture
def downloads(
    planned: GuiServices, profile: Profile, settings: SettingsFile, bridge: Bridge, notify: Notifier
) -> Iterator[DownloadsModel]:
    """Real downloads from a slow hub that has the catalogue's models."""
    with slow_hub() as hub:
        settings.set(schema.MIRROR, hub.url).result(DEADLINE_S)
        network = Network(profile, settings)

        def build() -> Downloads:
            network.downloads.begin()
            return network.downloads

        model = DownloadsModel(build, bridge, notify.error)
        model.open()
        yield model
        model.close()
        model.deleteLater()
        assert network.downloads.close(DEADLINE_S)
        network.close()


@pytest.fixture
def welcome(
    qtbot: QtBot, planned: GuiServices, bridge: Bridge, downloads: DownloadsModel
) -> Welcome:
    made = Welcome(planned, bridge, downloads=downloads)
    qtbot.addWidget(made)
    made.resize(752, 480)
    made.show()
    return made


def offered(welcome: Welcome, settled: Settled) -> FirstOffer:
    settled(lambda: welcome.offer is not None and welcome.offer.offer is not None)
    assert welcome.offer is not None
    return welcome.offer


def test_what_suits_is_recommended_with_its_size_and_speed_in_words(
    welcome: Welcome, settled: Settled
) -> None:
    offer = offered(welcome, settled)
    assert offer.offer is not None
    assert offer.name.text() == offer.offer.wanted.name
    assert "you read" in offer.speed.text()
    assert "Licence" in offer.speed.text()
    assert offer.download_button.text().startswith("Download (")
    assert offer.download_button.property("kind") == "primary"
    assert offer.guide_button.isVisible()


def test_a_download_shows_in_place_and_the_guide_need_not_wait(
    welcome: Welcome, downloads: DownloadsModel, settled: Settled
) -> None:
    offer = offered(welcome, settled)
    offer.download_button.click()
    assert not offer.download_button.isVisible()
    settled(lambda: (offer.bar.share or 0) > 0)
    assert " of " in offer.progress.text()
    asked: list[bool] = []
    welcome.guide_asked.connect(lambda: asked.append(True))
    offer.guide_button.click()
    assert asked
    assert not offer.isVisible()
    assert downloads.states()


def test_where_the_best_is_a_long_download_a_lighter_one_is_offered_too(
    planned: GuiServices, machine: list[MachineProfile], monkeypatch: pytest.MonkeyPatch
) -> None:
    machine[0] = saved("nvidia-24gb")
    roomy = shutil.disk_usage(planned.profile.root)._replace(free=10**12)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: roomy)
    best = recommended(planned)
    assert best is not None
    assert best.lighter is not None
    assert best.lighter.wanted.bytes < best.wanted.bytes / 2


def test_offline_it_says_so_and_offers_no_download(
    welcome: Welcome, settled: Settled, monkeypatch: pytest.MonkeyPatch
) -> None:
    offer = offered(welcome, settled)
    monkeypatch.setenv(offline.VARIABLE, "1")
    welcome.refresh()
    settled(lambda: "stay offline" in offer.progress.text())
    assert not offer.download_button.isVisible()
    assert offer.guide_button.isVisible()


def test_a_computer_that_runs_none_of_them_is_told_so(
    qtbot: QtBot, planned: GuiServices, bridge: Bridge, downloads: DownloadsModel, settled: Settled
) -> None:
    offer = FirstOffer(downloads)
    qtbot.addWidget(offer)
    offer.show()
    offer.show_offer(None)
    assert "No model of the list fits" in offer.name.text()
    assert not offer.download_button.isVisible()
    assert offer.guide_button.isVisible()


def test_a_model_that_is_here_already_goes_before_a_download(
    qtbot: QtBot,
    planned: GuiServices,
    profile: Profile,
    settings: SettingsFile,
    tiny_models: Path,
) -> None:
    folder = profile.root / "mine"
    folder.mkdir()
    (folder / "tiny.gguf").write_bytes(make("llama", tiny_models).read_bytes())
    (folder / "broken.gguf").write_bytes(b"GGUF\x03\0\0\0" + b"\xff" * 64)
    settings.set(schema.ADOPT, False).result(DEADLINE_S)
    settings.set(schema.LIBRARY_FOLDERS, str(folder)).result(DEADLINE_S)
    library = Library(profile, settings, lambda: profile.models, lambda _: None)
    planned.library = lambda: library
    here = already_here(planned)
    assert here is not None
    assert here.path == str(folder / "tiny.gguf")
    assert here.n_models == 1
    offer = FirstOffer(None)
    qtbot.addWidget(offer)
    offer.show()
    offer.show_here(dataclasses.replace(here, sources=("Ollama",)))
    used: list[str] = []
    offer.use_asked.connect(used.append)
    offer.use_button.click()
    assert used == [here.path]
