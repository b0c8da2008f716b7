"""The messages as a screen reader meets them: one invisible, focusable label over each. GUI thread.

Real widgets, because accessible interfaces written in Python crash when Qt lets go of them
(PySide 6.11: both sides own them). Only messages in sight have one, and only one is in the Tab
order: the message under the cursor, else the last in sight.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, QRect, Qt
from PySide6.QtGui import QFocusEvent, QPaintEvent
from PySide6.QtWidgets import QApplication, QLabel, QWidget

from app.gui.chat.transcript import Transcript
from app.gui.chat.turn_words import spoken

if TYPE_CHECKING:
    from app.gui.chat.message import Message

_MAX_SPOKEN_CHARS = 8_000
_AT_START = 16


class Reader(QLabel):
    """Says one message. Paints nothing and lets the mouse through."""

    def __init__(self, owner: Readers, parent: QWidget) -> None:
        super().__init__(parent)
        self._owner = owner
        self.number = -1
        self._said: tuple[str, str] = ("", "")
        self.setProperty("role", "reader")
        self.setTextFormat(Qt.TextFormat.PlainText)
        self.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)
        self.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.hide()

    def say(self, message: Message) -> None:
        """Take the words of a message, unless it is still being written."""
        now = (message.body.text, message.note)
        if now != self._said and not message.body.is_growing:
            self._said = now
            text = message.body.text[:_MAX_SPOKEN_CHARS]
            self.setAccessibleName(spoken(message.role, text, message.note))

    def paintEvent(self, event: QPaintEvent) -> None:
        """The transcript has painted the message already."""

    def focusInEvent(self, event: QFocusEvent) -> None:
        super().focusInEvent(event)
        self._owner.focused(self.number)

    def focusOutEvent(self, event: QFocusEvent) -> None:
        super().focusOutEvent(event)
        self._owner.left()


class Readers(QObject):
    """Keeps a label over each message in sight, and the focus on that of the cursor."""

    def __init__(self, transcript: Transcript) -> None:
        super().__init__(transcript)
        self._view = transcript
        viewport = transcript.viewport()
        # Made at once, so that they come before what else floats over the messages.
        self._labels = [Reader(self, viewport) for _ in range(_AT_START)]
        self._tab_stop: Reader | None = None
        transcript.laid_out.connect(self.place)
        transcript.message_cursor.moved.connect(self._cursor_moved)

    def label(self, number: int) -> Reader | None:
        """The label over a message, if it has one."""
        return next((label for label in self._labels if label.number == number), None)

    def place(self) -> None:
        """Put the labels where the messages are."""
        seen = {number: (message, top) for number, message, top in self._view.flow.visible()}
        focused = QApplication.focusWidget()
        column = self._view.column
        free: list[Reader] = []
        for label in self._labels:
            if label.number in seen:
                self._put(label, *seen.pop(label.number), column)
            elif label is not focused:
                free.append(label)
        for number, (message, top) in seen.items():
            label = free.pop() if free else self._one_more()
            label.number = number
            self._put(label, message, top, column)
        for label in free:
            label.number = -1
            label.hide()
        self._choose_tab_stop()

    def _one_more(self) -> Reader:
        label = Reader(self, self._view.viewport())
        self._labels.append(label)
        return label

    @staticmethod
    def _put(label: Reader, message: Message, top: int, column: QRect) -> None:
        label.say(message)
        label.setGeometry(column.left(), top, column.width(), max(1, message.height))
        label.show()

    def _choose_tab_stop(self) -> None:
        shown = [label.number for label in self._labels if label.number >= 0]
        at = self._view.message_cursor.at
        stop = at if at in shown else max(shown, default=-1)
        label = self.label(stop) if stop >= 0 else None
        if label is self._tab_stop:
            return
        if self._tab_stop is not None:
            self._tab_stop.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        if label is not None:
            label.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self._tab_stop = label

    def _cursor_moved(self, number: int) -> None:
        self._choose_tab_stop()
        if number >= 0 and self._view.has_keyboard:
            self.focus_cursor()

    def focus_cursor(self) -> None:
        """Give the keyboard to the message under the cursor; the last one if there is none."""
        cursor = self._view.message_cursor
        if not self._view.messages:
            return
        if cursor.message() is None:
            cursor.step(0)
        label = self.label(cursor.at)
        if label is None:
            cursor.go(cursor.at)
            label = self.label(cursor.at)
        if label is not None and not label.hasFocus():
            label.setFocus(Qt.FocusReason.OtherFocusReason)

    def focused(self, number: int) -> None:
        """A label has the focus now: the cursor is on its message."""
        self._view.message_cursor.put(number)
        self._view.viewport().update()

    def left(self) -> None:
        """A label has lost the focus."""
        self._view.viewport().update()
