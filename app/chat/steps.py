"""What a person asked for, and what follows from it for the branches of a conversation. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Protocol

from app.chat.titles import title_from
from app.conversations.records import Turn
from app.foundation.errors import InvalidInput


@dataclass(frozen=True, slots=True)
class Task:
    """`question` is to be stored under `parent_id`, then answered; without one, the turn
    `parent_id` is answered. `history` is the path up to there. `resumed` is an answer to be
    continued in place; it is not in `history`."""

    parent_id: str | None
    history: tuple[Turn, ...]
    question: str | None = None
    title: str = ""
    resumed: Turn | None = None

    def asked(self, stored: Turn) -> Task:
        """The task once its question is stored."""
        return replace(self, parent_id=stored.id, history=(*self.history, stored), question=None)


class Step(Protocol):
    """One of the four things a person can do."""

    @property
    def text(self) -> str:
        """What the person wrote and would lose if nothing were stored."""
        ...

    def task(self, path: Sequence[Turn]) -> Task:
        """What is to be done, given the active path. InvalidInput if it makes no sense."""
        ...


@dataclass(frozen=True, slots=True)
class Send:
    """A new message at the end."""

    text: str

    def task(self, path: Sequence[Turn]) -> Task:
        parent = path[-1].id if path else None
        title = "" if any(turn.role == "user" for turn in path) else title_from(self.text)
        return Task(parent, tuple(path), _said(self.text), title)


@dataclass(frozen=True, slots=True)
class Edit:
    """Another version of an earlier message; what followed the first stays in its branch."""

    turn_id: str
    text: str

    def task(self, path: Sequence[Turn]) -> Task:
        place = _place(path, self.turn_id)
        if path[place].role != "user":
            raise InvalidInput("Only your own messages can be edited.")
        title = title_from(self.text) if place == 0 else ""
        return Task(path[place].parent_id, tuple(path[:place]), _said(self.text), title)


@dataclass(frozen=True, slots=True)
class Regenerate:
    """Another answer beside one; or the first, to a question that got none."""

    turn_id: str
    text: str = ""

    def task(self, path: Sequence[Turn]) -> Task:
        place = _place(path, self.turn_id)
        if path[place].role == "assistant":
            place -= 1
        if place < 0 or path[place].role != "user":
            raise InvalidInput("There is no question that this could answer.")
        return Task(path[place].id, tuple(path[: place + 1]))


@dataclass(frozen=True, slots=True)
class Resume:
    """The last answer, continued where it broke off."""

    turn_id: str
    text: str = ""

    def task(self, path: Sequence[Turn]) -> Task:
        place = _place(path, self.turn_id)
        turn = path[place]
        if turn.role != "assistant" or place != len(path) - 1:
            raise InvalidInput("Only the last answer of a chat can be continued.")
        # One that is "writing" still, with nobody writing it, could not be stored at its end.
        if turn.state == "complete" and turn.finish_reason != "length":
            raise InvalidInput("This answer is complete.", "There is nothing to continue.")
        return Task(turn.parent_id, tuple(path[:place]), resumed=turn)


def _said(text: str) -> str:
    if not text.strip():
        raise InvalidInput("The message is empty.", "", "Write something and send it again.")
    return text


def _place(path: Sequence[Turn], turn_id: str) -> int:
    for place, turn in enumerate(path):
        if turn.id == turn_id:
            return place
    raise InvalidInput(
        "This message is not on the page any more.",
        "Another version of the conversation is shown.",
        "Choose the version it belongs to and try again.",
    )
