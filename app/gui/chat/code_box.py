"""A code block: a surface of its own, lines that do not wrap, colours as they become known.

GUI thread. Only the lines on the screen are ever laid out, so a block may be of any length.
"""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QPainter, QPen, QTextLayout

from app.gui.chat.blocks import CodeBlock
from app.gui.chat.box import (
    INDENT_PX,
    QUOTE_PX,
    Box,
    View,
    selection_format,
    stack_lines,
    word_range,
)
from app.gui.chat.code_lines import CodeLines, units
from app.gui.chat.highlight import Highlighter
from app.gui.chat.ink import Ink
from app.gui.safe_text import shown

HEADER_PX = 36
PADDING_PX = 12
BAR_PX = 8
RADIUS_PX = 10
_BELOW_PX = 6
_KEPT_LAYOUTS = 300


class CodeBox(Box):
    """One code block. `extend` takes its text as it grows."""

    block: CodeBlock
    header_px = HEADER_PX

    def __init__(self, block: CodeBlock, gap: int) -> None:
        super().__init__(block, gap)
        self.left = block.depth * INDENT_PX + block.quote * QUOTE_PX
        self.highlighter = Highlighter(block.language)
        self._lines = CodeLines()
        self._layouts: dict[int, QTextLayout] = {}
        self._line_px = 1
        self._char_px = 8.0
        self.extend(block)

    def extend(self, block: CodeBlock) -> None:
        """Take another state of the same block; what only grew is not read again."""
        self.block = block
        changed = self._lines.extend(block.text)
        for line in [line for line in self._layouts if line >= changed]:
            del self._layouts[line]
        self.highlighter.set_text(block.text, closed=block.closed)
        if self.width:
            self._measure()

    def lay_out(self, width: int, ink: Ink) -> None:
        self.width = width
        self._line_px = ink.code_line_px
        self._char_px = ink.mono_char_px
        self._layouts.clear()
        self._measure()

    def _measure(self) -> None:
        bar = BAR_PX if self.scroll_range else 0
        self.height = HEADER_PX + len(self._lines) * self._line_px + PADDING_PX + bar + _BELOW_PX
        self.scroll.x = min(self.scroll.x, self.scroll_range)

    @property
    def scroll_range(self) -> int:
        inner = self.width - self.left - 2 * PADDING_PX
        return max(0, round(self._lines.widest_chars * self._char_px) + 4 - inner)

    @property
    def whole_text(self) -> str:
        """The code, as it was written."""
        return self.block.whole or self.block.text

    @property
    def length(self) -> int:
        return self._lines.total

    def paint(self, painter: QPainter, view: View, ink: Ink) -> None:
        frame = QRectF(view.x + self.left, view.y, self.width - self.left, self.height - _BELOW_PX)
        painter.save()
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(QPen(ink.colors["border"], 1))
        painter.setBrush(ink.colors["code"])
        painter.drawRoundedRect(frame.adjusted(0.5, 0.5, -0.5, -0.5), RADIUS_PX, RADIUS_PX)
        painter.setFont(ink.small)
        painter.setPen(ink.colors["secondary"])
        painter.drawText(
            QRectF(frame.left() + PADDING_PX, frame.top(), frame.width() / 2, HEADER_PX),
            Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignLeft,
            self.block.language or "Text",
        )
        painter.save()
        painter.setClipRect(frame.adjusted(1, HEADER_PX, -1, -1), Qt.ClipOperation.IntersectClip)
        painter.setPen(ink.colors["text"])
        self._paint_lines(painter, view, ink)
        painter.restore()
        if self.scroll_range:
            self._paint_bar(painter, frame, ink)
        painter.restore()

    def _paint_lines(self, painter: QPainter, view: View, ink: Ink) -> None:
        body = view.y + HEADER_PX
        first = max(0, int((view.top - body) // self._line_px))
        last = min(len(self._lines) - 1, int((view.bottom - body) // self._line_px))
        x = view.x + self.left + PADDING_PX - self.scroll.x
        for line in range(first, last + 1):
            start, end = self._lines.bounds(line)
            chosen: tuple[int, int] | None = None
            if view.selected is not None:
                chosen = (max(0, view.selected[0] - start), min(end, view.selected[1]) - start)
            layout = self._layout(line, ink)
            layout.draw(
                painter,
                QPointF(x, body + line * self._line_px),
                selection_format(chosen, ink),
            )

    def _layout(self, line: int, ink: Ink) -> QTextLayout:
        layout = self._layouts.get(line)
        if layout is not None:
            return layout
        if len(self._layouts) > _KEPT_LAYOUTS:
            self._layouts.clear()
        text = self._lines.shown_text(line)
        layout = QTextLayout(shown(text, in_code=True), ink.mono)
        layout.setTextOption(ink.unwrapped)
        layout.setCacheEnabled(True)
        stack_lines(layout, 1e6, self._line_px)
        self._layouts[line] = layout
        self._color(layout, line, text, ink)
        return layout

    def _color(self, layout: QTextLayout, line: int, text: str, ink: Ink) -> None:
        real = self._lines.source_line(line)
        spans = [] if real is None else self.highlighter.spans(real)
        formats: list[QTextLayout.FormatRange] = []
        for start, length, kind in spans:
            each = QTextLayout.FormatRange()
            each.start = units(text[:start])
            each.length = units(text[start : start + length])
            each.format = ink.syntax(kind)
            formats.append(each)
        if formats:
            layout.setFormats(formats)
            stack_lines(layout, 1e6, self._line_px)

    def advance(self, clock: Callable[[], float], until: float) -> bool:
        """Colour a little more until `clock()` passes `until`. True if something changed."""
        if not self.highlighter.advance(clock, until):
            return False
        self._layouts.clear()
        return True

    def hit(self, x: float, y: float) -> int:
        line = max(0, min(len(self._lines) - 1, int((y - HEADER_PX) // self._line_px)))
        start, end = self._lines.bounds(line)
        inside = x - self.left - PADDING_PX + self.scroll.x
        layout = self._layouts.get(line)
        if layout is None or layout.lineCount() == 0:
            return min(end, start + max(0, round(inside / self._char_px)))
        return start + layout.lineAt(0).xToCursor(inside)

    def is_text(self, x: float, y: float) -> bool:
        bottom = self.height - _BELOW_PX - (BAR_PX if self.scroll_range else 0)
        return HEADER_PX <= y < bottom

    def between(self, start: int, end: int) -> str:
        return self._lines.between(start, end)

    def word_at(self, offset: int) -> tuple[int, int]:
        line = self._lines.line_of(offset)
        start, end = self._lines.bounds(line)
        word = word_range(self._lines.between(start, end), offset - start)
        return start + word[0], start + word[1]

    def bar_rect(self, x: float, y: float) -> QRectF:
        """The handle of the horizontal scroll bar when the box stands at a point."""
        inner = self.width - self.left - 2 * PADDING_PX
        whole = inner + self.scroll_range
        size = max(32.0, inner * inner / max(1, whole))
        at = (inner - size) * self.scroll.x / max(1, self.scroll_range)
        left = x + self.left + PADDING_PX + at
        return QRectF(left, y + self.height - _BELOW_PX - BAR_PX - 3, size, BAR_PX - 2)

    def _paint_bar(self, painter: QPainter, frame: QRectF, ink: Ink) -> None:
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(ink.colors["border"])
        painter.drawRoundedRect(self.bar_rect(frame.left() - self.left, frame.top()), 3, 3)
