"""The list of keys, over the window, until any key or click puts it away. GUI thread."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QEvent, QObject, Qt
from PySide6.QtGui import QKeyEvent, QMouseEvent, QPainter, QPaintEvent
from PySide6.QtWidgets import QFrame, QGridLayout, QVBoxLayout, QWidget

from app.gui import theme
from app.gui.widgets.buttons import IconButton
from app.gui.widgets.plain import PlainLabel

_DIM = 120


class ShortcutsOverlay(QWidget):
    """Covers its parent while it is shown; a card with `(key, what it does)` in two columns."""

    def __init__(self, entries: Sequence[tuple[str, str]], parent: QWidget) -> None:
        super().__init__(parent)
        self._over = parent
        self._before: QWidget | None = None
        self.setAccessibleName(self.tr("Keyboard shortcuts"))
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.card = QFrame()
        self.card.setProperty("kind", "card")
        column = QVBoxLayout(self)
        column.setContentsMargins(*(theme.SPACE_16,) * 4)
        column.addWidget(self.card, 0, Qt.AlignmentFlag.AlignCenter)
        grid = QGridLayout(self.card)
        grid.setContentsMargins(*(theme.SPACE_24,) * 4)
        grid.setHorizontalSpacing(theme.SPACE_24)
        grid.setVerticalSpacing(theme.SPACE_8)
        grid.addWidget(PlainLabel(self.tr("Keyboard shortcuts"), "title", wrap=False), 0, 0, 1, 3)
        self._close_button = IconButton("x", self.tr("Close"), shortcut_text="Esc")
        self._close_button.clicked.connect(self.close_overlay)
        grid.addWidget(self._close_button, 0, 3, Qt.AlignmentFlag.AlignRight)
        half = (len(entries) + 1) // 2
        for at, (key, what) in enumerate(entries):
            row, side = at % half + 1, at // half * 2
            grid.addWidget(PlainLabel(what, wrap=False), row, side)
            grid.addWidget(PlainLabel(key, "mono", wrap=False), row, side + 1)
        parent.installEventFilter(self)
        self.hide()

    def open(self) -> None:
        """Show it and take the keyboard."""
        self._before = self.window().focusWidget()
        self.setGeometry(self._over.rect())
        self.show()
        self.raise_()
        self.setFocus(Qt.FocusReason.PopupFocusReason)

    def close_overlay(self) -> None:
        """Put it away and give the keyboard back."""
        self.hide()
        if self._before is not None and self._before.isVisible():
            self._before.setFocus(Qt.FocusReason.PopupFocusReason)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() in (Qt.Key.Key_Escape, Qt.Key.Key_F1, Qt.Key.Key_Return, Qt.Key.Key_Space):
            self.close_overlay()
            return
        super().keyPressEvent(event)

    def mousePressEvent(self, event: QMouseEvent) -> None:
        if not self.card.geometry().contains(event.position().toPoint()):
            self.close_overlay()

    def paintEvent(self, event: QPaintEvent) -> None:
        shade = theme.current().color("shade")
        shade.setAlpha(_DIM)
        QPainter(self).fillRect(self.rect(), shade)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if event.type() == QEvent.Type.Resize and self.isVisible():
            self.setGeometry(self._over.rect())
        return super().eventFilter(watched, event)
