"""A model as something to press: a button as large as what stands in it. GUI thread."""

from __future__ import annotations

from PySide6.QtCore import QSize, Qt
from PySide6.QtGui import QKeyEvent
from PySide6.QtWidgets import QPushButton, QSizePolicy, QWidget

from app.gui.widgets.plain import PlainLabel

_USUAL_PX = 240
_LEAST_PX = 180


class Tile(QPushButton):
    """A button as large as what is laid out in it; its name is all that stands there."""

    def __init__(self, kind: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setProperty("kind", kind)
        self.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self.setAutoDefault(False)
        policy = QSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Preferred)
        policy.setHeightForWidth(True)
        self.setSizePolicy(policy)

    def sizeHint(self) -> QSize:
        return QSize(_USUAL_PX, self.heightForWidth(_USUAL_PX))

    def minimumSizeHint(self) -> QSize:
        return QSize(_LEAST_PX, self.heightForWidth(max(_LEAST_PX, self.width())))

    def hasHeightForWidth(self) -> bool:
        return True

    def heightForWidth(self, width: int) -> int:
        layout = self.layout()
        return layout.totalHeightForWidth(width) if layout is not None else 0

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Enter presses it as Space does."""
        if event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
            self.click()
            return
        super().keyPressEvent(event)

    def label(self, text: str, role: str = "body", *, wrap: bool = True) -> PlainLabel:
        """A label that leaves the mouse to the button."""
        made = PlainLabel(text, wrap=wrap)
        made.setProperty("role", role)
        made.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)
        return made
