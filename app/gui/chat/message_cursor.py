"""The message cursor: which message the keyboard is on, and the ring around it. GUI thread."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, QPoint, QRect, QRectF, Qt, Signal
from PySide6.QtGui import QPainter, QPen

from app.gui import theme

if TYPE_CHECKING:
    from app.gui.chat.message import Message
    from app.gui.chat.transcript import Transcript


class MessageCursor(QObject):
    """`at` is the number of a message, -1 for none."""

    moved = Signal(int)

    def __init__(self, transcript: Transcript) -> None:
        super().__init__(transcript)
        self._view = transcript
        self.at = -1

    def press(self, key: int) -> bool:
        """Take a key; False when it is none of the cursor's."""
        last = len(self._view.messages) - 1
        if key in (Qt.Key.Key_Up, Qt.Key.Key_Down):
            self.step(-1 if key == Qt.Key.Key_Up else 1)
        elif key in (Qt.Key.Key_Home, Qt.Key.Key_End) and last >= 0:
            self.go(last if key == Qt.Key.Key_End else 0)
        else:
            return False
        return True

    def step(self, by: int) -> None:
        """Move by one message; from nowhere to the last one."""
        count = len(self._view.messages)
        if count:
            at = count - 1 if self.at < 0 else self.at + by
            self.go(max(0, min(count - 1, at)))

    def go(self, message: int) -> None:
        """Move to a message and bring it into sight."""
        self.put(message)
        flow = self._view.flow
        for _ in range(2):  # once by estimate, once by its real height
            flow.reveal(message)
            self._view.relayout()

    def put(self, message: int) -> None:
        """Move without scrolling; -1 for nowhere."""
        if message != self.at:
            self.at = message
            self.moved.emit(message)
            self._view.viewport().update()

    def message(self) -> Message | None:
        """The message it is on."""
        messages = self._view.messages
        return messages[self.at] if 0 <= self.at < len(messages) else None

    def menu_point(self) -> QPoint:
        """Where a menu for the message opens, in the viewport."""
        column = self._view.column
        for number, message, top in self._view.flow.visible():
            if number == self.at:
                return QPoint(column.left() + 24, max(0, top) + min(48, message.height))
        return column.center()

    def paint(self, painter: QPainter, column: QRect, y: int, message: Message) -> None:
        """The ring around the message, where it stands at `y`."""
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(QPen(self._view.ink.colors["accent"], 2))
        painter.setBrush(Qt.BrushStyle.NoBrush)
        frame = QRectF(column.left() - 10, y + 4, column.width() + 20, message.height - 6)
        painter.drawRoundedRect(frame, theme.RADIUS_CARD, theme.RADIUS_CARD)
