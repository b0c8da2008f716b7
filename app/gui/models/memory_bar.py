"""One memory as a stacked bar with its legend; exact numbers under the pointer or by arrow keys.

GUI thread. Paints what it is given and computes no plan.
"""

from __future__ import annotations

from PySide6.QtCore import QPoint, QRect, QRectF, QSize, Qt, Signal
from PySide6.QtGui import (
    QBrush,
    QColor,
    QFocusEvent,
    QFontMetrics,
    QKeyEvent,
    QMouseEvent,
    QPainter,
    QPainterPath,
    QPaintEvent,
    QPen,
    QResizeEvent,
)
from PySide6.QtWidgets import QSizePolicy, QWidget

from app.gui import theme
from app.gui.models.parts import Filling, Kind, Part, description_of
from app.gui.widgets.toast import announce

_BAR_PX = 22
_GAP_PX = 1
_RING_PX = 3
_SWATCH_PX = 10
_LEAST_PX = 3
_TOKENS: dict[Kind, str] = {
    "others": "memory_others",
    "weights": "memory_weights",
    "context": "memory_context",
    "compute": "memory_compute",
    "margin": "hover",
    "free": "hover",
}


class MemoryBar(QWidget):
    """`pointed(text)` carries the exact numbers of the part pointed at; empty for none."""

    pointed = Signal(str)

    def __init__(self, name: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._filling = Filling(0, (), 0)
        self._at = -1
        self._bars: list[QRectF] = []
        self._legend: list[QRect] = []
        self.setAccessibleName(name)
        self.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self.setMouseTracking(True)
        policy = QSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Preferred)
        policy.setHeightForWidth(True)
        self.setSizePolicy(policy)
        theme.current().changed.connect(self._restyled)

    @property
    def filling(self) -> Filling:
        return self._filling

    @property
    def part_at(self) -> Part | None:
        """The part pointed at now."""
        parts = self._filling.parts
        return parts[self._at] if 0 <= self._at < len(parts) else None

    def show_filling(self, filling: Filling) -> None:
        """Draw this from now on; what was pointed at stays so."""
        at = self.part_at
        self._filling = filling
        kinds = [part.kind for part in filling.parts]
        self._at = kinds.index(at.kind) if at is not None and at.kind in kinds else -1
        self.setAccessibleDescription(description_of(filling, self.locale()))
        self._lay_out()
        self.updateGeometry()
        self.update()
        if at is not None:
            self._tell()

    def sizeHint(self) -> QSize:
        return QSize(320, self.heightForWidth(max(320, self.width())))

    def minimumSizeHint(self) -> QSize:
        return QSize(160, self.heightForWidth(max(160, self.width())))

    def hasHeightForWidth(self) -> bool:
        return True

    def heightForWidth(self, width: int) -> int:
        return self._placed(width)[1]

    def keyPressEvent(self, event: QKeyEvent) -> None:
        step = {Qt.Key.Key_Right: 1, Qt.Key.Key_Left: -1}.get(Qt.Key(event.key()))
        count = len(self._filling.parts)
        if step is None or not count:
            super().keyPressEvent(event)
            return
        start = -1 if step > 0 else count
        at = self._at if self._at >= 0 else start
        self._point(min(count - 1, max(0, at + step)))
        part = self.part_at
        if part is not None:
            announce(self, part.exact(self.locale()))

    def focusInEvent(self, event: QFocusEvent) -> None:
        super().focusInEvent(event)
        self.update()

    def focusOutEvent(self, event: QFocusEvent) -> None:
        super().focusOutEvent(event)
        self._point(-1)

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        at = event.position()
        found = -1
        for index, (bar, words) in enumerate(zip(self._bars, self._legend, strict=True)):
            if bar.contains(at) or words.contains(at.toPoint()):
                found = index
        self._point(found)
        super().mouseMoveEvent(event)

    def leaveEvent(self, event: object) -> None:
        self._point(-1)

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._lay_out()

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        self._paint_bar(painter)
        self._paint_legend(painter)
        if self.hasFocus():
            painter.setBrush(Qt.BrushStyle.NoBrush)
            painter.setPen(QPen(theme.current().color("accent"), 2))
            ring = self._track().adjusted(-2, -2, 2, 2)
            painter.drawRoundedRect(ring, theme.RADIUS_BUTTON + 2, theme.RADIUS_BUTTON + 2)

    def _restyled(self) -> None:
        self._lay_out()
        self.updateGeometry()
        self.update()

    def _point(self, index: int) -> None:
        if index != self._at:
            self._at = index
            self.update()
            self._tell()

    def _tell(self) -> None:
        part = self.part_at
        self.pointed.emit(part.exact(self.locale()) if part is not None else "")

    def _track(self) -> QRectF:
        return QRectF(_RING_PX, _RING_PX, self.width() - 2 * _RING_PX, _BAR_PX)

    def _lay_out(self) -> None:
        self._legend = self._placed(self.width())[0]
        self._bars = []
        track = self._track()
        scale = self._filling.scale_bytes
        left = track.left()
        room = track.width()
        for part in self._filling.parts:
            # A sliver is still to be seen and pointed at.
            width = min(max(_LEAST_PX, room * part.n_bytes / scale), track.right() - left)
            self._bars.append(QRectF(left, track.top(), max(0.0, width - _GAP_PX), track.height()))
            left += width

    def _placed(self, width: int) -> tuple[list[QRect], int]:
        """Where each entry of the legend stands, and the height of all."""
        metrics = QFontMetrics(theme.current().font("secondary"))
        line_px = metrics.height() + theme.SPACE_4
        left, top = _RING_PX, _BAR_PX + 2 * _RING_PX + theme.SPACE_8
        found = []
        for text in self._entries():
            entry_px = _SWATCH_PX + 6 + metrics.horizontalAdvance(text)
            if left > _RING_PX and left + entry_px > width:
                left, top = _RING_PX, top + line_px
            found.append(QRect(left, top, entry_px, metrics.height()))
            left += entry_px + theme.SPACE_16
        return found, top + line_px

    def _entries(self) -> list[str]:
        return [f"{part.name}  {part.size}" for part in self._filling.parts]

    def _paint_bar(self, painter: QPainter) -> None:
        look = theme.current()
        outline = QPainterPath()
        outline.addRoundedRect(self._track(), theme.RADIUS_BUTTON, theme.RADIUS_BUTTON)
        painter.save()
        painter.setClipPath(outline)
        painter.setPen(Qt.PenStyle.NoPen)
        for index, (bar, part) in enumerate(zip(self._bars, self._filling.parts, strict=True)):
            _fill(painter, bar, part.kind)
            if index == self._at:
                painter.setBrush(Qt.BrushStyle.NoBrush)
                painter.setPen(QPen(look.color("text"), 2))
                painter.drawRect(bar.adjusted(1, 1, -1, -1))
                painter.setPen(Qt.PenStyle.NoPen)
        if self._filling.over_bytes:
            self._paint_over(painter)
        painter.restore()
        painter.setPen(QPen(look.color("border_strong"), 1))
        painter.setBrush(Qt.BrushStyle.NoBrush)
        painter.drawPath(outline)

    def _paint_over(self, painter: QPainter) -> None:
        """What lies beyond the end of the memory, hatched, behind a line."""
        track = self._track()
        filling = self._filling
        end = track.left() + track.width() * filling.total_bytes / filling.scale_bytes
        beyond = QRectF(QPoint(round(end), round(track.top())), track.bottomRight())
        danger = theme.current().color("danger")
        painter.fillRect(beyond, theme.current().color("surface"))
        painter.fillRect(beyond, QBrush(danger, Qt.BrushStyle.BDiagPattern))
        painter.setPen(QPen(danger, 2))
        painter.drawLine(beyond.topLeft(), beyond.bottomLeft())

    def _paint_legend(self, painter: QPainter) -> None:
        look = theme.current()
        painter.setFont(look.font("secondary"))
        entries = zip(self._legend, self._filling.parts, self._entries(), strict=True)
        for index, (place, part, text) in enumerate(entries):
            swatch = QRectF(place.left(), 0, _SWATCH_PX, _SWATCH_PX)
            swatch.moveTop(place.top() + (place.height() - _SWATCH_PX) / 2)
            painter.setPen(Qt.PenStyle.NoPen)
            _fill(painter, swatch, part.kind)
            painter.setBrush(Qt.BrushStyle.NoBrush)
            painter.setPen(QPen(look.color("border_strong"), 1))
            if part.kind in ("margin", "free"):
                painter.drawRect(swatch)
            painter.setPen(look.color("text" if index == self._at else "secondary"))
            words = place.adjusted(_SWATCH_PX + 6, 0, 2, 0)
            painter.drawText(words, Qt.AlignmentFlag.AlignVCenter, text)


def _fill(painter: QPainter, place: QRectF, kind: Kind) -> None:
    look = theme.current()
    painter.fillRect(place, look.color(_TOKENS[kind]))
    if kind == "margin":
        colour = QColor(look.color("border_strong"))
        painter.fillRect(place, QBrush(colour, Qt.BrushStyle.BDiagPattern))
