"""What lies over the places: details and repositories, one over the other, with the way back.

GUI thread. Keeps where the focus was. Knows nothing of what it shows.
"""

from __future__ import annotations

from dataclasses import dataclass

from PySide6.QtCore import QObject, Qt, Signal
from PySide6.QtWidgets import QScrollArea, QStackedWidget, QVBoxLayout, QWidget

from app.gui import theme
from app.gui.widgets.cards import scrolled
from app.gui.widgets.focus import give_back


@dataclass(slots=True)
class _Sheet:
    inner: QWidget
    title: str
    scroll: QScrollArea
    below: QWidget | None
    focused: QWidget | None


class Sheets(QObject):
    """`changed` follows every opening and closing."""

    changed = Signal()

    def __init__(self, stack: QStackedWidget, parent: QWidget) -> None:
        super().__init__(parent)
        self._page = parent
        self._stack = stack
        self._open: list[_Sheet] = []

    @property
    def top(self) -> QWidget | None:
        """What is shown, if anything lies over the places."""
        return self._open[-1].inner if self._open else None

    @property
    def title(self) -> str:
        """What it is called; "" where nothing lies over the places."""
        return self._open[-1].title if self._open else ""

    def open(self, inner: QWidget, title: str) -> None:
        """Show this over what is shown now."""
        column_of = QWidget()
        column_of.setProperty("kind", "column")
        column = QVBoxLayout(column_of)
        column.setContentsMargins(theme.SPACE_24, 0, theme.SPACE_24, theme.SPACE_32)
        column.addStretch(1)
        scroll = scrolled(column_of, title)
        focused = self._page.window().focusWidget()
        self._open.append(_Sheet(inner, title, scroll, self._stack.currentWidget(), focused))
        self._stack.addWidget(scroll)
        self._stack.setCurrentWidget(scroll)
        # Last: a widget is styled anew, with all that is in it, each time it gets another parent.
        column.insertWidget(0, inner)
        inner.show()
        self.changed.emit()

    def close_top(self) -> bool:
        """Go back by one; False where nothing lies over the places."""
        if not self._open:
            return False
        sheet = self._open.pop()
        if sheet.below is not None:
            self._stack.setCurrentWidget(sheet.below)
        self._stack.removeWidget(sheet.scroll)
        sheet.scroll.hide()
        sheet.scroll.deleteLater()
        self.changed.emit()
        give_back(sheet.focused, Qt.FocusReason.OtherFocusReason)
        return True

    def close_all(self) -> None:
        """Go back to the places."""
        while self.close_top():
            pass
