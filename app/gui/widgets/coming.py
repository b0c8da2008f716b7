"""The frame of a page that is on its way. GUI thread; knows no page."""

from __future__ import annotations

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QHBoxLayout, QVBoxLayout, QWidget

from app.gui import theme
from app.gui.widgets.buttons import IconButton
from app.gui.widgets.cards import centred
from app.gui.widgets.plain import PlainLabel


class ComingPage(QWidget):
    """The frame of a page that is on its way: the way back, and its title. `left` asks for the
    chat."""

    left = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setProperty("kind", "page")
        back = IconButton("arrow-left", self.tr("Back to the chat"), shortcut_text="Esc")
        back.clicked.connect(self.left)
        self._title = PlainLabel(role="title", wrap=False)
        head = QWidget()
        row = QHBoxLayout(head)
        row.setContentsMargins(theme.SPACE_16, theme.SPACE_16, theme.SPACE_24, theme.SPACE_8)
        row.setSpacing(theme.SPACE_8)
        row.addWidget(back)
        row.addWidget(self._title, 1)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.addWidget(centred(head))
        column.addStretch(1)
        self.setFocusProxy(back)

    def show_title(self, title: str) -> None:
        """What is coming."""
        self._title.setText(title)
        self.setAccessibleName(title)
