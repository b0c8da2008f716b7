"""Documents that freeze other windows: shown at once and streamed, complete when copied."""

from __future__ import annotations

import pytest
from PySide6.QtGui import QGuiApplication
from pytestqt.plugin import QtBot

from app.gui.chat.message import Message
from app.gui.chat.message_list import MessageList
from app.gui.chat.transcript import Transcript
from tests.fixtures.pathological import DOCUMENTS, GIANTS


def shown_in(qtbot: QtBot) -> Transcript:
    view = Transcript()
    qtbot.addWidget(view)
    view.resize(800, 600)
    view.show()
    qtbot.waitExposed(view)
    return view


def as_held(text: str) -> str:
    """What a clipboard can hold of a text: no lone surrogates."""
    return "".join(char for char in text if not "\ud800" <= char <= "\udfff")


def travel(view: Transcript) -> None:
    """Look at the beginning, the middle and the end."""
    bar = view.verticalScrollBar()
    for share in (0.0, 0.5, 1.0):
        bar.setValue(round(bar.maximum() * share))
        view.viewport().repaint()


@pytest.mark.parametrize("name", sorted(DOCUMENTS))
def test_shown_at_once_and_copied_whole(name: str, qtbot: QtBot) -> None:
    text = DOCUMENTS[name]()
    view = shown_in(qtbot)
    made = MessageList()
    made.append(Message("1", "assistant", text))
    made.append(Message("2", "user", text))
    view.show_messages(made)
    travel(view)
    for number in (0, 1):
        view.clear_selection()
        view.message_cursor.put(number)
        view.copy()
        assert QGuiApplication.clipboard().text() == as_held(text)


@pytest.mark.parametrize("name", sorted(DOCUMENTS))
def test_streamed_in_pieces_ends_as_if_shown_at_once(name: str, qtbot: QtBot) -> None:
    text = DOCUMENTS[name]()[:20_000]
    view = shown_in(qtbot)
    view.show_messages(MessageList())
    view.append(Message("1", "assistant", ""))
    step = max(1, len(text) // 60)
    for at in range(0, len(text), step):
        view.grow_last(text[at : at + step])
        if at % (step * 6) == 0:
            view.relayout()
            view.viewport().repaint()
    message = view.messages[-1]
    message.body.set_text(text)
    view.relayout()
    travel(view)
    assert message.body.text == text
    view.message_cursor.put(0)
    view.select_all()
    letters = [char for char in view.selected_text() if char.isalnum()]
    again = shown_in(qtbot)
    made = MessageList()
    made.append(Message("1", "assistant", text))
    again.show_messages(made)
    again.message_cursor.put(0)
    again.select_all()
    assert letters == [char for char in again.selected_text() if char.isalnum()]


@pytest.mark.parametrize("name", sorted(GIANTS))
def test_giants_are_cut_a_slice_at_a_time(name: str, qtbot: QtBot) -> None:
    text = GIANTS[name]()
    assert len(text) >= 1_000_000
    view = shown_in(qtbot)
    made = MessageList()
    made.append(Message("1", "assistant", text))
    view.show_messages(made)
    message = view.messages[0]
    qtbot.waitUntil(lambda: message.body.is_read, timeout=60_000)
    travel(view)
    view.message_cursor.put(0)
    view.copy()
    assert QGuiApplication.clipboard().text() == text
