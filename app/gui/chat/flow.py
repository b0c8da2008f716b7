"""Where every message stands: real heights where one has looked, estimates elsewhere.

The position is held by a message and a place in it, never by a number of pixels, so what is
read does not move when an estimate above it becomes real. GUI thread; paints nothing.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator
from typing import TYPE_CHECKING

from app.gui.chat.heights import HeightIndex
from app.gui.chat.ink import Ink
from app.gui.chat.message_list import MessageList

if TYPE_CHECKING:
    from app.gui.chat.message import Message

BOTTOM_PX = 16
_KEPT_MESSAGES = 48
_MAX_PASSES = 40


class Flow:
    """Messages under one another in a column of `width`, seen through `height` pixels."""

    def __init__(self, ink: Ink) -> None:
        self.messages = MessageList()
        self.width = 0
        self.height = 0
        self.sticks = True  # to the bottom, while text arrives there
        self._ink = ink
        self._index = HeightIndex()
        self._top = (0, 0)  # the message at the top of what is seen, and how far into it
        self._laid_out: OrderedDict[int, None] = OrderedDict()

    def show(self, messages: MessageList) -> None:
        """Show other messages, from the last one up."""
        self.messages = messages
        self.sticks = True
        self._estimate_all()

    def restyle(self, ink: Ink) -> None:
        """Another look: everything is laid out anew, and the same message stays in sight."""
        self._ink = ink
        for message in self.messages.made:
            message.body.restyle()
        self._estimate_all()

    def resize(self, width: int, height: int) -> None:
        """Another size of the column or of what is seen of it."""
        self.height = height
        if width != self.width:
            self.width = width
            self._estimate_all()

    def _estimate_all(self) -> None:
        if self.width > 0:
            self._index = HeightIndex(self.messages.heights(self.width, self._ink))
        self._laid_out.clear()
        if not self.messages:
            self._top = (0, 0)

    def append(self, message: Message) -> None:
        self.messages.append(message)
        if self.width > 0:
            self._index.append(message.estimate(self.width, self._ink))

    def pop(self) -> None:
        """Take the last message away."""
        self.messages.pop()
        if len(self._index) > len(self.messages):
            self._index.pop()
        self._laid_out.pop(len(self.messages), None)
        if self._top[0] >= len(self.messages):
            self.sticks = True

    @property
    def maximum(self) -> int:
        """The largest value that `value` can have."""
        return max(0, self._index.total + BOTTOM_PX - self.height)

    @property
    def value(self) -> int:
        """How far down one has scrolled, in pixels; partly an estimate."""
        return max(0, self._index.top(self._top[0]) + self._top[1])

    def scroll_by(self, pixels: int) -> None:
        """Move by what the eye can follow: no estimate comes between."""
        message, y = self._top
        self._top = (message, y + pixels)
        self.sticks = False

    def scroll_to(self, value: int) -> None:
        """Jump to a value between 0 and `maximum`."""
        message = max(0, self._index.find(value))
        self._top = (message, value - self._index.top(message))
        self.sticks = False

    def reveal(self, message: int) -> None:
        """Scroll as little as needed to have a message in sight; its top when it is tall."""
        top = self._index.top(message) - self.value
        bottom = top + self._index.height(message)
        if top >= 0 and bottom <= self.height:
            return
        if top < 0 or bottom - top > self.height:
            self._top = (message, 0)
            self.sticks = False
        else:
            self.scroll_by(bottom - self.height + BOTTOM_PX)

    def settle(self) -> None:
        """Make real what is seen now, and say where it stands."""
        if not self.messages or self.width <= 0:
            return
        if self.sticks or not self._settle_from_top():
            self._settle_from_bottom()
        self._forget_old()

    def _lay_out(self, message: int, top: int, bottom: int, *, keep_end: bool = False) -> int:
        each = self.messages[message]
        is_new = not each.is_measured(self.width)
        before = self._index.height(message)
        moved = each.lay_out(top, bottom, self.width, self._ink, keep_end=keep_end)
        if is_new:
            moved = each.height - before if keep_end else 0
        self._index.set(message, each.height)
        self._laid_out[message] = None
        self._laid_out.move_to_end(message)
        return moved

    def _settle_from_top(self) -> bool:
        """From the top of what is seen downwards; False when that ends above the bottom."""
        first_seen = -1  # what is above that message comes into sight from below
        filled = 0
        for _ in range(_MAX_PASSES):
            if self._top[1] < 0:
                first_seen = max(first_seen, self._top[0])
            message, y = self._normal_top()
            moved, filled, is_new = self._fill(message, y, first_seen)
            self._top = (message, y + moved)
            if not moved and not is_new and self._normal_top() == self._top:
                break
        return filled + BOTTOM_PX >= self.height

    def _fill(self, first: int, y: int, first_seen: int) -> tuple[int, int, bool]:
        """Lay out downwards until nothing more is seen. Returns how far the top must be moved
        for what was seen before to stand still, where it ends, and whether any of it was new."""
        moved, any_new = 0, False
        message, filled = first, -y
        while message < len(self.messages) and (filled < self.height or message == first):
            is_new = not self.messages[message].is_measured(self.width)
            top = y if message == first else 0
            bottom = self.height - filled
            moved += self._lay_out(message, top, bottom, keep_end=message < first_seen)
            any_new = any_new or is_new
            filled += self._index.height(message)
            message += 1
        return moved, filled, any_new

    def _normal_top(self) -> tuple[int, int]:
        """The same place, named by the message that covers it."""
        message, y = self._top
        last = len(self.messages) - 1
        message = min(message, last)
        while y < 0 and message > 0:
            message -= 1
            y += self._index.height(message)
        while message < last and y >= self._index.height(message):
            y -= self._index.height(message)
            message += 1
        return message, max(0, y)

    def _settle_from_bottom(self) -> None:
        room = self.height - BOTTOM_PX
        message = len(self.messages)
        while message > 0 and room > 0:
            message -= 1
            for _ in range(_MAX_PASSES):
                before = self._index.height(message)
                self._lay_out(message, max(0, before - room), before)
                if self._index.height(message) == before:
                    break
            room -= self._index.height(message)
        self._top = (message, max(0, -room))

    def visible(self) -> Iterator[tuple[int, Message, int]]:
        """Number, message and where its top stands, for all that is seen."""
        if not self.messages or self.width <= 0:
            return
        message, y = self._top
        top = -y
        while message < len(self.messages) and top < self.height:
            yield message, self.messages[message], top
            top += self._index.height(message)
            message += 1

    def message_at(self, y: float) -> tuple[int, int]:
        """The message nearest to a height in what is seen, and where its top stands."""
        found = (-1, 0)
        for number, _, top in self.visible():
            found = (number, top)
            if y < top + self._index.height(number):
                break
        return found

    def _forget_old(self) -> None:
        while len(self._laid_out) > _KEPT_MESSAGES:
            message, _ = self._laid_out.popitem(last=False)
            if message < len(self.messages):
                self.messages[message].body.forget()
