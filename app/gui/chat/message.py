"""One message on the page: bubble or plain text, its note, the room for its actions.

GUI thread. `y` is from the message's top. Knows no view and no service.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Literal

from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QPainter, QTextLayout

from app.gui.chat.body import Body, Placed
from app.gui.chat.box import View, stack_lines
from app.gui.chat.code_box import CodeBox
from app.gui.chat.ink import Ink
from app.gui.chat.part import estimated_height
from app.gui.chat.reading import FOLD_OWN_CHARS, FOLD_OWN_LINES
from app.gui.safe_text import shown

Role = Literal["user", "assistant"]
Tone = Literal["secondary", "warning", "danger"]
Chosen = Callable[[int, int, int], tuple[int, int] | None]

TOP_PX = 14
ACTIONS_PX = 36
BUBBLE_X, BUBBLE_Y = 14, 9
BUBBLE_RADIUS = 10
BUBBLE_SHARE = 0.82


def estimated_message_height(is_user: bool, text: str, width: int, ink: Ink) -> int:
    """What a message of this text will roughly be tall, in pixels; quick enough for thousands."""
    n_chars, n_lines = len(text), text.count("\n") + 1
    below = ACTIONS_PX + TOP_PX
    if is_user:
        n_chars, n_lines = min(n_chars, FOLD_OWN_CHARS), min(n_lines, FOLD_OWN_LINES)
        width = round(width * BUBBLE_SHARE) - 2 * BUBBLE_X
        below += 2 * BUBBLE_Y
    return estimated_height("prose", n_chars, n_lines, width, ink) + below


class Message:
    """A turn as it is shown. `turn_id` is empty while it is only on its way to the disk.

    `note` is a sentence under the text (interrupted, why it failed), `quiet` the line of
    figures under the last answer.
    """

    actions_px = ACTIONS_PX

    def __init__(self, turn_id: str, role: Role, text: str) -> None:
        self.turn_id = turn_id
        self.role: Role = role
        self.body = Body(text, as_written=role == "user")
        self.height = 0
        self.is_pending = False
        self.note = ""
        self.tone: Tone = "secondary"
        self.quiet = ""
        self._bubble_width = 0
        self._note: QTextLayout | None = None
        self._note_height = 0
        self._quiet_height = 0

    @property
    def is_user(self) -> bool:
        return self.role == "user"

    @property
    def body_top(self) -> int:
        return TOP_PX + (BUBBLE_Y if self.is_user else 0)

    @property
    def actions_top(self) -> int:
        """Where the row of actions stands."""
        return self.height - self._quiet_height - ACTIONS_PX

    def text_width(self, width: int) -> int:
        """The width of its text in a column of `width`."""
        return round(width * BUBBLE_SHARE) - 2 * BUBBLE_X if self.is_user else width

    def text_left(self, width: int) -> int:
        """How far from the column's left edge the text begins."""
        return width - self._bubble_width + BUBBLE_X if self.is_user else 0

    def is_measured(self, width: int) -> bool:
        """True if its height in a column of `width` is more than a count of characters."""
        return self.body.is_measured(self.text_width(width))

    def estimate(self, width: int, ink: Ink) -> int:
        """A height from counts alone; the real one comes with `lay_out`."""
        self.height = estimated_message_height(self.is_user, self.body.text, width, ink)
        return self.height

    def lay_out(
        self, top: int, bottom: int, width: int, ink: Ink, *, keep_end: bool = False
    ) -> int:
        """Lay out what lies between `top` and `bottom`; see `Body.lay_out` for the result."""
        start = self.body_top
        text_width = self.text_width(width)
        moved = self.body.lay_out(top - start, bottom - start, text_width, ink, keep_end=keep_end)
        self._lay_out_note(text_width, ink)
        self._quiet_height = ink.small_line_px + 4 if self.quiet else 0
        y = start + self.body.height + self._note_height
        if self.is_user:
            y += BUBBLE_Y
            natural = self.body.natural_width()
            self._bubble_width = (min(natural, text_width) if natural else text_width) + (
                2 * BUBBLE_X
            )
        self.height = y + ACTIONS_PX + self._quiet_height
        return moved

    def _lay_out_note(self, width: int, ink: Ink) -> None:
        self._note = None
        self._note_height = 0
        if self.note:
            self._note = QTextLayout(shown(self.note), ink.small)
            self._note.setTextOption(ink.wrapped)
            height = stack_lines(self._note, width, ink.small_line_px)
            self._note_height = round(height) + 6

    def visible(self, top: float, bottom: float) -> Iterator[Placed]:
        """The boxes between `top` and `bottom`, placed from the message's top."""
        start = self.body_top
        for placed in self.body.visible(top - start, bottom - start):
            yield Placed(placed.part, placed.index, placed.box, placed.y + start)

    def take_changed_top(self) -> int:
        """Above this it looks as it did when this was last asked, text and note apart."""
        return self.body_top + self.body.take_changed_top()

    def bubble(self, x: float, y: float, width: int) -> QRectF:
        """The frame of a person's own message when the column stands at a point."""
        left = x + width - self._bubble_width
        height = 2 * BUBBLE_Y + self.body.height
        return QRectF(left, y + TOP_PX, self._bubble_width, height)

    def paint(self, painter: QPainter, view: View, width: int, ink: Ink, chosen: Chosen) -> None:
        """Paint at `view`; `chosen` tells what is selected in a box, by part, index and length."""
        painter.save()
        if self.is_user:
            if self.is_pending:
                painter.setOpacity(0.75)
            painter.setRenderHint(QPainter.RenderHint.Antialiasing)
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(ink.colors["accent_soft"])
            bubble = self.bubble(view.x, view.y, width)
            painter.drawRoundedRect(bubble, BUBBLE_RADIUS, BUBBLE_RADIUS)
        left = view.x + self.text_left(width)
        for placed in self.visible(view.top - view.y, view.bottom - view.y):
            selected = chosen(placed.part, placed.index, placed.box.length)
            placed.box.paint(
                painter,
                View(left, view.y + placed.y, view.top, view.bottom, selected),
                ink,
            )
        painter.restore()
        self._paint_below(painter, view, width, ink)

    def _paint_below(self, painter: QPainter, view: View, width: int, ink: Ink) -> None:
        if self._note is not None:
            y = view.y + self.body_top + self.body.height + (BUBBLE_Y if self.is_user else 0) + 6
            painter.setPen(ink.colors[self.tone])
            self._note.draw(painter, QPointF(view.x + self.text_left(width), y))
        if self.quiet:
            painter.setFont(ink.small)
            painter.setPen(ink.colors["secondary"])
            top = view.y + self.height - self._quiet_height
            painter.drawText(
                QRectF(view.x, top, width, self._quiet_height),
                Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter,
                self.quiet,
            )

    def advance(
        self, top: float, bottom: float, clock: Callable[[], float], until: float
    ) -> bool | None:
        """Colour visible code until the clock passes `until`. None when there is nothing left
        to colour, else whether something changed."""
        unfinished = False
        changed = False
        for placed in self.visible(top, bottom):
            box = placed.box
            if isinstance(box, CodeBox) and not box.highlighter.finished:
                changed = box.advance(clock, until) or changed
                unfinished = True
        return changed if unfinished else None
