"""What a face is told about one turn. Frozen facts in past tense; knows no widgets.

Order: `TurnStored` (send and edit only), `AnswerLoading`s, `AnswerOpened`, `AnswerReading`s and
`AnswerGrew`s, then exactly one terminal: `AnswerStored` or `TurnRefused`. A refusal may come
alone. A sink is called on a foreign thread, in order, and must return at once.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from app.conversations.records import Turn
from app.foundation.errors import HearthError


@dataclass(frozen=True, slots=True)
class TurnStored:
    """The person's message is durable; it may be shown as sent."""

    turn: Turn


@dataclass(frozen=True, slots=True)
class AnswerLoading:
    """The model is being made ready; `fraction` from 0 to 1, None when not known."""

    conversation_id: str
    fraction: float | None
    sentence: str


@dataclass(frozen=True, slots=True)
class AnswerOpened:
    """The model has begun. `turn` is in state "writing"; when an answer is resumed in place it
    carries the text it already had."""

    turn: Turn


@dataclass(frozen=True, slots=True)
class AnswerReading:
    """`read` of `total` prompt tokens have been evaluated (those kept in memory included)."""

    conversation_id: str
    turn_id: str
    read: int
    total: int


@dataclass(frozen=True, slots=True)
class AnswerGrew:
    """`text` is to be appended to the answer; never half a character."""

    conversation_id: str
    turn_id: str
    text: str


@dataclass(frozen=True, slots=True)
class AnswerStored:
    """Terminal. The answer as it is durable now, with usage and timings.

    `turn.state` is "complete" (see `turn.finish_reason`: stop, length or context), "stopped",
    "failed" (see `turn.error`), or "interrupted" when Hearth is closing.
    """

    turn: Turn


@dataclass(frozen=True, slots=True)
class TurnRefused:
    """Terminal. No answer was stored.

    `text` is what the person wrote if it was not stored either, so that it can go back to the
    composer; it is empty once the question is durable (ask again with `regenerate` on it).
    """

    conversation_id: str
    error: HearthError
    text: str = ""


ChatEvent = (
    TurnStored
    | AnswerLoading
    | AnswerOpened
    | AnswerReading
    | AnswerGrew
    | AnswerStored
    | TurnRefused
)
ChatSink = Callable[[ChatEvent], None]
