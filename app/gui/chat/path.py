"""The turns on the screen and their messages, kept in step: one list of each. GUI thread."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from app.conversations.records import Turn
from app.gui.chat.message_list import MessageList
from app.gui.chat.transcript import Transcript
from app.gui.chat.turn_words import note_of

if TYPE_CHECKING:
    from app.gui.chat.message import Message, Role


def _message(turn_id: str, role: Role, text: str) -> Message:
    # All that reads and draws text comes with it: an empty window is painted without.
    from app.gui.chat.message import Message

    return Message(turn_id, role, text)


def message_of(turn: Turn) -> Message:
    """A turn as a message; instructions never stand in the path."""
    message = _message(turn.id, "user" if turn.role == "user" else "assistant", turn.text)
    message.note, message.tone = note_of(turn)
    return message


class Path:
    """The active path of the open conversation. A message whose turn is None is on its way."""

    def __init__(self, transcript: Transcript) -> None:
        self.view = transcript
        self.turns: list[Turn | None] = []

    @property
    def messages(self) -> Sequence[Message]:
        return self.view.messages

    @property
    def stored(self) -> tuple[Turn, ...]:
        """The turns that are stored."""
        return tuple(turn for turn in self.turns if turn is not None)

    @property
    def last_id(self) -> str | None:
        """The turn under which the next one will stand."""
        return next((turn.id for turn in reversed(self.turns) if turn is not None), None)

    def show(self, turns: Sequence[Turn]) -> None:
        """Show a path from its root."""
        shown = [turn for turn in turns if turn.role != "system"]
        self.turns = list(shown)
        self.view.show_messages(MessageList(shown, message_of))

    def reveal(self, turn_id: str) -> None:
        """Bring a turn into sight."""
        index = self.index_of(turn_id)
        if 0 <= index < len(self.messages) - 2:
            self.view.message_cursor.go(index)

    def index_of(self, turn_id: str | None) -> int:
        """Where a turn stands; -1 when it is not on the path."""
        for index in range(len(self.turns) - 1, -1, -1):
            turn = self.turns[index]
            if turn is not None and turn.id == turn_id:
                return index
        return -1

    def cut_after(self, turn_id: str | None) -> None:
        """Take away what follows a turn (None: everything), for another version of it."""
        keep = self.index_of(turn_id) + 1
        while len(self.turns) > keep:
            self.turns.pop()
            self.view.pop()

    def add(self, turn: Turn) -> Message:
        """Show one more turn."""
        message = message_of(turn)
        self.turns.append(turn)
        self.view.append(message)
        return message

    def add_pending(self, text: str) -> None:
        """Show what the person wrote, before it is stored."""
        message = _message("", "user", text)
        message.is_pending = True
        self.turns.append(None)
        self.view.append(message)

    def add_waiting(self, words: str) -> None:
        """Show where the answer will stand, and what is going on."""
        message = _message("", "assistant", "")
        message.note = words
        self.turns.append(None)
        self.view.append(message)

    @property
    def is_waiting(self) -> bool:
        """True if an answer is awaited at the end."""
        return bool(self.turns) and self.turns[-1] is None and not self.messages[-1].is_user

    def say(self, words: str) -> None:
        """Change the sentence under the last message."""
        last = self.messages[-1]
        if last.note != words:
            last.note, last.tone = words, "secondary"
            self.view.relayout()

    def say_quietly(self, words: str) -> None:
        """Show figures under the last message, and under no other."""
        count = len(self.messages)
        changed = False
        for number in range(max(0, count - 4), count):
            text = words if number == count - 1 else ""
            changed = changed or self.messages[number].quiet != text
            self.messages[number].quiet = text
        if changed:
            self.view.relayout()

    def settle_last(self, turn: Turn) -> None:
        """The last message is this turn now."""
        message = self.messages[-1]
        self.turns[-1] = turn
        message.turn_id = turn.id
        message.is_pending = False
        message.note, message.tone = note_of(turn)
        if message.body.text != turn.text or message.body.is_growing:
            message.body.set_text(turn.text)
        self.view.relayout()

    def open_last(self, turn: Turn, text: str) -> None:
        """The last message is an answer that is being written; `text` is what it has so far."""
        message = self.messages[-1]
        self.turns[-1] = replace(turn, text="")
        message.turn_id = turn.id
        message.note = ""
        message.quiet = ""
        if message.body.text != text:
            message.body.set_text(text)
        self.view.relayout()
