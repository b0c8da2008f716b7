"""What a model can do beside chatting, as small marks of an icon and a word. GUI thread.

One widget draws all of them, so that a long list stays light; they are said in its description.
"""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QCoreApplication, QRect, QSize, Qt
from PySide6.QtGui import QFontMetrics, QPainter, QPaintEvent
from PySide6.QtWidgets import QSizePolicy, QWidget

from app.gui import icons, theme
from app.gui.widgets.plain import set_tooltip

translate = QCoreApplication.translate
_ICON_PX = 14
_PAD_PX = 6
_GAP_PX = 4
_ORDER = ("embedding", "vision", "audio", "thinking", "tools", "code")


def mark_words(capability: str) -> tuple[str, str, str] | None:
    """Icon, word and whole words of a capability; None for what needs no mark."""
    return {
        "vision": ("eye", translate("Models", "pictures"), translate("Models", "sees pictures")),
        "audio": ("audio-lines", translate("Models", "sound"), translate("Models", "hears sound")),
        "thinking": (
            "brain",
            translate("Models", "thinking"),
            translate("Models", "thinks before it answers"),
        ),
        "tools": ("wrench", translate("Models", "tools"), translate("Models", "uses tools")),
        "code": ("code", translate("Models", "code"), translate("Models", "writes code")),
        "embedding": (
            "layers",
            translate("Models", "for search"),
            translate("Models", "finds texts, does not chat"),
        ),
    }.get(capability)


def capability_words(capabilities: Sequence[str]) -> str:
    """All of them in one sentence's part: "sees pictures, uses tools"; "" for none."""
    found = [mark_words(each) for each in _ORDER if each in capabilities]
    return ", ".join(mark[2] for mark in found if mark is not None)


class Marks(QWidget):
    """Takes no room when there is nothing to mark."""

    def __init__(self, capabilities: Sequence[str], parent: QWidget | None = None) -> None:
        super().__init__(parent)
        found = [mark_words(each) for each in _ORDER if each in capabilities]
        self.marks = [mark for mark in found if mark is not None]
        policy = QSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Minimum)
        policy.setHeightForWidth(True)
        self.setSizePolicy(policy)
        self.setAccessibleName(self.tr("What it can do"))
        said = capability_words(capabilities)
        self.setAccessibleDescription(said)
        set_tooltip(self, said)
        if not self.marks:
            self.hide()
        theme.current().changed.connect(self._restyled)

    def hasHeightForWidth(self) -> bool:
        return True

    def heightForWidth(self, width: int) -> int:
        places = self._places(width)
        return places[-1].bottom() + 1 if places else 0

    def sizeHint(self) -> QSize:
        places = self._places(1 << 16)
        width = places[-1].right() + 1 if places else 0
        return QSize(width, self._row_px() if places else 0)

    def minimumSizeHint(self) -> QSize:
        widest = max((each.width() for each in self._places(1)), default=0)
        return QSize(widest, self._row_px() if self.marks else 0)

    def paintEvent(self, event: QPaintEvent) -> None:
        look = theme.current()
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setFont(look.font("secondary"))
        colour = look.tokens.secondary
        places = self._places(self.width())
        for (icon, word, _), place in zip(self.marks, places, strict=True):
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(look.color("hover"))
            painter.drawRoundedRect(place, theme.RADIUS_BUTTON, theme.RADIUS_BUTTON)
            top = place.top() + (place.height() - _ICON_PX) // 2
            image = icons.pixmap(icon, colour, _ICON_PX, self.devicePixelRatioF())
            painter.drawPixmap(place.left() + _PAD_PX, top, image)
            painter.setPen(look.color("secondary"))
            words = place.adjusted(_PAD_PX + _ICON_PX + _GAP_PX, 0, 0, 0)
            painter.drawText(words, Qt.AlignmentFlag.AlignVCenter, word)

    def _places(self, width: int) -> list[QRect]:
        """One after the other, on a new line where one does not fit."""
        metrics = QFontMetrics(theme.current().font("secondary"))
        left, top, height = 0, 0, self._row_px()
        found = []
        for _, word, _ in self.marks:
            wide = metrics.horizontalAdvance(word) + 2 * _PAD_PX + _ICON_PX + _GAP_PX + 1
            if left and left + wide > width:
                left, top = 0, top + height + _GAP_PX
            found.append(QRect(left, top, wide, height))
            left += wide + _GAP_PX
        return found

    def _row_px(self) -> int:
        metrics = QFontMetrics(theme.current().font("secondary"))
        return max(_ICON_PX, metrics.height()) + _PAD_PX

    def _restyled(self) -> None:
        self.updateGeometry()
        self.update()
