"""One model file, served by the loopback hub, and a place to download it to."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.fixtures.downloading import Place, model
from tests.hub.content import Held
from tests.hub.server import LoopbackHub


@pytest.fixture(scope="module")
def content() -> Held:
    return model()


@pytest.fixture
def place(tmp_path: Path, hub: LoopbackHub, content: Held) -> Place:
    made = Place(tmp_path, hub)
    made.serve(content)
    return made
