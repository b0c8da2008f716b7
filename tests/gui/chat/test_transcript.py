"""The transcript: what is laid out, what moves and what does not, selection, keyboard."""

from __future__ import annotations

import pytest
from PySide6.QtCore import QPoint, Qt
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QApplication
from pytestqt.plugin import QtBot

from app.conversations.records import Turn
from app.gui import theme
from app.gui.chat.body import Placed
from app.gui.chat.code_box import CodeBox
from app.gui.chat.code_tools import CodeToolsLayer
from app.gui.chat.message import Message
from app.gui.chat.message_list import MessageList
from app.gui.chat.path import message_of
from app.gui.chat.readers import Readers
from app.gui.chat.table_box import TableBox
from app.gui.chat.transcript import Transcript

ANSWER = """A paragraph with a [link](https://example.org/a) in it, and some more words after it.

```python
print("hello")
```

- one
- two
"""


def listed(texts: list[str]) -> MessageList:
    """Texts of a person and a model in turn, made into messages when they are looked at."""
    turns = [
        Turn(str(n), "c", None, "assistant" if n % 2 else "user", text, "complete", 0.0)
        for n, text in enumerate(texts)
    ]
    return MessageList(turns, message_of)


def messages(count: int, answer: str = ANSWER) -> MessageList:
    return listed([f"Answer {n}. {answer}" if n % 2 else f"Question {n}?" for n in range(count)])


@pytest.fixture
def view(qtbot: QtBot) -> Transcript:
    transcript = Transcript()
    qtbot.addWidget(transcript)
    transcript.resize(800, 600)
    transcript.show()
    qtbot.waitExposed(transcript)
    return transcript


def laid_out(view: Transcript) -> list[int]:
    return [n for n in range(len(view.messages)) if view.messages[n].body.is_laid_out]


def on_screen(view: Transcript) -> list[tuple[int, int]]:
    return [(number, top) for number, _, top in view.flow.visible()]


def spot_of(view: Transcript, number: int, words: str) -> QPoint:
    """Where some words of a message begin on the screen."""
    column = view.column
    for each, message, top in view.flow.visible():
        if each != number:
            continue
        for placed in message.visible(-top, view.flow.height - top):
            left = column.left() + message.text_left(column.width())
            for y in range(2, placed.box.height, 4):
                for x in range(0, placed.box.width, 4):
                    at = placed.box.hit(x, y)
                    if (
                        placed.box.is_text(x, y)
                        and placed.box.between(at, at + len(words)) == words
                    ):
                        return QPoint(left + x + 1, top + placed.y + y)
    raise AssertionError(f"{words!r} is not in sight")


def boxes(view: Transcript) -> list[Placed]:
    return [
        placed
        for _, message, top in view.flow.visible()
        for placed in message.visible(-top, view.flow.height - top)
    ]


def test_only_what_is_seen_is_laid_out(view: Transcript) -> None:
    view.show_messages(messages(10_000))
    assert 1 <= len(laid_out(view)) < 12
    assert laid_out(view)[-1] == 9_999
    view.verticalScrollBar().setValue(view.verticalScrollBar().maximum() // 2)
    assert len(laid_out(view)) < 24
    for value in range(0, view.verticalScrollBar().maximum(), 20_000):
        view.verticalScrollBar().setValue(value)
    assert len(laid_out(view)) <= 60


def test_opens_at_the_end_and_scrolls_to_the_first(view: Transcript) -> None:
    view.show_messages(messages(500))
    bar = view.verticalScrollBar()
    assert bar.value() == bar.maximum()
    bar.setValue(0)
    assert on_screen(view)[0] == (0, 0)
    bar.setValue(bar.maximum())
    number, top = on_screen(view)[-1]
    assert number == 499
    assert top + view.messages[499].height <= view.viewport().height()


def test_a_small_scroll_moves_everything_by_just_that(view: Transcript) -> None:
    view.show_messages(messages(400, ANSWER * 3))
    bar = view.verticalScrollBar()
    bar.setValue(bar.maximum() // 2)
    compared = 0
    for _ in range(40):
        before = dict(on_screen(view))
        bar.setValue(bar.value() - 60)
        after = dict(on_screen(view))
        shared = [number for number, top in before.items() if top >= 0 and number in after]
        assert {after[number] - before[number] for number in shared} <= {60}
        compared += len(shared)
    assert compared > 20


def test_growing_touches_only_the_last_boxes(view: Transcript, qtbot: QtBot) -> None:
    view.show_messages(messages(6))
    view.append(Message("x", "assistant", ""))
    view.grow_last("First paragraph.\n\nSecond paragraph.\n\nThird")
    qtbot.waitUntil(lambda: any("Third" in str(p.box.block) for p in boxes(view)))
    body = view.messages[-1].body
    before = [placed.box for placed in body.visible(0, 10_000)]
    view.grow_last(" goes on.\n\nFourth")
    qtbot.waitUntil(lambda: any("Fourth" in str(p.box.block) for p in boxes(view)))
    after = [placed.box for placed in body.visible(0, 10_000)]
    assert after[:2] == before[:2]
    assert body.text.endswith("Fourth")


def test_growing_code_keeps_its_box(view: Transcript, qtbot: QtBot) -> None:
    view.show_messages(messages(2))
    view.append(Message("x", "assistant", ""))
    view.grow_last("```python\nx = 1\n")
    qtbot.waitUntil(lambda: any(isinstance(p.box, CodeBox) for p in boxes(view)[-1:]))
    box = boxes(view)[-1].box
    for line in range(50):
        view.grow_last(f"y = {line}\n")
    qtbot.waitUntil(lambda: "y = 49" in str(boxes(view)[-1].box.block))
    assert boxes(view)[-1].box is box


def test_growth_stays_at_the_bottom_unless_one_has_scrolled_up(
    view: Transcript, qtbot: QtBot
) -> None:
    view.show_messages(messages(20))
    view.append(Message("x", "assistant", ""))
    bar = view.verticalScrollBar()
    view.grow_last("Words. " * 400)
    qtbot.waitUntil(lambda: view.messages[-1].height > 300)
    assert bar.value() == bar.maximum()
    bar.setValue(bar.value() - 400)
    before = on_screen(view)[0]
    height = view.messages[-1].height
    view.grow_last("More words.\n\n" * 50)
    qtbot.waitUntil(lambda: view.messages[-1].height > height)
    assert on_screen(view)[0] == before


def test_resizing_keeps_the_message_at_the_top(view: Transcript) -> None:
    view.show_messages(messages(300, ANSWER * 2))
    bar = view.verticalScrollBar()
    bar.setValue(bar.maximum() // 2)
    view.message_cursor.go(101)
    view.flow.scroll_to(0)
    view.message_cursor.go(151)
    before = on_screen(view)[0][0]
    view.resize(560, 500)
    assert abs(on_screen(view)[0][0] - before) <= 1
    view.resize(900, 640)
    assert abs(on_screen(view)[0][0] - before) <= 1


def test_a_look_of_other_size_lays_out_anew(view: Transcript) -> None:
    view.show_messages(messages(50))
    before = view.messages[-1].height
    theme.current().set_look("dark", 150)
    assert view.messages[-1].height > before
    assert len(laid_out(view)) < 20


def test_dragging_selects_and_copies_across_messages(view: Transcript, qtbot: QtBot) -> None:
    view.show_messages(messages(2))
    start, end = spot_of(view, 0, "Question"), spot_of(view, 1, "hello")
    port = view.viewport()
    qtbot.mousePress(port, Qt.MouseButton.LeftButton, pos=start)
    qtbot.mouseMove(port, start + QPoint(30, 0))
    qtbot.mouseMove(port, end)
    qtbot.mouseRelease(port, Qt.MouseButton.LeftButton, pos=end)
    text = view.selected_text()
    assert text.startswith("Question 0?\n\nAnswer 1. A paragraph with a link in it")
    assert text.endswith('print("')
    view.copy()
    assert QGuiApplication.clipboard().text() == text


def test_a_double_click_takes_a_word(view: Transcript, qtbot: QtBot) -> None:
    view.show_messages(messages(2))
    at = spot_of(view, 1, "paragraph") + QPoint(6, 0)
    qtbot.mousePress(view.viewport(), Qt.MouseButton.LeftButton, pos=at)
    qtbot.mouseRelease(view.viewport(), Qt.MouseButton.LeftButton, pos=at)
    qtbot.mouseDClick(view.viewport(), Qt.MouseButton.LeftButton, pos=at)
    assert view.selected_text() == "paragraph"


def test_select_all_takes_the_whole_message(view: Transcript, qtbot: QtBot) -> None:
    view.show_messages(messages(2, "a\n\nb\n\n" * 3_000))
    view.message_cursor.go(1)
    qtbot.keyClick(view, Qt.Key.Key_A, Qt.KeyboardModifier.ControlModifier)
    assert view.selected_text().split() == view.messages[1].body.text.split()


def test_a_link_is_only_reported(view: Transcript, qtbot: QtBot) -> None:
    view.show_messages(messages(2))
    with qtbot.waitSignal(view.link_chosen) as chosen:
        at = spot_of(view, 1, "link") + QPoint(4, 0)
        qtbot.mouseClick(view.viewport(), Qt.MouseButton.LeftButton, pos=at)
    assert chosen.args is not None
    assert chosen.args[0] == "https://example.org/a"


def test_wide_code_and_tables_scroll_sideways(view: Transcript) -> None:
    wide = "```\n" + "wide " * 60 + "\n```\n\n" + "|" + "a long word|" * 20 + "\n" + "|-" * 20
    made = MessageList()
    made.append(Message("1", "assistant", wide + "|\n" + "|" + "a long word|" * 20))
    view.show_messages(made)
    kinds = {type(p.box): p.box for p in boxes(view)}
    for kind in (CodeBox, TableBox):
        box = kinds[kind]
        assert box.scroll_range > 0
        assert isinstance(box, CodeBox | TableBox)
        before = box.hit(100, 50)
        box.scroll.x = box.scroll_range
        assert box.hit(100, 50) > before


def test_long_words_of_ones_own_are_folded_and_unfold(view: Transcript, qtbot: QtBot) -> None:
    made = MessageList()
    text = "\n".join(f"line {n}" for n in range(500))
    made.append(Message("1", "user", text))
    view.show_messages(made)
    folded = view.messages[0].height
    assert folded < 1_500
    view.verticalScrollBar().setValue(view.verticalScrollBar().maximum())
    fold = boxes(view)[-1]
    column = view.column
    left = column.left() + view.messages[0].text_left(column.width())
    top = on_screen(view)[0][1]
    at = QPoint(left + 10, top + fold.y + 6)
    qtbot.mouseClick(view.viewport(), Qt.MouseButton.LeftButton, pos=at)
    assert view.messages[0].height > 5 * folded
    assert view.messages[0].body.text == text


def test_thoughts_are_folded_away(view: Transcript) -> None:
    made = MessageList()
    made.append(Message("1", "assistant", "<think>\nsecret plan\n</think>\nThe answer."))
    view.show_messages(made)
    shown = [str(p.box.block) for p in boxes(view)]
    assert not any("secret plan" in text for text in shown)
    assert any("The answer." in text for text in shown)


def test_keys_move_a_cursor_that_readers_follow(view: Transcript, qtbot: QtBot) -> None:
    readers = Readers(view)
    view.show_messages(messages(60))
    readers.focus_cursor()
    assert view.message_cursor.at == 59
    for _ in range(3):
        focused = QApplication.focusWidget()
        assert focused is not None
        qtbot.keyClick(focused, Qt.Key.Key_Up)
    assert view.message_cursor.at == 56
    label = readers.label(56)
    assert label is not None
    assert label.hasFocus()
    assert label.accessibleName() == "You said: Question 56?"
    qtbot.keyClick(label, Qt.Key.Key_Home)
    assert view.message_cursor.at == 0
    first = readers.label(0)
    assert first is not None
    assert first.hasFocus()
    assert on_screen(view)[0][0] == 0
    qtbot.keyClick(first, Qt.Key.Key_C, Qt.KeyboardModifier.ControlModifier)
    assert QGuiApplication.clipboard().text() == "Question 0?"


def test_every_message_in_sight_has_a_reader(view: Transcript) -> None:
    readers = Readers(view)
    view.show_messages(messages(300))
    bar = view.verticalScrollBar()
    for value in (0, bar.maximum() // 3, bar.maximum()):
        bar.setValue(value)
        for number, top in on_screen(view):
            label = readers.label(number)
            assert label is not None
            assert label.y() == top
            assert label.accessibleName()


def test_code_has_real_buttons(view: Transcript, qtbot: QtBot) -> None:
    layer = CodeToolsLayer(view)
    view.show_messages(messages(2))
    shown = [tools for tools in layer.tools if tools.isVisible()]
    assert len(shown) == 1
    qtbot.mouseClick(shown[0].copy_button, Qt.MouseButton.LeftButton)
    assert QGuiApplication.clipboard().text() == 'print("hello")'
    with qtbot.waitSignal(layer.save_asked) as asked:
        qtbot.mouseClick(shown[0].save_button, Qt.MouseButton.LeftButton)
    assert asked.args == ["code.py", 'print("hello")']


def test_nothing_moves_while_an_estimate_above_becomes_real(view: Transcript) -> None:
    made = MessageList()
    for number in range(40):
        text = "Short." if number % 3 else "# Title\n\n" * 30
        made.append(Message(str(number), "assistant", text))
    view.show_messages(made)
    bar = view.verticalScrollBar()
    for _ in range(80):
        before = dict(on_screen(view))
        bar.setValue(bar.value() - 37)
        after = dict(on_screen(view))
        whole = [number for number, top in before.items() if top >= 0 and number in after]
        moved = {after[number] - before[number] for number in whole}
        assert moved in ({37}, set()) or bar.value() == 0


def test_what_was_seen_stands_still_when_several_estimates_above_become_real(
    view: Transcript,
) -> None:
    odd = "# Title\n\n> a\n\n- b\n- c\n\n```\nd\n```\n\n"
    texts = [odd * (number % 4) if number % 2 else "x\n" * 12 for number in range(60)]
    view.show_messages(listed(texts))
    bar = view.verticalScrollBar()
    compared = 0
    for step in (250, 90, 300, 200, 130, 280):
        before = dict(on_screen(view))
        bar.setValue(bar.value() - step)
        after = dict(on_screen(view))
        whole = [number for number, top in before.items() if top >= 0 and number in after]
        assert {after[number] - before[number] for number in whole} <= {step}
        compared += len(whole)
    assert compared > 3
