"""The text of one message on the page: cut, read and laid out only where it is looked at.

GUI thread. `y` is from the body's own top. Very long text is cut a slice at a time, and text
that streams in touches its last part alone.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from app.gui.chat.blocks import Block, FoldBlock, links_in
from app.gui.chat.box import Box
from app.gui.chat.ink import Ink
from app.gui.chat.part import Part, estimated_height
from app.gui.chat.reading import blocks_of, excerpt, fold_label
from app.gui.chat.segments import Source
from app.gui.chat.text_box import TextBox

_FEED_CHARS = 48 * 1024
_CHARS_PER_LINE = 60
_SMALL_PARTS = 3
_NOTHING = 1 << 30


@dataclass(frozen=True, slots=True)
class Placed:
    """A box and where it stands; `part` and `index` count from 0, `y` from the body's top."""

    part: int
    index: int
    box: Box
    y: int


class Body:
    """`as_written` shows a person's own words: no Markdown, and folded when they are many."""

    def __init__(self, text: str, *, as_written: bool) -> None:
        self.text = text
        self.height = 0
        self._as_written = as_written
        self._source: Source | None = None
        self._parts: list[Part] = []
        self._fed = 0
        self._width = 0
        self._is_unfolded = False
        self._is_growing = False
        self._changed_top = 0

    @property
    def is_growing(self) -> bool:
        return self._is_growing

    @property
    def is_laid_out(self) -> bool:
        return any(part.width for part in self._parts)

    def is_measured(self, width: int) -> bool:
        """True if its height at a width is more than a count of characters."""
        return self._source is not None and self._width == width

    def set_text(self, text: str) -> None:
        """Replace the text. The end of one that has grown costs only its last part."""
        if self._is_growing and self._source is not None and text == self.text:
            self._is_growing = False
            self._fed = len(text)
            first = len(self._source.segments) - 1
            self._source.close()
            self._sync(first)
            return
        self.text = text
        self._is_growing = False
        self._start_over()

    def grow(self, text: str) -> None:
        """Append what has just been written."""
        if not self._is_growing:
            self._start_over()
            self._is_growing = True
            self._source = Source()
            if self.text:
                self._source.append(self.text)
        self.text += text
        if self._source is not None:
            self._sync(self._source.append(text))

    def forget(self) -> None:
        """Give back what can be made again; heights stay."""
        if not self._is_growing:
            for part in self._parts:
                part.forget()

    def restyle(self) -> None:
        """Fonts or colours have changed: nothing laid out is right any more."""
        self._width = 0
        for part in self._parts:
            part.forget()

    @property
    def is_read(self) -> bool:
        """False while a very long text is still being cut."""
        return self._is_growing or self._source is None or self._fed >= len(self._shown())

    def read_on(self) -> None:
        """Cut a little more of a very long text."""
        if self._source is None or self.is_read:
            return
        text = self._shown()
        piece = text[self._fed : self._fed + _FEED_CHARS]
        self._fed += len(piece)
        first = self._source.append(piece)
        if self._fed >= len(text):
            self._source.close()
        self._sync(first)

    def toggle(self, part: int, box: int) -> bool:
        """Open or close the fold at a place; False when there is none."""
        chosen = self._parts[part]
        if box >= len(chosen.boxes) or not isinstance(chosen.boxes[box].block, FoldBlock):
            return False
        if chosen.segment is None:
            self._is_unfolded = not self._is_unfolded
            self._start_over()
        else:
            chosen.opened = not chosen.opened
            chosen.is_dirty = True
        return True

    def lay_out(self, top: int, bottom: int, width: int, ink: Ink, *, keep_end: bool) -> int:
        """Lay out what lies between `top` and `bottom`.

        Returns how far down that has to be looked at for what was seen before to stand still:
        what is new above it may not be as tall as was estimated. With `keep_end` nothing of this
        text was seen before, but what follows it was.
        """
        if self._source is None:
            self._source = Source(as_written=self._as_written)
            self.read_on()
        if width != self._width:
            self._width = width
            for part in self._parts:
                part.width = part.height = 0
        last_seen = self._estimate_parts(top, bottom, ink)
        moved = y = 0
        # A bubble is as wide as its text, so a small one is measured whole.
        is_small = self._as_written and len(self._parts) <= _SMALL_PARTS
        for index, part in enumerate(self._parts):
            is_near = is_small or (y <= bottom + moved and y + part.height >= top + moved)
            if is_near and not part.is_laid_out:
                before = None if part.width else part.height
                part.take(self._blocks(part), width, ink, is_first=index == 0)
                self._changed_top = min(self._changed_top, y + part.changed_top)
                stands_above = keep_end or index < last_seen or y < top + moved
                if before is not None and stands_above:
                    moved += part.height - before
            y += part.height
        left = 0 if self.is_read else len(self._shown()) - self._fed
        if left:
            y += estimated_height("prose", left, left // _CHARS_PER_LINE, width, ink)
        self.height = y
        return moved

    def _estimate_parts(self, top: int, bottom: int, ink: Ink) -> int:
        """Give every part a height; the last one between `top` and `bottom` that is laid out."""
        last_seen = -1
        y = 0
        for index, part in enumerate(self._parts):
            if not part.height and not part.width:
                part.height = self._estimated(part, ink)
            if part.width and y <= bottom and y + part.height >= top:
                last_seen = index
            y += part.height
        return last_seen

    def take_changed_top(self) -> int:
        """Above this it looks as it did when this was last asked."""
        changed, self._changed_top = self._changed_top, _NOTHING
        return min(changed, self.height)

    def natural_width(self) -> int:
        """The width its longest line needs; 0 when that is not known of all of it."""
        boxes = [box for part in self._parts for box in part.boxes]
        if (
            not boxes
            or len(self._parts) > _SMALL_PARTS
            or not all(part.width for part in self._parts)
        ):
            return 0
        folds = 180.0 if any(isinstance(box.block, FoldBlock) for box in boxes) else 24.0
        return round(max(folds, *(_line_width(box) for box in boxes))) + 1

    def visible(self, top: float, bottom: float) -> Iterator[Placed]:
        """The boxes between `top` and `bottom`."""
        y = 0
        for number, part in enumerate(self._parts):
            if y > bottom:
                return
            if y + part.height >= top:
                inner = y
                for index, box in enumerate(part.boxes):
                    inner += box.gap
                    if inner <= bottom and inner + box.height >= top:
                        yield Placed(number, index, box, inner)
                    inner += box.height
            y += part.height

    def links(self) -> list[str]:
        """The targets of the links in what is laid out, each once."""
        found: dict[str, None] = {}
        for part in self._parts:
            for box in part.boxes:
                found.update(dict.fromkeys(links_in(box.block)))
        return list(found)

    def boxes_between(
        self, first: tuple[int, int], last: tuple[int, int], width: int, ink: Ink
    ) -> Iterator[tuple[tuple[int, int], Box]]:
        """Every box from one (part, index) to another, made if need be: for copying."""
        if self._source is None:
            self.lay_out(0, 0, width, ink, keep_end=False)
        while not self.is_read:
            self.read_on()
        for number in range(first[0], min(last[0] + 1, len(self._parts))):
            part = self._parts[number]
            if not part.is_laid_out:
                part.take(self._blocks(part), width, ink, is_first=number == 0)
                self._changed_top = 0
            for index, box in enumerate(part.boxes):
                if first <= (number, index) <= last:
                    yield (number, index), box

    def _shown(self) -> str:
        return excerpt(self.text) if self._as_written and not self._is_unfolded else self.text

    def _start_over(self) -> None:
        self._source = None
        self._parts = []
        self._fed = 0

    def _sync(self, first: int) -> None:
        """One part for each segment, those from `first` on to be read again."""
        if self._source is None:
            return
        segments = self._source.segments
        del self._parts[len(segments) :]
        for index in range(max(0, first), len(segments)):
            if index < len(self._parts):
                self._parts[index].segment = segments[index]
                self._parts[index].is_dirty = True
            else:
                self._parts.append(Part(segments[index], 0))
        if self._as_written and self.is_read and excerpt(self.text) != self.text:
            self._parts.append(Part(None, 0))

    def _blocks(self, part: Part) -> tuple[Block, ...]:
        if part.segment is None or self._source is None:
            label = fold_label(self.text, is_open=self._is_unfolded)
            return (FoldBlock(label, "all", is_open=self._is_unfolded),)
        return blocks_of(self._source, part.segment, opened=part.opened)

    def _estimated(self, part: Part, ink: Ink) -> int:
        segment, source = part.segment, self._source
        if segment is None or source is None:
            return ink.small_line_px + 8
        n_lines = source.text.count("\n", segment.start, segment.end) + 1
        size = segment.end - segment.start
        return estimated_height(segment.kind, size, n_lines, self._width, ink)


def _line_width(box: Box) -> float:
    return box.measure() if isinstance(box, TextBox) else 0.0
