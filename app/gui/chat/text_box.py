"""Paragraphs, headings, list items, quotes, lines and folds on the page. GUI thread.

Text reaches Qt as characters with formats, never as markup: there is nothing to interpret.
"""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QFont, QFontMetricsF, QPainter, QTextLayout, QTextLine

from app.gui.chat.blocks import FoldBlock, RuleBlock, Run, TextBlock
from app.gui.chat.box import (
    INDENT_PX,
    QUOTE_PX,
    Box,
    View,
    line_at,
    offset_at,
    selection_format,
    stack_lines,
    visible_rect,
    word_range,
)
from app.gui.chat.code_lines import cut, units
from app.gui.chat.ink import Ink
from app.gui.safe_text import shown

#: How far a tall glyph may reach into the line above it.
_OVERHANG_PX = 4


def formats_of(block: TextBlock, ink: Ink) -> list[QTextLayout.FormatRange]:
    """The formats of a block's runs, in UTF-16 units."""
    out: list[QTextLayout.FormatRange] = []
    at = 0
    for run in block.runs:
        size = units(run.text)
        made = ink.format(run, block.level)
        if made is not None:
            each = QTextLayout.FormatRange()
            each.start, each.length, each.format = at, size, made
            out.append(each)
        at += size
    return out


class TextBox(Box):
    """Text that wraps."""

    block: TextBlock

    def __init__(self, block: TextBlock, gap: int) -> None:
        super().__init__(block, gap)
        self._text = block.text
        self._layout: QTextLayout | None = None
        self._left = block.depth * INDENT_PX + block.quote * QUOTE_PX
        self._font = QFont()
        self._line_px = 0.0
        self.natural_width = 0.0

    def lay_out(self, width: int, ink: Ink) -> None:
        block = self.block
        self._font = ink.heading(block.level) if block.level else ink.body
        self._line_px = self._font.pixelSize() * 1.3 if block.level else ink.line_px
        layout = QTextLayout(self._shown(), self._font)
        layout.setTextOption(ink.wrapped)
        layout.setCacheEnabled(True)
        formats = formats_of(block, ink)
        if formats:
            layout.setFormats(formats)
        height = stack_lines(layout, max(40, width - self._left), self._line_px)
        self._layout = layout
        self.width = width
        self.height = round(height)

    def same_above(self, old: Box | None) -> int:
        layout = self._layout
        if (
            layout is None
            or not isinstance(old, TextBox)
            or not _stand_alike(self.block, old.block)
        ):
            return 0
        n_chars = _same_start(self.block.runs, old.block.runs)
        # The word there may be a longer or shorter one now, and move from or to the line before.
        line = layout.lineForTextPosition(max(0, n_chars - 1)).lineNumber() - 1
        return max(0, int(layout.lineAt(line).y()) - _OVERHANG_PX) if line > 0 else 0

    def measure(self) -> float:
        """The width its longest line needs, for a bubble that hugs its text."""
        layout = self._layout
        if layout is None:
            return 0.0
        lines = range(min(layout.lineCount(), 200))
        return max((layout.lineAt(at).naturalTextWidth() for at in lines), default=0.0)

    def paint(self, painter: QPainter, view: View, ink: Ink) -> None:
        layout = self._layout
        if layout is None:
            return
        block = self.block
        colors = ink.colors
        if block.quote:
            _paint_quote_bars(painter, view, block.quote, self.height, ink)
        is_quiet = block.kind == "thought" or block.quote > 0
        color = colors["secondary"] if is_quiet else colors["text"]
        painter.setPen(color)
        if block.marker:
            self._paint_marker(painter, view, ink)
        painter.setPen(color)
        layout.draw(
            painter,
            QPointF(view.x + self._left, view.y),
            selection_format(view.selected, ink),
            visible_rect(view, self.width),
        )

    def _paint_marker(self, painter: QPainter, view: View, ink: Ink) -> None:
        marker = self.block.marker
        painter.setFont(self._font)
        painter.setPen(ink.colors["secondary"])
        metrics = QFontMetricsF(self._font)
        room = 8 if marker != "•" else 10
        right = view.x + self._left - room
        first = self._layout.lineAt(0) if self._layout and self._layout.lineCount() else None
        base = first.position().y() + first.ascent() if first else metrics.ascent()
        painter.drawText(QPointF(right - metrics.horizontalAdvance(marker), view.y + base), marker)

    @property
    def length(self) -> int:
        return units(self._text)

    def hit(self, x: float, y: float) -> int:
        return 0 if self._layout is None else offset_at(self._layout, x - self._left, y)

    def link_at(self, x: float, y: float) -> str:
        if self._layout is None or not any(run.link for run in self.block.runs):
            return ""
        line = line_at(self._layout, y)
        inside = x - self._left
        if line is None or not 0 <= inside <= line.naturalTextWidth() + 2:
            return ""
        offset = line.xToCursor(inside, QTextLine.CursorPosition.CursorOnCharacter)
        for run in self.block.runs:
            size = units(run.text)
            if offset < size:
                return run.link
            offset -= size
        return ""

    def between(self, start: int, end: int) -> str:
        text = cut(self._text, start, end)
        if start == 0 and self.block.marker and end > 0:
            return f"{self.block.marker} {text}"
        return text

    def word_at(self, offset: int) -> tuple[int, int]:
        return word_range(self._text, offset)

    def _shown(self) -> str:
        """What is laid out. A line end at the very end would only add an empty line."""
        if any(run.code for run in self.block.runs):
            text = "".join(shown(run.text, in_code=run.code) for run in self.block.runs)
        else:
            text = shown(self._text)
        return text[:-1] if self._text.endswith("\n") else text


class RuleBox(Box):
    """A thin line across the column."""

    def __init__(self, block: RuleBlock, gap: int) -> None:
        super().__init__(block, gap)
        self.height = 1

    def lay_out(self, width: int, ink: Ink) -> None:
        self.width = width

    def paint(self, painter: QPainter, view: View, ink: Ink) -> None:
        painter.fillRect(QRectF(view.x, view.y, self.width, 1), ink.colors["border"])

    def is_text(self, x: float, y: float) -> bool:
        return False


class FoldBox(Box):
    """A line to click that shows or hides what follows."""

    block: FoldBlock
    is_fold = True

    def lay_out(self, width: int, ink: Ink) -> None:
        self.width = width
        self.height = ink.small_line_px + 8

    def paint(self, painter: QPainter, view: View, ink: Ink) -> None:
        mark = "▾" if self.block.is_open else "▸"
        painter.setFont(ink.small)
        painter.setPen(ink.colors["secondary"])
        painter.drawText(
            QRectF(view.x, view.y, self.width, self.height),
            Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignLeft,
            f"{mark}  {self.block.label}",
        )

    def is_text(self, x: float, y: float) -> bool:
        return False


def _stand_alike(one: TextBlock, other: TextBlock) -> bool:
    return (one.kind, one.level, one.depth, one.quote, one.marker) == (
        *(other.kind, other.level, other.depth, other.quote, other.marker),
    )


def _same_start(new: Sequence[Run], old: Sequence[Run]) -> int:
    """How many characters both begin with, in the same style."""
    same = 0
    for one, other in zip(new, old, strict=False):
        if not one.has_style_of(other):
            return same
        if one.text != other.text:
            pairs = enumerate(zip(one.text, other.text, strict=False))
            least = min(len(one.text), len(other.text))
            return same + next((at for at, (a, b) in pairs if a != b), least)
        same += len(one.text)
    return same


def _paint_quote_bars(painter: QPainter, view: View, count: int, height: int, ink: Ink) -> None:
    for level in range(count):
        bar = QRectF(view.x + level * QUOTE_PX, view.y, 3, height)
        painter.fillRect(bar, ink.colors["border"])
