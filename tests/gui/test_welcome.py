"""The empty chat: the first start says what was found; later one sentence is enough."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import Future

import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QScrollArea
from pytestqt.plugin import QtBot

from app.conversations.repository import Repository
from app.foundation.errors import ChildFailed
from app.gui.bridge import Bridge
from app.gui.chat.welcome import Welcome
from app.gui.services import Fact, GuiServices
from app.gui.widgets.buttons import TextButton
from app.gui.widgets.plain import ElidedLabel, PlainLabel
from app.settings.file import SettingsFile
from app.settings.schema import MODEL_PATH

Settled = Callable[[Callable[[], bool]], None]


@pytest.fixture
def welcome(qtbot: QtBot, services: GuiServices, bridge: Bridge) -> Welcome:
    made = Welcome(services, bridge)
    qtbot.addWidget(made)
    made.resize(752, 480)
    made.show()
    return made


def words(welcome: Welcome) -> list[str]:
    return [
        label.whole if isinstance(label, ElidedLabel) else label.text()
        for label in welcome.findChildren(PlainLabel)
        if label.isVisible()
    ]


def questions(welcome: Welcome) -> list[TextButton]:
    return [button for button in welcome.findChildren(TextButton) if button.isVisible()]


def test_the_first_start_says_what_was_found_and_offers_the_guide(
    welcome: Welcome, settled: Settled
) -> None:
    settled(lambda: "A tiny one" in words(welcome))
    assert welcome.is_first_start
    assert any("built-in guide" in text for text in words(welcome))
    assert len(questions(welcome)) == 3


def test_only_the_facts_in_brief_are_shown_where_any_are_marked(
    qtbot: QtBot, services: GuiServices, bridge: Bridge, settled: Settled
) -> None:
    looking: Future[Sequence[Fact]] = Future()
    services.machine_facts = lambda: looking
    welcome = Welcome(services, bridge)
    qtbot.addWidget(welcome)
    welcome.show()
    settled(lambda: "Looking…" in words(welcome))
    looking.set_result([Fact("System", "An old one"), Fact("Memory", "8 GB", in_brief=True)])
    settled(lambda: "8 GB" in words(welcome))
    assert "An old one" not in words(welcome)


def test_a_look_that_fails_stands_in_nobodys_way(
    qtbot: QtBot, services: GuiServices, bridge: Bridge, settled: Settled
) -> None:
    looking: Future[Sequence[Fact]] = Future()
    services.machine_facts = lambda: looking
    welcome = Welcome(services, bridge)
    qtbot.addWidget(welcome)
    welcome.show()
    settled(lambda: welcome.is_first_start)
    looking.set_exception(ChildFailed("It did not end."))
    settled(lambda: not welcome.is_first_start)
    assert len(questions(welcome)) == 3


def test_later_one_sentence_is_enough(
    welcome: Welcome, repository: Repository, settled: Settled
) -> None:
    settled(lambda: welcome.is_first_start)
    repository.create("A chat").result()
    welcome.refresh()
    settled(lambda: not welcome.is_first_start)
    assert "What would you like to know?" in words(welcome)


def test_questions_for_the_guide_are_not_put_to_another_model(
    welcome: Welcome, settings: SettingsFile, settled: Settled
) -> None:
    settings.set(MODEL_PATH, "some-model.gguf")
    welcome.refresh()
    settled(lambda: questions(welcome) == [])


def test_who_has_chosen_a_model_has_begun(
    welcome: Welcome, settings: SettingsFile, settled: Settled
) -> None:
    settled(lambda: welcome.is_first_start)
    settings.set(MODEL_PATH, "some-model.gguf")
    welcome.refresh()
    settled(lambda: not welcome.is_first_start)
    assert "The answer is made on this computer." in words(welcome)


def test_a_question_that_is_clicked_is_asked(
    welcome: Welcome, qtbot: QtBot, settled: Settled
) -> None:
    settled(lambda: len(questions(welcome)) == 3)
    with qtbot.waitSignal(welcome.asked) as asked:
        qtbot.mouseClick(questions(welcome)[1], Qt.MouseButton.LeftButton)
    assert asked.args == ["How do I add a model?"]


def test_it_fits_a_small_window_without_scrolling(welcome: Welcome, settled: Settled) -> None:
    settled(lambda: "A tiny one" in words(welcome))
    scroll = welcome.findChild(QScrollArea)
    assert scroll is not None
    settled(lambda: scroll.verticalScrollBar().maximum() == 0)
