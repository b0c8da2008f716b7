"""The switch between the places of a page: buttons side by side, below each other where narrow.

GUI thread. The arrow keys move between them.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from PySide6.QtCore import QSize, Qt, Signal
from PySide6.QtGui import QKeyEvent, QResizeEvent
from PySide6.QtWidgets import QBoxLayout, QButtonGroup, QPushButton, QWidget

from app.gui import theme

_STEPS = {Qt.Key.Key_Left: -1, Qt.Key.Key_Up: -1, Qt.Key.Key_Right: 1, Qt.Key.Key_Down: 1}


class Switcher(QWidget):
    """`chosen(at)` follows every change by a person."""

    chosen = Signal(int)

    def __init__(self, name: str, words: Sequence[str], parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setAccessibleName(name)
        self.buttons: list[QPushButton] = []
        group = QButtonGroup(self)
        self._row = QBoxLayout(QBoxLayout.Direction.LeftToRight, self)
        self._row.setContentsMargins(0, 0, 0, 0)
        self._row.setSpacing(theme.SPACE_4)
        for at, text in enumerate(words):
            button = _Segment(text)
            button.stepped.connect(self._stepped)
            button.clicked.connect(partial(self._clicked, at))
            group.addButton(button)
            self._row.addWidget(button)
            self.buttons.append(button)
        self.buttons[0].setChecked(True)

    @property
    def at(self) -> int:
        return next(at for at, button in enumerate(self.buttons) if button.isChecked())

    def show_at(self, at: int) -> None:
        """Mark one of them, without telling anybody."""
        self.buttons[at].setChecked(True)

    def sizeHint(self) -> QSize:
        hints = [button.sizeHint() for button in self.buttons]
        gaps = theme.SPACE_4 * (len(hints) - 1)
        if self._row.direction() == QBoxLayout.Direction.LeftToRight:
            return QSize(sum(h.width() for h in hints) + gaps, max(h.height() for h in hints))
        return QSize(max(h.width() for h in hints), sum(h.height() for h in hints) + gaps)

    def minimumSizeHint(self) -> QSize:
        return QSize(max(b.sizeHint().width() for b in self.buttons), self.sizeHint().height())

    @property
    def beside_px(self) -> int:
        """How wide it is with all buttons beside each other."""
        hints = [button.sizeHint().width() for button in self.buttons]
        return sum(hints) + theme.SPACE_4 * (len(hints) - 1)

    def fold(self, width: int) -> None:
        """Lay out for this width."""
        beside = self.beside_px <= width
        direction = QBoxLayout.Direction
        wanted = direction.LeftToRight if beside else direction.TopToBottom
        if self._row.direction() != wanted:
            self._row.setDirection(wanted)
            self.updateGeometry()

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self.fold(self.width())

    def _stepped(self, step: int) -> None:
        button = self.buttons[(self.at + step) % len(self.buttons)]
        button.setFocus(Qt.FocusReason.TabFocusReason)
        button.click()

    def _clicked(self, at: int) -> None:
        self.chosen.emit(at)


class _Segment(QPushButton):
    """`stepped` follows the arrow keys."""

    stepped = Signal(int)

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self.setProperty("kind", "segment")
        self.setCheckable(True)
        self.setAutoDefault(False)
        self.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self.setAccessibleName(text)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        step = _STEPS.get(Qt.Key(event.key()), 0)
        if step:
            self.stepped.emit(step)
            return
        super().keyPressEvent(event)
