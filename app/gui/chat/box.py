"""What every laid-out block can do: take a width, paint itself, find text under a point.

GUI thread. Offsets inside a box are UTF-16 units, as Qt counts; `y` is from the box's own top.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from PySide6.QtCore import QPointF, QRectF
from PySide6.QtGui import QPainter, QTextLayout, QTextLine

if TYPE_CHECKING:
    from app.gui.chat.blocks import Block
    from app.gui.chat.ink import Ink

INDENT_PX = 26
QUOTE_PX = 16


@dataclass(slots=True)
class Scroll:
    """How far to the right something wide is scrolled; pieces of one table share it."""

    x: int = 0


@dataclass(frozen=True, slots=True)
class View:
    """What a box is asked to paint: where it stands, what is visible, what is selected."""

    x: float
    y: float
    top: float  # visible, in the painter's coordinates
    bottom: float
    selected: tuple[int, int] | None = None


class Box:
    """A block at a width. `height` is an estimate until `lay_out` was called.

    Buttons stand on the uppermost `header_px`; a click on one that `is_fold` opens or closes it.
    """

    header_px = 0
    is_fold = False

    def __init__(self, block: Block, gap: int) -> None:
        self.block = block
        self.gap = gap
        self.scroll = Scroll()
        self.height = 0
        self.width = 0

    def lay_out(self, width: int, ink: Ink) -> None:
        raise NotImplementedError

    def paint(self, painter: QPainter, view: View, ink: Ink) -> None:
        raise NotImplementedError

    def same_above(self, old: Box | None) -> int:
        """How far down it looks as `old` does, whose place it takes. Both are laid out."""
        return 0

    @property
    def length(self) -> int:
        """How many offsets there are."""
        return 0

    def hit(self, x: float, y: float) -> int:
        """The offset nearest to a point."""
        return 0

    def is_text(self, x: float, y: float) -> bool:
        """True where the pointer should become a text cursor."""
        return True

    def link_at(self, x: float, y: float) -> str:
        """The target of the link under a point, or nothing."""
        return ""

    def between(self, start: int, end: int) -> str:
        """The true text between two offsets, for copying."""
        return ""

    def word_at(self, offset: int) -> tuple[int, int]:
        """The word around an offset."""
        return offset, offset

    @property
    def scroll_range(self) -> int:
        """How far it can be scrolled to the right, in pixels; 0 when all of it fits."""
        return 0

    def bar_rect(self, x: float, y: float) -> QRectF:
        """The handle of the horizontal scroll bar when the box stands at a point."""
        return QRectF()


def word_range(text: str, offset: int) -> tuple[int, int]:
    """The run of letters and digits around an offset of text without astral characters."""
    start = end = min(offset, len(text))
    while start > 0 and (text[start - 1].isalnum() or text[start - 1] == "_"):
        start -= 1
    while end < len(text) and (text[end].isalnum() or text[end] == "_"):
        end += 1
    return (start, end) if end > start else (offset, min(offset + 1, len(text)))


def stack_lines(layout: QTextLayout, width: float, line_px: float) -> float:
    """Break a layout into lines of one height; taller glyphs get the room they need."""
    layout.beginLayout()
    y = 0.0
    while True:
        line = layout.createLine()
        if not line.isValid():
            break
        line.setLineWidth(width)
        natural = line.height()
        step = max(line_px, natural)
        line.setPosition(QPointF(0, round(y + (step - natural) / 2)))
        y += step
    layout.endLayout()
    return y


def line_at(layout: QTextLayout, y: float) -> QTextLine | None:
    """The line that covers `y`, or the nearest one."""
    count = layout.lineCount()
    if count == 0:
        return None
    low, high = 0, count - 1
    while low < high:
        middle = (low + high + 1) // 2
        if layout.lineAt(middle).position().y() - 3 <= y:
            low = middle
        else:
            high = middle - 1
    return layout.lineAt(low)


def offset_at(layout: QTextLayout, x: float, y: float) -> int:
    """The text position nearest to a point of a layout."""
    line = line_at(layout, y)
    if line is None:
        return 0
    return line.xToCursor(x)


def selection_format(selected: tuple[int, int] | None, ink: Ink) -> list[QTextLayout.FormatRange]:
    """What `QTextLayout.draw` wants for a selection."""
    if selected is None or selected[0] >= selected[1]:
        return []
    made = QTextLayout.FormatRange()
    made.start, made.length = selected[0], selected[1] - selected[0]
    made.format = ink.selected
    return [made]


def visible_rect(view: View, width: float) -> QRectF:
    """The part of a box's column that is on the screen."""
    return QRectF(view.x - 4, view.top, width + 8, view.bottom - view.top)
