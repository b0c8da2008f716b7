"""Writing against reading, as two lines of words: yours in some seconds, the model's in the same.

GUI thread. The picture says nothing that its accessible description does not.
"""

from __future__ import annotations

from PySide6.QtCore import QRectF, QSize, Qt
from PySide6.QtGui import QFontMetrics, QLinearGradient, QPainter, QPaintEvent
from PySide6.QtWidgets import QSizePolicy, QWidget

from app.gui import theme
from app.gui.plan_words import READING_TOKENS_PER_S, speed_words

_WORDS_PX = (13, 22, 9, 17, 28, 11, 19, 8, 24, 15, 12, 20)
"""How long the words of a text are, for a line that looks like one."""
_SPACE_PX = 4
_WORD_PX = 5
_ROW_PX = 16
_MOST_RATIO = 8.0
_READ_SHARE = 0.22


class SpeedPicture(QWidget):
    """Two rows; the second is as much longer as the model is faster."""

    def __init__(self, *, labels: bool = True, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._rate = 0.0
        self._labels = labels
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)
        self.setAccessibleName(self.tr("Expected speed"))
        theme.current().changed.connect(self._restyled)

    @property
    def tokens_per_second(self) -> float:
        return self._rate

    def show_rate(self, tokens_per_second: float) -> None:
        """Draw this speed."""
        self._rate = tokens_per_second
        self.setAccessibleDescription(speed_words(tokens_per_second))
        self.update()

    def sizeHint(self) -> QSize:
        return QSize(240, 2 * self._row_px())

    def minimumSizeHint(self) -> QSize:
        return QSize(120, 2 * self._row_px())

    def paintEvent(self, event: QPaintEvent) -> None:
        look = theme.current()
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        names = (self.tr("you read"), self.tr("it writes")) if self._labels else ("", "")
        left = 0
        if self._labels:
            metrics = QFontMetrics(look.font("secondary"))
            left = max(metrics.horizontalAdvance(name) for name in names) + theme.SPACE_12
        room = self.width() - left
        reading_px = room * _READ_SHARE
        ratio = min(_MOST_RATIO, self._rate / READING_TOKENS_PER_S)
        lengths = (reading_px, min(float(room), reading_px * ratio))
        for row, (name, length) in enumerate(zip(names, lengths, strict=True)):
            middle = self._row_px() * (row + 0.5)
            if name:
                painter.setFont(look.font("secondary"))
                painter.setPen(look.color("secondary"))
                place = QRectF(0, middle - self._row_px() / 2, left, self._row_px())
                painter.drawText(place, Qt.AlignmentFlag.AlignVCenter, name)
            token = "border_strong" if row == 0 else "memory_context"
            is_cut = row == 1 and reading_px * ratio > room
            self._paint_line(painter, QRectF(left, middle - 2.5, length, _WORD_PX), token, is_cut)

    def _paint_line(self, painter: QPainter, line: QRectF, token: str, is_cut: bool) -> None:
        """Dashes like words as far as the line goes; one that is cut fades out."""
        colour = theme.current().color(token)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(colour)
        if is_cut:
            fading = QLinearGradient(line.topLeft(), line.topRight())
            end = theme.current().color(token)
            end.setAlpha(0)
            fading.setColorAt(0.0, colour)
            fading.setColorAt(0.8, colour)
            fading.setColorAt(1.0, end)
            painter.setBrush(fading)
        at, index = line.left(), 0
        while at < line.right() - 1:
            width = min(float(_WORDS_PX[index % len(_WORDS_PX)]), line.right() - at)
            painter.drawRoundedRect(QRectF(at, line.top(), width, line.height()), 2, 2)
            at += width + _SPACE_PX
            index += 1

    def _row_px(self) -> int:
        if not self._labels:
            return _ROW_PX - 4
        return max(_ROW_PX, QFontMetrics(theme.current().font("secondary")).height() + 2)

    def _restyled(self) -> None:
        self.updateGeometry()
        self.update()
