"""A hub on loopback and the real downloader in front of it, as the window has them."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from pytestqt.plugin import QtBot

from app.foundation.paths import Profile
from app.gui.bridge import Bridge
from app.gui.downloads.model import DownloadsModel
from app.gui.notify import Notifier
from app.models.download.downloads import Downloads
from app.models.hub import Hub
from app.models.wanted import Part, Wanted
from app.network.client import Client
from app.network.connections import Connections
from app.network.policy import Policy, host_of
from tests.hub.faults.lines import Slow
from tests.hub.samples import fill
from tests.hub.server import LoopbackHub, loopback_hub

DEADLINE_S = 20.0
LARGE_BYTES = 24_000_000
SLOW_BYTES_PER_S = 1_000_000


@pytest.fixture
def hub() -> Iterator[LoopbackHub]:
    with loopback_hub() as made:
        fill(made.shelf, large_bytes=LARGE_BYTES)
        yield made


@pytest.fixture
def slow(hub: LoopbackHub) -> LoopbackHub:
    """The same, so slow that a person sees it move."""
    hub.sabotage(Slow(SLOW_BYTES_PER_S))
    return hub


@pytest.fixture
def build(hub: LoopbackHub, profile: Profile) -> Iterator[Callable[[], Downloads]]:
    """Makes the downloader of the profile, as the composition root does."""
    made: list[Downloads] = []
    policy = Policy(lambda: False, (host_of(hub.url),))
    client = Client(policy, Connections(profile.connections))
    asking = Hub(lambda: client, lambda: hub.url, lambda: "")

    def builder() -> Downloads:
        downloads = Downloads(
            lambda: profile.root / "models",
            asking.locate,
            lambda: client,
            profile.state,
            spare_bytes=0,
        )
        downloads.begin()
        made.append(downloads)
        return downloads

    yield builder
    ended = [each.close(DEADLINE_S) for each in made]
    client.close()
    assert all(ended)


@pytest.fixture
def model(
    qtbot: QtBot, build: Callable[[], Downloads], bridge: Bridge, notify: Notifier
) -> Iterator[DownloadsModel]:
    made = DownloadsModel(build, bridge, notify.error)
    made.open()
    yield made
    made.close()
    made.deleteLater()


def tiny() -> Wanted:
    """A model of the sample hub that really loads."""
    part = Part("Tiny-Llama-Q8_0.gguf", 0, "")
    return Wanted("example-labs/Tiny-Llama-GGUF", "", (part,), "Tiny Llama", "Q8_0")


def large() -> Wanted:
    """One that takes its time."""
    part = Part("Sown-8B-Q4_K_M.gguf", LARGE_BYTES, "")
    return Wanted("example-labs/Sown-8B-GGUF", "", (part,), "Sown 8B", "Q4_K_M")


def missing() -> Wanted:
    """One that the hub does not have."""
    part = Part("none.gguf", 1000, "")
    return Wanted("example-labs/Tiny-Llama-GGUF", "", (part,), "Nothing", "Q8_0")
