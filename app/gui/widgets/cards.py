"""Surfaces that group rows, and rows that fold where they do not fit. GUI thread."""

from __future__ import annotations

from PySide6.QtCore import QSize, Qt, QTimer
from PySide6.QtGui import QPaintEvent, QResizeEvent
from PySide6.QtWidgets import (
    QApplication,
    QBoxLayout,
    QFrame,
    QHBoxLayout,
    QLayout,
    QScrollArea,
    QScrollBar,
    QVBoxLayout,
    QWidget,
)

from app.gui import theme

_WORDS_PX = 200


class Card(QFrame):
    """A titled group: the title stands above, the rows on a surface with lines between."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setProperty("kind", "card")
        self._column = QVBoxLayout(self)
        self._column.setContentsMargins(
            theme.SPACE_16, theme.SPACE_4, theme.SPACE_16, theme.SPACE_4
        )
        self._column.setSpacing(0)
        self._lines: dict[QWidget, QFrame] = {}

    def add(self, row: QWidget) -> None:
        """One more row."""
        line = QFrame()
        line.setProperty("kind", "line")
        self._column.addWidget(line)
        # Only what has a parent may be shown: without one it would be a window of its own.
        line.setVisible(bool(self._lines))
        self._lines[row] = line
        self._column.addWidget(row)

    def add_layout(self, rows: QLayout) -> None:
        """Rows that are laid out together, without lines."""
        self._column.addLayout(rows)

    def set_row_visible(self, row: QWidget, visible: bool) -> None:
        """Show or hide one row, with lines only between those that are shown."""
        row.setVisible(visible)
        is_first = True
        for each, line in self._lines.items():
            line.setVisible(not each.isHidden() and not is_first)
            is_first = is_first and each.isHidden()


class FoldingRow(QWidget):
    """Words at the left, something to act on at the right; below them where both do not fit.

    `tight` leaves out the space above and below that rows of a card have.
    """

    def __init__(self, parent: QWidget | None = None, *, tight: bool = False) -> None:
        super().__init__(parent)
        self.words = QVBoxLayout()
        self.words.setSpacing(theme.SPACE_4)
        self._side = QWidget()
        self.side = QHBoxLayout(self._side)
        self.side.setContentsMargins(0, 0, 0, 0)
        self.side.setSpacing(theme.SPACE_8)
        self.side.addStretch(1)
        self._row = QBoxLayout(QBoxLayout.Direction.LeftToRight, self)
        margin = 0 if tight else theme.SPACE_12
        self._row.setContentsMargins(0, margin, 0, margin)
        self._row.setSpacing(theme.SPACE_8)
        self.head = QHBoxLayout()
        self.head.setSpacing(theme.SPACE_8)
        self.head.addLayout(self.words, 1)
        self._row.addLayout(self.head, 1)
        self._row.addWidget(self._side)

    def minimumSizeHint(self) -> QSize:
        width = self._side.minimumSizeHint().width()
        return QSize(width, super().minimumSizeHint().height())

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        beside = self._side.sizeHint().width() + _WORDS_PX <= self.width()
        direction = QBoxLayout.Direction
        self._row.setDirection(direction.LeftToRight if beside else direction.TopToBottom)


class _QuietBar(QScrollBar):
    """A bar that shows nothing while there is nowhere to scroll to."""

    def paintEvent(self, event: QPaintEvent) -> None:
        if self.maximum() > self.minimum():
            super().paintEvent(event)


class _Scroll(QScrollArea):
    """Scrolls to what gets the focus from outside too; Qt does so only from within."""

    def __init__(self) -> None:
        super().__init__()
        application = QApplication.instance()
        assert isinstance(application, QApplication)
        application.focusChanged.connect(self._focus_changed)

    def _focus_changed(self, _before: QWidget | None, now: QWidget | None) -> None:
        if now is not None and self.isVisible() and self.isAncestorOf(now):
            QTimer.singleShot(0, self, self._show_focused)  # once it has its place

    def _show_focused(self) -> None:
        focused = self.window().focusWidget()
        # What a person clicked can be seen, and stays where it is.
        is_inside = focused is not None and self.isAncestorOf(focused)
        if focused is not None and is_inside and focused.visibleRegion().isEmpty():
            self.ensureWidgetVisible(focused)


def centred(inner: QWidget) -> QWidget:
    """The widget in a column as wide as the transcript's, in the middle of what there is."""
    inner.setMaximumWidth(theme.COLUMN_PX + 2 * theme.SPACE_24)
    outer = QWidget()
    outer.setProperty("kind", "column")
    row = QHBoxLayout(outer)
    row.setContentsMargins(0, 0, 0, 0)
    row.addWidget(inner, 1)
    return outer


def scrolled(inner: QWidget, name: str) -> QScrollArea:
    """A centred column that scrolls up and down, under a name for screen readers."""
    scroll = _Scroll()
    scroll.setWidgetResizable(True)
    scroll.setFocusPolicy(Qt.FocusPolicy.NoFocus)
    scroll.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
    # Its room is kept, so that nothing moves aside when a page grows.
    scroll.setVerticalScrollBar(_QuietBar(Qt.Orientation.Vertical))
    scroll.setVerticalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOn)
    scroll.setAccessibleName(name)
    scroll.setWidget(centred(inner))
    return scroll
