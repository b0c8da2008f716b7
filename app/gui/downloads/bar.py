"""A thin bar that is as full as a share of something. GUI thread."""

from __future__ import annotations

from PySide6.QtCore import QRectF, QSize, Qt
from PySide6.QtGui import QPainter, QPaintEvent
from PySide6.QtWidgets import QSizePolicy, QWidget

from app.gui import theme

HEIGHT_PX = 4


class ShareBar(QWidget):
    """Empty while the share is not known; grey while nothing moves. Read by its neighbours'
    words, so it leaves the keyboard and the mouse to them."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._share: float | None = None
        self._moves = True
        self.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        theme.current().changed.connect(self.update)

    @property
    def share(self) -> float | None:
        return self._share

    def show_share(self, share: float | None, *, moves: bool = True) -> None:
        """Show a share from 0 to 1."""
        if (share, moves) != (self._share, self._moves):
            self._share, self._moves = share, moves
            self.update()

    def sizeHint(self) -> QSize:
        return QSize(120, HEIGHT_PX)

    def minimumSizeHint(self) -> QSize:
        return QSize(24, HEIGHT_PX)

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(Qt.PenStyle.NoPen)
        paint_share(painter, QRectF(self.rect()), self._share, moves=self._moves)


def paint_share(painter: QPainter, box: QRectF, share: float | None, *, moves: bool) -> None:
    """Draw the bar into a box, with rounded ends."""
    look = theme.current()
    radius = box.height() / 2
    painter.setBrush(look.color("border"))
    painter.drawRoundedRect(box, radius, radius)
    if share:
        full = QRectF(box)
        full.setWidth(max(box.height(), box.width() * share))
        painter.setBrush(look.color("accent" if moves else "border_strong"))
        painter.drawRoundedRect(full, radius, radius)
