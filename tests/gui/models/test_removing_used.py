"""Removing the model that is open: said before, closed first, and the Guide goes on."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from pytestqt.plugin import QtBot

from app.conversations.repository import Repository
from app.gui.bridge import Bridge
from app.gui.main_window import MainWindow
from app.gui.models.library.row import KeptRow
from app.gui.models.page import HERE
from app.gui.notify import Notifier
from app.gui.services import GuiServices
from app.gui.window_state import WindowState
from app.inference.planning import Planning
from app.models.library import removing
from app.models.library.library import Library
from app.protocol.model_ref import BUILT_IN
from app.settings.schema import MODEL_PATH
from tests.fixtures.services import Bench, endless
from tests.fixtures.shelves import Desk
from tests.gui.models.conftest import Settled


@pytest.fixture
def own(person: Desk) -> Path:
    """A model in Hearth's own folder that goes on writing until it is stopped."""
    path = person.folder / "some" / "Own-GGUF" / "Own-F16.gguf"
    path.parent.mkdir(parents=True)
    return endless(person.tiny("Own", n_ctx=8192), path)


@pytest.fixture
def library(services: GuiServices, bench: Bench, person: Desk) -> Library:
    bench.placing.n_ctx = 4096
    return Library(
        services.profile,
        services.settings,
        lambda: person.folder,
        lambda _: None,
        letting_go=bench.service.letting_go,
        surroundings=person.surroundings,
    )


@pytest.fixture
def window(
    qtbot: QtBot,
    services: GuiServices,
    planning: Planning,
    library: Library,
    bridge: Bridge,
    notify: Notifier,
) -> Iterator[MainWindow]:
    services.library = lambda: library
    services.planning = lambda: planning
    made = MainWindow(services, bridge, notify)
    qtbot.addWidget(made)
    made.show_first(WindowState(0, 0, 1000, 800))
    yield made
    if notify.toast is not None:
        notify.toast.dismiss()


@pytest.fixture
def trash(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    folder = tmp_path / "trash"
    folder.mkdir()
    monkeypatch.setattr(removing, "trash", lambda path: path.rename(folder / path.name))
    return folder


def opened(window: MainWindow, path: Path, settled: Settled) -> KeptRow:
    """Have a model open, and its row in the library."""
    window.open_model(str(path))
    settled(lambda: window.chat_page.model_button.is_ready)
    return row_of(window, settled)


def row_of(window: MainWindow, settled: Settled) -> KeptRow:
    window.show_models()
    page = window.models_page
    assert page is not None
    page.show_place(HERE)
    page.library.look()
    settled(lambda: len(page.library.rows) == 2 and not page.library._look.is_busy)
    return next(row for row in page.library.rows if not row.item.is_built_in)


def test_the_model_in_use_is_closed_and_the_guide_takes_its_place(
    window: MainWindow,
    services: GuiServices,
    own: Path,
    trash: Path,
    notify: Notifier,
    settled: Settled,
) -> None:
    row = opened(window, own, settled)
    row.asked.emit("remove")
    assert "closed first, and the Guide answers from then on" in row.strip.words.text()
    row.strip.act.click()
    page, button = window.models_page, window.chat_page.model_button
    assert page is not None
    settled(lambda: len(page.library.rows) == 1)
    settled(lambda: button.ref.is_built_in and button.is_ready)
    assert (trash / own.name).exists()
    assert services.settings.get(MODEL_PATH) == BUILT_IN
    assert window.pages.currentWidget() is page
    assert notify.toast is not None
    assert notify.toast.title.text() == "Own is in the trash."
    assert notify.toast._detail.text() == "The Guide answers from now on."
    # Brought back from the trash, it can be chosen again.
    own.parent.mkdir(parents=True, exist_ok=True)
    (trash / own.name).rename(own)
    row_of(window, settled).chat.click()
    settled(lambda: button.ref.name == str(own) and button.is_ready)


def test_an_answer_under_way_is_said_and_stopped(
    window: MainWindow,
    bench: Bench,
    repository: Repository,
    own: Path,
    trash: Path,
    settled: Settled,
) -> None:
    row = opened(window, own, settled)
    chat = window.chat_page
    chat.composer.sent.emit("Count, please.")
    settled(lambda: bench.service.snapshot().active == 1)
    row.asked.emit("remove")
    assert "It is writing an answer, which is stopped" in row.strip.words.text()
    row.strip.act.click()
    settled(lambda: chat.model_button.ref.is_built_in and chat.model_button.is_ready)
    settled(lambda: not chat.exchange.is_answering)
    assert (trash / own.name).exists()
    assert chat.conversation_id is not None
    assert repository.turns(chat.conversation_id).result()[-1].state == "stopped"


def test_removing_another_one_changes_nothing_for_the_chat(
    window: MainWindow, own: Path, trash: Path, settled: Settled
) -> None:
    window.open_model(BUILT_IN)
    settled(lambda: window.chat_page.model_button.is_ready)
    row = row_of(window, settled)
    row.asked.emit("remove")
    assert row.strip.words.text().startswith("It moves to the trash")
    row.strip.act.click()
    page = window.models_page
    assert page is not None
    settled(lambda: len(page.library.rows) == 1)
    assert (trash / own.name).exists()
    assert window.chat_page.model_button.is_ready
