"""A switch: on or off, moved by click, Space or Enter. GUI thread."""

from __future__ import annotations

from PySide6.QtCore import QRectF, QSize, Qt
from PySide6.QtGui import QKeyEvent, QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QAbstractButton, QWidget

from app.gui import theme

_TRACK = QSize(36, 20)
_RING_PX = 3


class Switch(QAbstractButton):
    """Drawn from the theme; a screen reader meets a check box."""

    def __init__(self, name: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setCheckable(True)
        self.setAccessibleName(name)
        self.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        theme.current().changed.connect(self.update)

    def sizeHint(self) -> QSize:
        return _TRACK + QSize(2 * _RING_PX, 2 * _RING_PX)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
            self.click()
            return
        super().keyPressEvent(event)

    def paintEvent(self, event: QPaintEvent) -> None:
        look = theme.current()
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        track = QRectF(_RING_PX, _RING_PX, _TRACK.width(), _TRACK.height())
        radius = track.height() / 2
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(look.color("accent" if self.isChecked() else "border_strong"))
        painter.drawRoundedRect(track, radius, radius)
        knob = QRectF(0, 0, track.height() - 6, track.height() - 6)
        knob.moveCenter(track.center())
        if self.isChecked():
            knob.moveRight(track.right() - 3)
        else:
            knob.moveLeft(track.left() + 3)
        painter.setBrush(look.color("on_accent" if self.isChecked() else "surface"))
        painter.drawEllipse(knob)
        if self.hasFocus():
            painter.setBrush(Qt.BrushStyle.NoBrush)
            painter.setPen(QPen(look.color("text" if self.isChecked() else "accent"), 2))
            ring = track.adjusted(-2, -2, 2, 2)
            painter.drawRoundedRect(ring, radius + 2, radius + 2)
