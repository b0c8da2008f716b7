"""Some rows of a table: columns share the width there is, what is wider scrolls. GUI thread."""

from __future__ import annotations

from dataclasses import dataclass

from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QPainter, QPen, QTextLayout, QTextOption

from app.gui.chat.blocks import Columns, Run, TableBlock, TextBlock
from app.gui.chat.box import (
    Box,
    Scroll,
    View,
    offset_at,
    selection_format,
    stack_lines,
)
from app.gui.chat.code_box import BAR_PX
from app.gui.chat.code_lines import cut, units
from app.gui.chat.ink import Ink
from app.gui.chat.text_box import formats_of
from app.gui.safe_text import shown

_PAD_X, _PAD_Y = 10, 6
_MIN_COLUMN_PX = 72
_ALIGN = {
    "left": Qt.AlignmentFlag.AlignLeft,
    "center": Qt.AlignmentFlag.AlignHCenter,
    "right": Qt.AlignmentFlag.AlignRight,
}


@dataclass(slots=True)
class _Cell:
    layout: QTextLayout
    text: str
    start: int  # offset of its text in the box
    x: int
    y: int
    width: int


class TableBox(Box):
    """A piece of a table. Offsets run through the cells, one unit between two of them."""

    block: TableBlock

    def __init__(self, block: TableBlock, gap: int, scroll: Scroll) -> None:
        super().__init__(block, gap)
        self.scroll = scroll
        self._rows: list[list[_Cell]] = []
        self._edges: list[int] = [0]  # top of each row, and the bottom
        self._total_px = 0
        self._length = 0

    def lay_out(self, width: int, ink: Ink) -> None:
        self.width = width
        widths = column_widths(self.block.columns, width, ink)
        self._total_px = sum(widths)
        self._rows, self._edges = [], [0]
        offset = y = 0
        for number, row in enumerate(self.block.rows):
            cells: list[_Cell] = []
            x, tallest = 0, 0.0
            for column, runs in enumerate(row):
                is_header = self.block.has_header and number == 0
                cell, height = self._cell(runs, is_header, widths[column], column, ink)
                cell.start, cell.x, cell.y = offset, x, y + _PAD_Y
                offset += units(cell.text) + 1
                cells.append(cell)
                x += widths[column]
                tallest = max(tallest, height)
            y += round(tallest) + 2 * _PAD_Y
            self._rows.append(cells)
            self._edges.append(y)
        self._length = max(0, offset - 1)
        self.scroll.x = min(self.scroll.x, self.scroll_range)
        self.height = y + (BAR_PX + 2 if self.block.is_last and self.scroll_range else 0)

    def _cell(
        self, runs: tuple[Run, ...], is_header: bool, width: int, column: int, ink: Ink
    ) -> tuple[_Cell, float]:
        block = TextBlock(runs)
        text = block.text
        layout = QTextLayout(shown(text), ink.strong if is_header else ink.body)
        option = QTextOption(ink.wrapped)
        option.setAlignment(_ALIGN[self.block.columns.aligns[column]])
        layout.setTextOption(option)
        layout.setCacheEnabled(True)
        formats = formats_of(block, ink)
        if formats:
            layout.setFormats(formats)
        height = stack_lines(layout, width - 2 * _PAD_X, ink.line_px)
        return _Cell(layout, text, 0, 0, 0, width), height

    @property
    def scroll_range(self) -> int:
        return max(0, self._total_px - self.width)

    @property
    def length(self) -> int:
        return self._length

    def paint(self, painter: QPainter, view: View, ink: Ink) -> None:
        wide = min(self.width, self._total_px)
        frame = QRectF(view.x, view.y, wide, self._edges[-1])
        painter.save()
        painter.setClipRect(frame.adjusted(0, 0, 1, 1), Qt.ClipOperation.IntersectClip)
        if self.block.has_header and self._rows:
            head = QRectF(view.x, view.y, wide, self._edges[1])
            painter.fillRect(head, ink.colors["code"])
        painter.setPen(ink.colors["text"])
        left = view.x - self.scroll.x
        for number, row in enumerate(self._rows):
            if view.y + self._edges[number + 1] < view.top or view.y + self._edges[number] > (
                view.bottom
            ):
                continue
            for cell in row:
                self._paint_cell(painter, view, cell, left, ink)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing, False)
        painter.setPen(QPen(ink.colors["border"], 1))
        for edge in self._edges:
            painter.drawLine(QPointF(view.x, view.y + edge), QPointF(view.x + wide, view.y + edge))
        for x in self._column_edges():
            at = left + x
            painter.drawLine(QPointF(at, view.y), QPointF(at, view.y + self._edges[-1]))
        painter.restore()
        if self.block.is_last and self.scroll_range:
            painter.save()
            painter.setRenderHint(QPainter.RenderHint.Antialiasing)
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(ink.colors["border"])
            painter.drawRoundedRect(self.bar_rect(view.x, view.y), 3, 3)
            painter.restore()

    def _paint_cell(
        self, painter: QPainter, view: View, cell: _Cell, left: float, ink: Ink
    ) -> None:
        x = left + cell.x + _PAD_X
        if x > view.x + self.width or x + cell.width < view.x:
            return
        chosen = None
        if view.selected is not None:
            size = units(cell.text)
            chosen = (
                max(0, view.selected[0] - cell.start),
                min(size, view.selected[1] - cell.start),
            )
        cell.layout.draw(painter, QPointF(x, view.y + cell.y), selection_format(chosen, ink))

    def _column_edges(self) -> list[int]:
        if not self._rows:
            return []
        return [*(cell.x for cell in self._rows[0]), self._total_px]

    def _cell_at(self, x: float, y: float) -> _Cell | None:
        if not self._rows:
            return None
        row = 0
        while row + 1 < len(self._rows) and y >= self._edges[row + 1]:
            row += 1
        inside = x + self.scroll.x
        cells = self._rows[row]
        for cell in cells:
            if inside < cell.x + cell.width:
                return cell
        return cells[-1] if cells else None

    def hit(self, x: float, y: float) -> int:
        cell = self._cell_at(x, y)
        if cell is None:
            return 0
        inside = x + self.scroll.x - cell.x - _PAD_X
        return cell.start + offset_at(cell.layout, inside, y - cell.y)

    def link_at(self, x: float, y: float) -> str:
        cell = self._cell_at(x, y)
        if cell is None:
            return ""
        at = self.hit(x, y) - cell.start
        for row, cells in zip(self.block.rows, self._rows, strict=True):
            for runs, each in zip(row, cells, strict=True):
                if each is cell:
                    return _link_in(runs, at)
        return ""

    def between(self, start: int, end: int) -> str:
        out: list[str] = []
        for row in self._rows:
            parts = [
                cut(cell.text, max(0, start - cell.start), max(0, end - cell.start))
                for cell in row
                if cell.start + units(cell.text) >= start and cell.start < end
            ]
            if parts:
                out.append("\t".join(parts))
        return "\n".join(out)

    def word_at(self, offset: int) -> tuple[int, int]:
        for row in self._rows:
            for cell in row:
                size = units(cell.text)
                if cell.start <= offset <= cell.start + size:
                    return cell.start, cell.start + size
        return offset, offset

    def bar_rect(self, x: float, y: float) -> QRectF:
        """The handle of the horizontal scroll bar when the box stands at a point."""
        whole = max(1, self._total_px)
        size = max(32.0, self.width * self.width / whole)
        at = (self.width - size) * self.scroll.x / max(1, self.scroll_range)
        return QRectF(x + at, y + self.height - BAR_PX, size, BAR_PX - 2)


def _link_in(runs: tuple[Run, ...], offset: int) -> str:
    for run in runs:
        size = units(run.text)
        if offset < size:
            return run.link
        offset -= size
    return ""


def column_widths(columns: Columns, width: int, ink: Ink) -> list[int]:
    """Pixels for each column: what its widest text wants, less where there is too little room,
    never so little that a word cannot stand in it."""
    wanted = [round(chars * ink.char_px * 1.25) + 2 * _PAD_X + 4 for chars in columns.widths]
    spare = sum(wanted) - width
    if spare <= 0:
        return wanted
    floor = [min(each, max(_MIN_COLUMN_PX, width // (2 * len(wanted)))) for each in wanted]
    give = sum(each - least for each, least in zip(wanted, floor, strict=True))
    if give <= spare:
        return floor
    return [
        each - round((each - least) * spare / give)
        for each, least in zip(wanted, floor, strict=True)
    ]
