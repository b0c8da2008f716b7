"""The hub's API when it is huge, deep, broken or absurd: a sentence, in bounded time and memory."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from app.foundation.errors import HearthError, NetworkError
from app.models.hub import Hub
from app.network.client import Client
from app.network.connections import Connections
from app.network.policy import Policy, host_of
from tests.hub import samples
from tests.hub.content import Held
from tests.hub.faults.answers import Elsewhere, Status, WebPage
from tests.hub.faults.every import FOREIGN
from tests.hub.faults.fault import Fault
from tests.hub.faults.heads import Bomb
from tests.hub.faults.lines import Dropped
from tests.hub.faults.listings import BrokenListing, DeepListing, HugeListing, OtherShapes
from tests.hub.faults.names import EVIL
from tests.hub.server import LoopbackHub
from tests.hub.shelf import Repository

TINY = "example-labs/Tiny-Llama-GGUF"
MOST_RECEIVED_BYTES = 20_000_000
SHAPES = (
    None,
    17,
    "text",
    [],
    {},
    [[[]]],
    [{"id": 5}],
    [{"id": "a/b", "tags": 7, "downloads": "many", "likes": -1, "gated": []}],
    {"id": "../..", "siblings": []},
    {"id": TINY, "siblings": {"rfilename": "x.gguf"}},
    {"id": TINY, "siblings": [1, None, {"size": 3}, {"rfilename": None, "lfs": 9}]},
    {"id": TINY, "siblings": [{"rfilename": "a.gguf", "lfs": {"size": "x"}}], "sha": {}},
    {"id": TINY, "siblings": [{"rfilename": "a.gguf", "size": 1e300}], "lastModified": "never"},
    {"siblings": [{"rfilename": "a.gguf"}]},
)


@pytest.fixture
def asking(hub: LoopbackHub, tmp_path: Path) -> Iterator[Hub]:
    samples.fill(hub.shelf, large_bytes=3_000_000)
    connections = Connections(tmp_path / "connections.jsonl")
    client = Client(Policy(lambda: False, (host_of(hub.url),)), connections, silence_s=2)
    yield Hub(lambda: client, lambda: hub.url)
    client.close()


def refuses(asking: Hub) -> list[HearthError]:
    """What search and a repository say, where they say no."""
    found = []
    for ask in (lambda: asking.search("tiny"), lambda: asking.repository(TINY)):
        try:
            ask()
        except HearthError as error:
            found.append(error)
    return found


@pytest.mark.parametrize(
    "fault",
    [
        HugeListing(),
        DeepListing(),
        BrokenListing(),
        Bomb(),
        WebPage(),
        Status(500),
        Status(429, retry_s=3),
        Dropped(40),
        Elsewhere("itself"),
        *(Elsewhere(target) for target in FOREIGN),
    ],
    ids=lambda fault: fault.name,
)
def test_it_is_refused_in_words_and_over_when_healed(
    hub: LoopbackHub, asking: Hub, fault: Fault
) -> None:
    fault.sides = ("hub",)  # type: ignore[misc]
    hub.sabotage(fault)
    errors = refuses(asking)
    assert len(errors) == 2
    assert all(isinstance(error, NetworkError) and error.detail for error in errors)
    assert not list(hub.record.at("stranger"))
    hub.heal()
    assert refuses(asking) == []


@pytest.mark.parametrize("value", SHAPES, ids=str)
def test_nothing_of_another_shape_is_more_than_a_sentence(
    hub: LoopbackHub, asking: Hub, value: object
) -> None:
    hub.sabotage(OtherShapes(value, 2))
    refuses(asking)
    hub.heal()
    assert refuses(asking) == []


def test_ten_thousand_files_are_looked_through_and_more_are_not(
    hub: LoopbackHub, asking: Hub
) -> None:
    content = Held(b"GGUF")
    files = {f"m-{number:05d}-Q4_K_M.gguf": content for number in range(12_000)}
    hub.shelf.add(Repository("a/many", dict(files)))
    info = asking.repository("a/many")
    assert 0 < len(info.groups) <= 10_000


def test_names_that_lead_elsewhere_are_not_offered(hub: LoopbackHub, asking: Hub) -> None:
    hub.shelf.add(Repository("a/evil", dict.fromkeys(EVIL, Held(b"GGUF"))))
    info = asking.repository("a/evil")
    for group in info.groups:
        for part in group.parts:
            assert ".." not in part.name
            assert part.name.isprintable()
            assert not part.name.startswith(("/", "~", "\\"))
            assert "\\" not in part.name


def test_what_is_too_much_is_not_read_to_its_end(hub: LoopbackHub, asking: Hub) -> None:
    hub.sabotage(HugeListing(1))
    with pytest.raises(NetworkError):
        asking.repository(TINY)
    hub.hang_up_all()
    (row,) = [row for row in hub.record.at("hub") if row.sent_bytes]
    assert row.sent_bytes < MOST_RECEIVED_BYTES + 8_000_000
