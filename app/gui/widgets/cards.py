"""Surfaces that group rows, and rows that fold where they do not fit. GUI thread."""

from __future__ import annotations

from PySide6.QtCore import QSize
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QBoxLayout, QFrame, QHBoxLayout, QVBoxLayout, QWidget

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

    def add(self, row: QWidget) -> None:
        """One more row."""
        if self._column.count():
            line = QFrame()
            line.setProperty("kind", "line")
            self._column.addWidget(line)
        self._column.addWidget(row)


class FoldingRow(QWidget):
    """Words at the left, something to act on at the right; below them where both do not fit."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.words = QVBoxLayout()
        self.words.setSpacing(theme.SPACE_4)
        self._side = QWidget()
        self.side = QHBoxLayout(self._side)
        self.side.setContentsMargins(0, 0, 0, 0)
        self.side.setSpacing(theme.SPACE_8)
        self.side.addStretch(1)
        self._row = QBoxLayout(QBoxLayout.Direction.LeftToRight, self)
        self._row.setContentsMargins(0, theme.SPACE_12, 0, theme.SPACE_12)
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
