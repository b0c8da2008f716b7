"""The model button calls a model what the library calls it, at the next start too."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from pytestqt.plugin import QtBot

from app.gui.bridge import Bridge
from app.gui.chat.model_button import ModelButton
from app.gui.services import GuiServices
from tests.fixtures.services import Bench, endless, make_bench, starter
from tests.fixtures.shelves import Desk, ollama_model
from tests.fixtures.tiny_models import make

DEADLINE_S = 60.0
Settled = Callable[[Callable[[], bool]], None]


@pytest.fixture
def bench(tmp_path: Path, tiny_models: Path) -> Iterator[Bench]:
    model = endless(make("llama", tiny_models, quant="F16"), tmp_path / "endless.gguf")
    made = make_bench(starter(tmp_path / "starter", model))
    yield made
    assert made.service.close(DEADLINE_S)


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    made = Desk(tmp_path / "computer")
    yield made
    made.close()


def test_a_file_named_by_its_checksum_has_the_name_of_the_library(
    qtbot: QtBot, services: GuiServices, bridge: Bridge, desk: Desk, settled: Settled
) -> None:
    store = desk.home / ".ollama" / "models"
    (blob,) = ollama_model(store, "library/mistral:7b", [("model", desk.tiny("Mistral"))])
    library = desk.library()
    (kept,) = library.look().models
    services.library = lambda: library
    button = ModelButton(services, bridge)
    qtbot.addWidget(button)
    button.choose(str(blob))
    settled(lambda: button.is_ready)
    settled(lambda: button.text().startswith(kept.name))
    assert "sha256" not in button.text()
    services.library = None
    later = ModelButton(services, bridge)
    qtbot.addWidget(later)
    settled(lambda: later.text().startswith(kept.name))
    assert "sha256" not in later.accessibleName()
