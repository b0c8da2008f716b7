"""The composer: keys, growth, plain text only, long pastes as cards, drafts by conversation."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from PySide6.QtCore import QMimeData, Qt, QUrl
from PySide6.QtGui import QInputMethodEvent
from PySide6.QtWidgets import QApplication, QVBoxLayout, QWidget
from pytestqt.plugin import QtBot

from app.gui.chat.composer import Composer
from app.gui.chat.drafts import Drafts
from app.gui.chat.pasted import Pasted, is_long, joined, parted


@pytest.fixture
def composer(qtbot: QtBot) -> Iterator[Composer]:
    page = QWidget()
    qtbot.addWidget(page)
    page.resize(700, 600)
    made = Composer(page)
    column = QVBoxLayout(page)
    column.addStretch(1)
    column.addWidget(made)
    page.show()
    qtbot.waitExposed(page)
    made.focus()
    yield made
    page.close()


def paste(composer: Composer, text: str, html: str = "") -> None:
    data = QMimeData()
    data.setText(text)
    if html:
        data.setHtml(html)
    composer.draft.insertFromMimeData(data)


def test_enter_sends_and_shift_enter_breaks_the_line(composer: Composer, qtbot: QtBot) -> None:
    sent: list[str] = []
    composer.sent.connect(sent.append)
    qtbot.keyClicks(composer.draft, "one")
    qtbot.keyClick(composer.draft, Qt.Key.Key_Return, Qt.KeyboardModifier.ShiftModifier)
    qtbot.keyClicks(composer.draft, "two")
    assert sent == []
    qtbot.keyClick(composer.draft, Qt.Key.Key_Return)
    assert sent == ["one\ntwo"]
    assert composer.text == "one\ntwo"
    composer.take()
    assert composer.text == ""


def test_nothing_but_space_is_not_sent(composer: Composer, qtbot: QtBot) -> None:
    sent: list[str] = []
    composer.sent.connect(sent.append)
    qtbot.keyClicks(composer.draft, "   ")
    qtbot.keyClick(composer.draft, Qt.Key.Key_Return)
    assert sent == []
    assert not composer.button.isEnabled()


def test_enter_belongs_to_the_input_method_while_it_composes(
    composer: Composer, qtbot: QtBot
) -> None:
    sent: list[str] = []
    composer.sent.connect(sent.append)
    qtbot.keyClicks(composer.draft, "a")
    QApplication.sendEvent(composer.draft, QInputMethodEvent("に", []))
    qtbot.keyClick(composer.draft, Qt.Key.Key_Return)
    assert sent == []
    done = QInputMethodEvent("", [])
    done.setCommitString("日")
    QApplication.sendEvent(composer.draft, done)
    qtbot.keyClick(composer.draft, Qt.Key.Key_Return)
    assert sent == ["a日"]


def test_the_one_button_is_send_or_stop(composer: Composer, qtbot: QtBot) -> None:
    stopped: list[bool] = []
    composer.stopped.connect(lambda: stopped.append(True))
    composer.set_answering(True)
    assert composer.button.accessibleName() == "Stop"
    qtbot.mouseClick(composer.button, Qt.MouseButton.LeftButton)
    qtbot.keyClick(composer.draft, Qt.Key.Key_Escape)
    assert stopped == [True, True]
    qtbot.keyClicks(composer.draft, "typing goes on")
    assert composer.text == "typing goes on"
    composer.set_answering(False)
    assert composer.button.accessibleName() == "Send"


def test_it_grows_to_a_share_of_the_page(composer: Composer, qtbot: QtBot) -> None:
    start = composer.height()
    composer.put(Pasted("a line\n" * 4))
    qtbot.waitUntil(lambda: composer.height() > start)
    composer.put(Pasted("a line\n" * 100))
    page = composer.parentWidget()
    assert page is not None
    qtbot.waitUntil(lambda: composer.draft.height() > 150)
    assert composer.height() <= 0.42 * page.height()
    composer.take()
    qtbot.waitUntil(lambda: composer.height() == start)


def test_only_plain_text_is_pasted(composer: Composer) -> None:
    paste(composer, "words", '<b>words</b><img src="file:///etc/passwd">')
    assert composer.text == "words"
    files = QMimeData()
    files.setUrls([QUrl("file:///etc/passwd")])
    assert not composer.draft.canInsertFromMimeData(files)


@pytest.mark.parametrize("text", ["x" * 1_000_000, "a line of text\n" * 70_000])
def test_a_megabyte_becomes_a_card_and_is_sent_whole(composer: Composer, text: str) -> None:
    composer.put(Pasted("Sum this up:"))
    composer.draft.moveCursor(composer.draft.textCursor().MoveOperation.End)
    paste(composer, text)
    assert len(composer.draft.toPlainText()) < 100
    assert composer.text == f"Sum this up:\n\n{text}"
    assert composer.button.isEnabled()


def test_a_card_can_be_removed(composer: Composer, qtbot: QtBot) -> None:
    paste(composer, "x" * 10_000)
    (remove,) = composer.cards.remove_buttons
    qtbot.mouseClick(remove, Qt.MouseButton.LeftButton)
    assert composer.text == ""


def test_text_of_any_length_goes_back_in() -> None:
    for text in ("", "short", "a\nb", "y" * 5_000, "line\n" * 5_000):
        assert joined(parted(text)) == text
    assert is_long("y" * 5_000)
    assert not is_long("short\n" * 20)


def test_each_conversation_keeps_its_draft(composer: Composer) -> None:
    drafts = Drafts(composer)
    composer.put(Pasted("for a new chat"))
    drafts.change("one")
    assert composer.text == ""
    composer.put(Pasted("for one", ("z" * 9_000,)))
    drafts.change("two")
    drafts.change("one")
    assert composer.content == Pasted("for one", ("z" * 9_000,))
    drafts.change(None)
    assert composer.text == "for a new chat"


def test_changing_a_message_gives_the_draft_back(composer: Composer, qtbot: QtBot) -> None:
    drafts = Drafts(composer)
    composer.cancelled_edit.connect(drafts.cancel_edit)
    composer.put(Pasted("half a thought"))
    drafts.begin_edit("t1", "the old question")
    assert composer.text == "the old question"
    assert drafts.editing == "t1"
    qtbot.keyClick(composer.draft, Qt.Key.Key_Escape)
    assert composer.text == "half a thought"
    assert drafts.editing is None
