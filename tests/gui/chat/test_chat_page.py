"""The chat page around real services and a real engine with a tiny model."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from PySide6.QtCore import Qt
from pytestqt.plugin import QtBot

from app.chat.events import AnswerStored, ChatEvent
from app.conversations.records import ConversationOptions
from app.gui.bridge import Bridge
from app.gui.chat.page import ChatPage
from app.gui.notify import Notifier
from app.gui.services import GuiServices
from app.settings import schema
from tests.fixtures.services import Bench, endless, make_bench, starter
from tests.fixtures.tiny_models import make

DEADLINE_S = 60.0
Settled = Callable[[Callable[[], Any]], None]


@pytest.fixture
def bench(tmp_path: Path, tiny_models: Path) -> Iterator[Bench]:
    """A model that writes until it is stopped or has reached the length allowed."""
    model = endless(make("llama", tiny_models, quant="F16"), tmp_path / "endless.gguf")
    made = make_bench(starter(tmp_path / "starter", model))
    yield made
    assert made.service.close(DEADLINE_S)


@pytest.fixture
def page(
    qtbot: QtBot, services: GuiServices, bridge: Bridge, notify: Notifier
) -> Iterator[ChatPage]:
    services.settings.set(schema.MAX_TOKENS, 12).result(DEADLINE_S)
    made = ChatPage(services, bridge, notify)
    qtbot.addWidget(made)
    made.resize(900, 640)
    made.show()
    qtbot.waitExposed(made)
    yield made
    made.exchange.stop()


def ask(page: ChatPage, qtbot: QtBot, text: str) -> None:
    page.composer.put_text(text)
    qtbot.keyClick(page.composer.draft, Qt.Key.Key_Return)


def is_done(page: ChatPage) -> bool:
    return (
        bool(page.path.turns)
        and page.exchange.live is None
        and page.path.turns[-1] is not None
        and page.path.turns[-1].state != "writing"
    )


def shown(page: ChatPage) -> list[tuple[str, str]]:
    return [(message.role, message.body.text) for message in page.transcript.messages]


def test_a_question_is_pending_then_stored_then_answered(
    page: ChatPage, qtbot: QtBot, settled: Settled, services: GuiServices
) -> None:
    changed: list[object] = []
    page.conversation_changed.connect(changed.append)
    ask(page, qtbot, "Hello there")
    assert shown(page)[0] == ("user", "Hello there")
    assert page.transcript.messages[0].is_pending
    assert page.composer.text == ""
    assert page.composer.button.accessibleName() == "Stop"
    settled(lambda: is_done(page))
    assert not page.transcript.messages[0].is_pending
    assert page.conversation_id is not None
    stored = services.repository.turns(page.conversation_id).result(DEADLINE_S)
    assert [turn.text for turn in stored] == [text for _, text in shown(page)]
    assert shown(page)[1][1] != ""
    assert page.conversation_id in changed
    assert page.composer.button.accessibleName() == "Send"
    last = page.transcript.messages[-1]
    assert "tokens/s" in last.quiet
    assert "of 512 tokens of context used" in last.quiet
    assert last.note.startswith("Ended at the longest answer")


def test_stop_shows_at_once_and_takes_the_next_question(
    page: ChatPage, qtbot: QtBot, settled: Settled, services: GuiServices, bench: Bench
) -> None:
    # Room enough that a slow window never finds it filled before Stop.
    bench.placing.n_ctx = 32768
    services.settings.set(schema.MAX_TOKENS, 0).result(DEADLINE_S)
    ask(page, qtbot, "Write without end")
    settled(lambda: len(shown(page)) == 2 and shown(page)[1][1] != "")
    qtbot.keyClick(page.composer.draft, Qt.Key.Key_Escape)
    assert page.transcript.messages[-1].note == "Stopped"
    assert page.composer.button.accessibleName() == "Send"
    services.settings.set(schema.MAX_TOKENS, 4).result(DEADLINE_S)
    ask(page, qtbot, "And now this")
    settled(lambda: len(shown(page)) == 4 and is_done(page))
    turns = page.path.stored
    assert [turn.state for turn in turns] == ["complete", "stopped", "complete", "complete"]
    assert turns[2].text == "And now this"


def test_a_stopped_answer_can_be_continued(
    page: ChatPage, qtbot: QtBot, settled: Settled, services: GuiServices
) -> None:
    ask(page, qtbot, "Hello there")
    settled(lambda: is_done(page))
    before = shown(page)[1][1]
    offer = page.handling.offer_for(1)
    assert offer.can_continue
    assert offer.can_regenerate
    page.handling.actions.continue_asked.emit(1)
    settled(lambda: is_done(page) and len(shown(page)[1][1]) > len(before))
    assert shown(page)[1][1].startswith(before)
    assert len(shown(page)) == 2


def test_answering_again_keeps_both_versions(
    page: ChatPage, qtbot: QtBot, settled: Settled
) -> None:
    ask(page, qtbot, "Hello there")
    settled(lambda: is_done(page))
    first = page.path.stored[1]
    page.regenerate_last()
    settled(lambda: is_done(page) and page.path.stored[-1].id != first.id)
    assert page.handling.offer_for(1).n_versions == 2
    page.handling.actions.version_asked.emit(1, -1)
    settled(lambda: page.path.stored[1].id == first.id)
    assert shown(page)[1][1] == first.text
    page.handling.actions.version_asked.emit(1, 1)
    settled(lambda: page.path.stored[1].id != first.id)


def test_a_changed_question_is_another_version(
    page: ChatPage, qtbot: QtBot, settled: Settled
) -> None:
    ask(page, qtbot, "Hello there")
    settled(lambda: is_done(page))
    page.composer.put_text("a draft")
    page.handling.actions.edit_asked.emit(0)
    assert page.composer.text == "Hello there"
    page.composer.put_text("Hello you")
    qtbot.keyClick(page.composer.draft, Qt.Key.Key_Return)
    assert page.composer.text == "a draft"
    settled(lambda: is_done(page) and len(shown(page)) == 2)
    assert shown(page)[0] == ("user", "Hello you")
    assert page.handling.offer_for(0).n_versions == 2


def test_what_does_not_fit_comes_back_with_a_sentence(
    page: ChatPage, qtbot: QtBot, settled: Settled
) -> None:
    ask(page, qtbot, "Hello there")
    settled(lambda: is_done(page))
    text = "many words " * 2_000
    ask(page, qtbot, text)
    settled(lambda: page.exchange.live is None and page.refusal.title != "")
    assert "longer than the model can read" in page.refusal.title
    settled(lambda: len(shown(page)) == 2)
    assert page.composer.text.strip() == text.strip()


def test_the_meter_warns_before_sending(page: ChatPage, qtbot: QtBot, settled: Settled) -> None:
    ask(page, qtbot, "Hello there")
    settled(lambda: is_done(page))
    page.composer.put_text("many words " * 400)
    settled(lambda: page.composer.hint.text().startswith("This does not fit"))
    page.composer.put_text("few words")
    settled(lambda: page.composer.hint.text() == "")


def test_an_answer_goes_on_while_another_chat_is_open(
    page: ChatPage, qtbot: QtBot, settled: Settled, services: GuiServices
) -> None:
    services.settings.set(schema.MAX_TOKENS, 60).result(DEADLINE_S)
    ask(page, qtbot, "Hello there")
    settled(lambda: page.conversation_id is not None and len(shown(page)) == 2)
    first = page.conversation_id
    page.composer.put_text("kept for later")
    page.open_conversation(None)
    assert shown(page) == []
    assert page.composer.text == ""
    page.open_conversation(first)
    settled(lambda: is_done(page))
    assert page.composer.text == "kept for later"
    assert first is not None
    stored = services.repository.turns(first).result(DEADLINE_S)
    assert [turn.text for turn in stored] == [text for _, text in shown(page)]


def test_options_belong_to_the_chat(
    page: ChatPage, qtbot: QtBot, settled: Settled, services: GuiServices
) -> None:
    page.toggle_options()
    assert page.options.isVisible()
    page.options.fill(ConversationOptions(system_prompt="Be brief.", max_tokens=3))
    page.options.chosen.emit(page.options.options)
    qtbot.keyClick(page.options, Qt.Key.Key_Escape)
    assert not page.options.isVisible()
    ask(page, qtbot, "Hello there")
    settled(lambda: is_done(page))
    assert page.conversation_id is not None
    kept = services.repository.get(page.conversation_id).result(DEADLINE_S)
    assert kept.options == ConversationOptions(system_prompt="Be brief.", max_tokens=3)
    usage = page.path.stored[1].usage
    assert usage is not None
    assert usage.completion_tokens == 3


def test_an_interrupted_answer_says_so_and_offers_to_go_on(
    page: ChatPage, settled: Settled, services: GuiServices
) -> None:
    repository = services.repository
    conversation = repository.create("Cut off").result(DEADLINE_S)
    asked = repository.append(conversation.id, None, "user", "Why?").result(DEADLINE_S)
    repository.append(conversation.id, asked.id, "assistant", "Because", state="writing").result(
        DEADLINE_S
    )
    repository.mark_interrupted().result(DEADLINE_S)
    page.open_conversation(conversation.id)
    settled(lambda: len(shown(page)) == 2)
    assert page.transcript.messages[1].note.startswith("Interrupted")
    assert page.handling.offer_for(1).can_continue


def test_a_model_that_is_missing_is_said_and_the_page_goes_on(
    page: ChatPage, qtbot: QtBot, settled: Settled, tmp_path: Path
) -> None:
    failures: list[object] = []
    page.model_button.failed.connect(failures.append)
    page.set_model(str(tmp_path / "gone.gguf"))
    settled(lambda: bool(failures))
    assert page.model_button.text().startswith("gone")
    page.model_button.choose("hearth-guide")
    settled(lambda: page.model_button.is_ready)
    assert page.model_button.text().startswith("Guide")


def test_events_of_a_chat_that_was_never_asked_here_are_no_matter(
    page: ChatPage, services: GuiServices
) -> None:
    conversation = services.repository.create("Other").result(DEADLINE_S)
    turn = services.repository.append(conversation.id, None, "user", "x").result(DEADLINE_S)
    events: list[ChatEvent] = [AnswerStored(turn)]
    page.exchange.hearing.arrived(events)
    assert shown(page) == []
