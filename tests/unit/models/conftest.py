"""A hub on loopback with its sample repositories, and a client that asks it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.fixtures.hub_asking import Asking
from tests.hub.samples import fill
from tests.hub.server import LoopbackHub, loopback_hub


@pytest.fixture(scope="module")
def far() -> Iterator[LoopbackHub]:
    with loopback_hub() as hub:
        fill(hub.shelf, large_bytes=10_000_000)
        yield hub


@pytest.fixture
def asking(far: LoopbackHub, tmp_path: Path) -> Iterator[Asking]:
    far.record.clear()
    made = Asking(far, tmp_path)
    yield made
    made.client.close()
