"""What is selected in the transcript: from one place to another, across messages if need be.

Pure arithmetic on places; asks the messages for the text when it is copied.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from app.gui.chat.ink import Ink
    from app.gui.chat.message import Message


@dataclass(frozen=True, slots=True, order=True)
class Place:
    """A place between two characters: message, part, box, and the offset in the box."""

    message: int
    part: int
    box: int
    offset: int


class Selection:
    """From where the button went down to where the pointer is now."""

    def __init__(self) -> None:
        self._from: Place | None = None
        self._to: Place | None = None

    @property
    def is_empty(self) -> bool:
        return self._from is None or self._from == self._to

    def begin(self, place: Place) -> None:
        self._from = self._to = place

    def move(self, place: Place) -> None:
        if self._from is not None:
            self._to = place

    def choose(self, start: Place, end: Place) -> None:
        self._from, self._to = start, end

    def clear(self) -> None:
        self._from = self._to = None

    @property
    def ends(self) -> tuple[Place, Place] | None:
        """First and last place, in the order of the text."""
        if self._from is None or self._to is None or self._from == self._to:
            return None
        return min(self._from, self._to), max(self._from, self._to)

    def within(self, message: int, part: int, box: int, length: int) -> tuple[int, int] | None:
        """What of one box is selected, as offsets."""
        ends = self.ends
        if ends is None:
            return None
        first, last = ends
        here = (message, part, box)
        low, high = _box_of(first), _box_of(last)
        if here < low or here > high:
            return None
        start = first.offset if here == low else 0
        end = last.offset if here == high else length
        return (start, end) if end > start else None

    def text(self, messages: Sequence[Message], width: int, ink: Ink) -> str:
        """The true text that is selected."""
        from app.gui.chat.blocks import TextBlock  # there is a message, so it is there too

        ends = self.ends
        if ends is None:
            return ""
        first, last = ends
        out: list[str] = []
        for number in range(first.message, min(last.message + 1, len(messages))):
            message = messages[number]
            low = (first.part, first.box) if number == first.message else (0, 0)
            high = (last.part, last.box) if number == last.message else (1 << 30, 1 << 30)
            written = ""
            boxes = message.body.boxes_between(low, high, message.text_width(width), ink)
            for (part, index), box in boxes:
                chosen = self.within(number, part, index, box.length)
                if chosen is None:
                    continue
                block = box.block
                is_joined = isinstance(block, TextBlock) and block.joined
                is_tight = isinstance(block, TextBlock) and block.tight
                if written and not is_joined:
                    written = written.rstrip("\n") + ("\n" if is_tight else "\n\n")
                written += box.between(*chosen)
            out.append(written)
        return "\n\n".join(part for part in out if part)


def _box_of(place: Place) -> tuple[int, int, int]:
    return place.message, place.part, place.box
