"""The transcript: a scrolled column of messages of which only the visible ones exist. GUI thread.

Owns scrolling, painting and the message cursor. Text that grows is read and painted at most
once a frame, and at most 30 times a second. Knows messages, not where they come from.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING

from PySide6.QtCore import QEvent, QPoint, QRect, QSize, Qt, Signal
from PySide6.QtGui import (
    QContextMenuEvent,
    QKeyEvent,
    QKeySequence,
    QPainter,
    QPaintEvent,
    QResizeEvent,
    QWheelEvent,
)
from PySide6.QtWidgets import QAbstractScrollArea, QApplication, QFrame, QLabel, QWidget

from app.gui import theme
from app.gui.chat.box import View
from app.gui.chat.flow import Flow
from app.gui.chat.frame_work import FrameWork
from app.gui.chat.ink import Ink
from app.gui.chat.message_cursor import MessageCursor
from app.gui.chat.message_list import MessageList
from app.gui.chat.pointer import Pointer
from app.gui.chat.selection import Selection

if TYPE_CHECKING:
    from app.gui.chat.message import Message

SIDE_PX = 24
_COPY = QKeySequence.StandardKey.Copy
_SELECT_ALL = QKeySequence.StandardKey.SelectAll


def _viewport() -> QWidget:
    # Qt's own one is of no class that PySide knows before it has looked through all of its
    # widget classes, which takes a tenth of an empty window's start.
    viewport = QWidget()
    viewport.setMouseTracking(True)
    viewport.setAttribute(Qt.WidgetAttribute.WA_OpaquePaintEvent)
    return viewport


class Transcript(QAbstractScrollArea):
    """`laid_out` follows whenever something may stand elsewhere; overlays place themselves."""

    laid_out = Signal()
    hovered = Signal(int)
    link_chosen = Signal(str, QPoint)
    menu_asked = Signal(int, QPoint)
    escaped = Signal()  # back to where one writes

    def __init__(self, parent: QWidget | None = None) -> None:
        ink = Ink(theme.current())  # before the first event can come
        super().__init__(parent)
        self.ink = ink
        self.flow = Flow(self.ink)
        self.selection = Selection()
        self.message_cursor = MessageCursor(self)
        self._pointer = Pointer(self)
        self._work = FrameWork(self)
        self._follows_bar = True
        self._bar_px = self.verticalScrollBar().sizeHint().width()
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setFocusPolicy(Qt.FocusPolicy.ClickFocus)
        self.setAccessibleName(self.tr("Messages"))
        self.setViewport(_viewport())
        self.verticalScrollBar().valueChanged.connect(self._bar_moved)
        theme.current().changed.connect(self._restyle)

    def sizeHint(self) -> QSize:
        return QSize(theme.COLUMN_PX, 400)

    # What is shown.

    @property
    def messages(self) -> Sequence[Message]:
        return self.flow.messages

    def show_messages(self, messages: MessageList) -> None:
        """Show other messages, scrolled to the end."""
        self.selection.clear()
        self.message_cursor.put(-1)
        self.flow.show(messages)
        self.relayout()

    def append(self, message: Message) -> None:
        """Add a message at the end and bring it into sight."""
        self.flow.append(message)
        self.flow.sticks = True
        self.relayout()

    def pop(self) -> None:
        """Take the last message away."""
        self.selection.clear()
        if self.message_cursor.at == len(self.flow.messages) - 1:
            self.message_cursor.put(-1)
        self.flow.pop()
        self.relayout()

    def grow_last(self, text: str) -> None:
        """Append to the last message; read and painted with the next frame."""
        self.flow.messages[-1].body.grow(text)
        self._work.grown()

    def relayout(self) -> None:
        """Something about a message changed: lay out what is visible, and repaint."""
        self.settle()
        self.viewport().update()

    def scroll_to_end(self) -> None:
        """Show the last line and stay with it."""
        self.flow.sticks = True
        self.relayout()

    @property
    def column(self) -> QRect:
        """The column of messages, in the viewport's coordinates."""
        # As if the bar were always there: text must not wrap anew when it appears.
        room = self.width() - self._bar_px - 2 * SIDE_PX
        width = max(120, min(theme.COLUMN_PX, room))
        left = max(0, (self.viewport().width() - width) // 2)
        return QRect(left, 0, width, self.viewport().height())

    def settle(self) -> None:
        """Make real what is visible, and tell the scroll bar and whoever places things."""
        column = self.column
        self.flow.resize(column.width(), column.height())
        self.flow.settle()
        self._show_on_bar()
        self._work.settled()
        self.laid_out.emit()

    def _show_on_bar(self) -> None:
        bar = self.verticalScrollBar()
        self._follows_bar = False
        bar.setPageStep(max(1, self.flow.height - 40))
        bar.setSingleStep(round(self.ink.line_px * 2))
        bar.setRange(0, self.flow.maximum)
        bar.setValue(min(self.flow.value, self.flow.maximum))
        self._follows_bar = True

    def _bar_moved(self, value: int) -> None:
        if not self._follows_bar:
            return
        distance = value - self.flow.value
        if abs(distance) <= 3 * self.flow.height:
            self.flow.scroll_by(distance)
        else:
            self.flow.scroll_to(value)
        self.flow.sticks = value >= self.verticalScrollBar().maximum()
        self.settle()
        self.viewport().update()

    def _restyle(self) -> None:
        self._bar_px = self.verticalScrollBar().sizeHint().width()
        self.ink = Ink(theme.current())
        self.flow.restyle(self.ink)
        self.relayout()

    # Painting.

    def paintEvent(self, event: QPaintEvent) -> None:
        dirty = event.rect()
        column = self.column
        painter = QPainter(self.viewport())
        painter.fillRect(dirty, self.ink.colors["background"])
        top, bottom = float(dirty.top()), float(dirty.bottom() + 1)
        for number, message, y in self.flow.visible():
            if y > bottom or y + message.height < top:
                continue
            view = View(column.left(), y, top, bottom)
            message.paint(
                painter,
                view,
                column.width(),
                self.ink,
                partial(self.selection.within, number),
            )
            if number == self.message_cursor.at and self.has_keyboard:
                self.message_cursor.paint(painter, column, y, message)
        painter.end()

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        # Asked several times a frame, and slow to ask of a styled bar: kept until it may differ.
        self._bar_px = self.verticalScrollBar().sizeHint().width()
        self.settle()

    def viewportEvent(self, event: QEvent) -> bool:
        if self._pointer.handle(event):
            return True
        return super().viewportEvent(event)

    def wheelEvent(self, event: QWheelEvent) -> None:
        if not self._pointer.wheel(event):
            super().wheelEvent(event)

    def contextMenuEvent(self, event: QContextMenuEvent) -> None:
        if event.reason() == QContextMenuEvent.Reason.Mouse:
            number, _ = self.flow.message_at(event.pos().y())
            self.menu_asked.emit(number, event.globalPos())
        elif self.message_cursor.message() is not None:
            point = self.viewport().mapToGlobal(self.message_cursor.menu_point())
            self.menu_asked.emit(self.message_cursor.at, point)

    # Keyboard.

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() == Qt.Key.Key_Escape:
            if self.selection.is_empty:
                self.escaped.emit()
            self.clear_selection()
        elif event.matches(_COPY):
            self.copy()
        elif event.matches(_SELECT_ALL):
            self.select_all()
        elif not self.message_cursor.press(event.key()):
            super().keyPressEvent(event)

    @property
    def has_keyboard(self) -> bool:
        """True if keys come here, or to the label over one of the messages."""
        focused = QApplication.focusWidget()
        if focused is None:
            return False
        return focused is self or (
            isinstance(focused, QLabel) and focused.parentWidget() is self.viewport()
        )

    # Selection.

    def select_all(self) -> None:
        """Select all of the message under the cursor."""
        self._pointer.select_message(max(0, self.message_cursor.at))

    def copy(self) -> None:
        """Copy what is selected, or the message under the cursor."""
        text = self.selected_text()
        message = self.message_cursor.message()
        if not text and message is not None:
            text = message.body.text
        if text:
            QApplication.clipboard().setText(text)

    def selected_text(self) -> str:
        """The true text of what is selected."""
        return self.selection.text(self.flow.messages, self.column.width(), self.ink)

    def clear_selection(self) -> None:
        if not self.selection.is_empty:
            self.selection.clear()
            self.viewport().update()
