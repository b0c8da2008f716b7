"""One segment on the page: its boxes once it is near the screen, an estimate until then.

GUI thread. Boxes whose block did not change are kept, so a new token costs its own box alone.
"""

from __future__ import annotations

from app.gui.chat.blocks import (
    Block,
    CodeBlock,
    Columns,
    FoldBlock,
    RuleBlock,
    TableBlock,
    TextBlock,
)
from app.gui.chat.box import Box, Scroll
from app.gui.chat.code_box import HEADER_PX, CodeBox
from app.gui.chat.ink import Ink
from app.gui.chat.segments import Segment
from app.gui.chat.table_box import TableBox
from app.gui.chat.text_box import FoldBox, RuleBox, TextBox

_GAP_PX = 12
_TIGHT_PX = 4
_HEADING_PX = 22


def gap_before(block: Block) -> int:
    """Room above a block; the same wherever it stands, so that no block depends on another."""
    if isinstance(block, TextBlock):
        if block.joined:
            return 0
        if block.kind == "heading":
            return _HEADING_PX
        return _TIGHT_PX if block.tight else _GAP_PX
    if isinstance(block, TableBlock):
        return _GAP_PX if block.has_header else 0
    return 16 if isinstance(block, RuleBlock) else _GAP_PX


class Part:
    """A segment and what it became. `opened` shows what is folded away otherwise.

    Above `changed_top` it looks as it did before it was laid out last.
    """

    __slots__ = (
        *("_scrolls", "boxes", "changed_top", "height", "is_dirty"),
        *("opened", "segment", "width"),
    )

    def __init__(self, segment: Segment | None, height: int) -> None:
        self.segment = segment
        self.height = height
        self.boxes: list[Box] = []
        self.width = 0  # 0: never laid out, or not since it was forgotten
        self.is_dirty = False
        self.changed_top = 0
        self.opened = False
        self._scrolls: dict[Columns, Scroll] = {}

    @property
    def is_laid_out(self) -> bool:
        return bool(self.width) and not self.is_dirty

    def take(self, blocks: tuple[Block, ...], width: int, ink: Ink, *, is_first: bool) -> None:
        """Lay out these blocks, keeping the boxes of those that are as they were."""
        same_width = self.width == width
        old = self.boxes
        boxes: list[Box] = []
        same = -1  # how much of it is as it was, once that has ended
        y = 0
        for index, block in enumerate(blocks):
            box = old[index] if index < len(old) else None
            is_same = same_width and box is not None and box.block == block
            kept = box if is_same else self._extended(box, block) if same_width else None
            if kept is None:
                gap = 0 if is_first and index == 0 else gap_before(block)
                kept = self._make(block, gap)
                self._keep_scroll(box, kept)
                kept.lay_out(width, ink)
            if same < 0 and not is_same:
                has_moved = not same_width or box is None or box.gap != kept.gap
                same = y if has_moved else y + kept.gap + kept.same_above(box)
            y += kept.gap + kept.height
            boxes.append(kept)
        self.changed_top = same if same >= 0 else y
        self.boxes = boxes
        self.width = width
        self.is_dirty = False
        self.height = y

    def forget(self) -> None:
        """Drop the boxes and keep the height; they are made again when they are needed."""
        self.boxes = []
        self.width = 0

    @staticmethod
    def _extended(box: Box | None, block: Block) -> Box | None:
        if (
            isinstance(box, CodeBox)
            and isinstance(block, CodeBlock)
            and box.block.language == block.language
            and box.block.depth == block.depth
            and box.block.quote == block.quote
        ):
            box.extend(block)
            return box
        return None

    @staticmethod
    def _keep_scroll(old: Box | None, new: Box) -> None:
        if isinstance(old, TableBox) and isinstance(new, TableBox):
            new.scroll.x = old.scroll.x

    def _make(self, block: Block, gap: int) -> Box:
        if isinstance(block, TextBlock):
            return TextBox(block, gap)
        if isinstance(block, CodeBlock):
            return CodeBox(block, gap)
        if isinstance(block, TableBlock):
            return TableBox(block, gap, self._scrolls.setdefault(block.columns, Scroll()))
        if isinstance(block, FoldBlock):
            return FoldBox(block, gap)
        return RuleBox(block, gap)


def estimated_height(kind: str, n_chars: int, n_lines: int, width: int, ink: Ink) -> int:
    """A guess from counts alone, in pixels."""
    if kind == "code":
        return HEADER_PX + n_lines * ink.code_line_px + 2 * _GAP_PX
    if kind == "table":
        return round(n_lines * (ink.line_px + 13))
    if kind == "thought":
        return ink.small_line_px + 8 + _GAP_PX
    per_line = max(8.0, width / ink.char_px)
    rows = n_chars / per_line + n_lines * 0.5
    return round(max(1.0, rows) * ink.line_px) + _GAP_PX
