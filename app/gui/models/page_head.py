"""The head of the page: the way back, the title, and the switch of places. GUI thread."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import Qt
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QBoxLayout, QHBoxLayout, QSizePolicy, QWidget

from app.gui import theme
from app.gui.models.switcher import Switcher
from app.gui.widgets.buttons import IconButton
from app.gui.widgets.plain import ElidedLabel

_TITLE_PX = 120


class PageHead(QWidget):
    """The switch stands at the right of the title, and under it where both do not fit."""

    def __init__(self, name: str, places: Sequence[str], parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._name = name
        self.back = IconButton("arrow-left", self.tr("Back"), shortcut_text="Esc")
        self.title = ElidedLabel(name, "title")
        self.title.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)
        self.title.setMinimumHeight(self.back.sizeHint().height())
        self.places = Switcher(self.tr("Places of models"), places)
        row = QHBoxLayout(self)
        row.setContentsMargins(theme.SPACE_16, theme.SPACE_16, theme.SPACE_24, theme.SPACE_8)
        row.setSpacing(theme.SPACE_8)
        self._box = QBoxLayout(QBoxLayout.Direction.LeftToRight)
        self._box.setSpacing(theme.SPACE_8)
        self._box.addWidget(self.title, 1)
        self._box.addWidget(self.places)
        row.addWidget(self.back, 0, Qt.AlignmentFlag.AlignTop)
        row.addLayout(self._box, 1)

    def show_title(self, title: str) -> None:
        """What is open; "" for the places."""
        self.title.set_whole(title or self._name)
        self.places.setVisible(not title)

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        room = self.width() - self.back.sizeHint().width() - 2 * theme.SPACE_32
        beside = self.places.beside_px + _TITLE_PX <= room
        direction = QBoxLayout.Direction
        self._box.setDirection(direction.LeftToRight if beside else direction.TopToBottom)
        side = Qt.AlignmentFlag.AlignVCenter if beside else Qt.AlignmentFlag.AlignLeft
        fits = self.places.beside_px <= room
        # Below each other they take the whole width; beside each other no more than they need.
        self._box.setAlignment(self.places, side if fits else Qt.AlignmentFlag(0))
