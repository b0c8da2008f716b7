"""The list of keys, over the window, until any key or click puts it away. GUI thread."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QEvent, QObject, QPoint, QRect, QSize, Qt
from PySide6.QtGui import QKeyEvent, QMouseEvent, QPainter, QPaintEvent
from PySide6.QtWidgets import (
    QAbstractSlider,
    QFrame,
    QGridLayout,
    QHBoxLayout,
    QScrollArea,
    QVBoxLayout,
    QWidget,
)

from app.gui import theme
from app.gui.widgets.buttons import IconButton
from app.gui.widgets.focus import give_back
from app.gui.widgets.plain import PlainLabel

_DIM = 120
_SCROLLING = {
    Qt.Key.Key_Down: QAbstractSlider.SliderAction.SliderSingleStepAdd,
    Qt.Key.Key_Up: QAbstractSlider.SliderAction.SliderSingleStepSub,
    Qt.Key.Key_PageDown: QAbstractSlider.SliderAction.SliderPageStepAdd,
    Qt.Key.Key_PageUp: QAbstractSlider.SliderAction.SliderPageStepSub,
}


class ShortcutsOverlay(QWidget):
    """Covers its parent while it is shown; a card with `(key, what it does)` in two columns."""

    def __init__(self, entries: Sequence[tuple[str, str]], parent: QWidget) -> None:
        super().__init__(parent)
        self._over = parent
        self._before: QWidget | None = None
        self.setAccessibleName(self.tr("Keyboard shortcuts"))
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.card = QFrame(self)
        self.card.setProperty("kind", "card")
        close = IconButton("x", self.tr("Close"), shortcut_text="Esc")
        close.clicked.connect(self.close_overlay)
        head = QHBoxLayout()
        head.addWidget(PlainLabel(self.tr("Keyboard shortcuts"), "title", wrap=False), 1)
        head.addWidget(close)
        self._labels = [
            (PlainLabel(what, wrap=False), PlainLabel(key, "mono", wrap=False))
            for key, what in entries
        ]
        self._list = QWidget()
        self._list.setProperty("kind", "column")
        self._grid = QGridLayout(self._list)
        self._grid.setContentsMargins(0, 0, theme.SPACE_16, 0)
        self._grid.setHorizontalSpacing(theme.SPACE_24)
        self._grid.setVerticalSpacing(theme.SPACE_8)
        self._scroll = QScrollArea()
        self._scroll.setWidgetResizable(True)
        self._scroll.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self._scroll.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self._scroll.setAccessibleName(self.tr("Keyboard shortcuts"))
        self._scroll.setWidget(self._list)
        self._column = column = QVBoxLayout(self.card)
        column.setContentsMargins(*(theme.SPACE_24,) * 4)
        column.setSpacing(theme.SPACE_16)
        column.addLayout(head)
        column.addWidget(self._scroll, 1)
        parent.installEventFilter(self)
        self.hide()

    def open(self) -> None:
        """Show it and take the keyboard."""
        self._before = self.window().focusWidget()
        self._fit()
        self.show()
        self.raise_()
        self.setFocus(Qt.FocusReason.PopupFocusReason)

    def close_overlay(self) -> None:
        """Put it away and give the keyboard back."""
        self.hide()
        give_back(self._before)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() in (Qt.Key.Key_Escape, Qt.Key.Key_F1, Qt.Key.Key_Return, Qt.Key.Key_Space):
            self.close_overlay()
        elif event.key() in _SCROLLING:
            self._scroll.verticalScrollBar().triggerAction(_SCROLLING[Qt.Key(event.key())])
        else:
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
            self._fit()
        return super().eventFilter(watched, event)

    def _fit(self) -> None:
        """Cover the window; two columns where they fit, one that scrolls where they do not."""
        self.setGeometry(self._over.rect())
        most = self.rect().adjusted(*(theme.SPACE_16,) * 2, *(-theme.SPACE_16,) * 2).size()
        frame_px = 2 * (theme.SPACE_24 + 1)
        for n_columns in (2, 1):
            self._place(n_columns)
            inner_px = self._grid.totalSizeHint().width()
            if inner_px + frame_px <= most.width():
                break
        inner_px = min(inner_px, most.width() - frame_px)
        list_px = self._grid.totalHeightForWidth(inner_px)
        list_px = list_px if list_px > 0 else self._grid.totalSizeHint().height()
        head_px = self._column.totalMinimumSize().height() - self._scroll.minimumSizeHint().height()
        place = QRect(QPoint(0, 0), QSize(inner_px + frame_px, head_px + list_px).boundedTo(most))
        place.moveCenter(self.rect().center())
        self.card.setGeometry(place)

    def _place(self, n_columns: int) -> None:
        n_rows = -(-len(self._labels) // n_columns)
        for at, (what, key) in enumerate(self._labels):
            side = at // n_rows * 2
            what.setWordWrap(n_columns == 1)
            self._grid.addWidget(what, at % n_rows, side)
            self._grid.addWidget(key, at % n_rows, side + 1)
        self._grid.setColumnStretch(0, 1 if n_columns == 1 else 0)
        self._grid.invalidate()
