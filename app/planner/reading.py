"""A speed as a picture: how it compares with a person who reads along. Pure data for faces."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

Pace = Literal["much_faster", "faster", "as_fast", "slower", "much_slower"]

WORDS_A_TOKEN: Final = 0.75
READER_WORDS_A_MINUTE: Final = 240
"""Silent reading of English prose: 238 words a minute on average (Brysbaert 2019)."""


@dataclass(frozen=True, slots=True)
class ReadingWords:
    """`pace` says how the answer appears to somebody who reads along."""

    pace: Pace
    words_a_minute: int
    text: str


_TEXTS: Final[tuple[tuple[float, Pace, str], ...]] = (
    (4.0, "much_faster", "much faster than you read"),
    (1.3, "faster", "faster than you read"),
    (0.8, "as_fast", "about as fast as you read"),
    (0.35, "slower", "slower than you read"),
    (0.0, "much_slower", "much slower than you read"),
)


def reading_words(tokens_per_second: float) -> ReadingWords:
    """What an answer at this speed feels like."""
    words = max(0.0, tokens_per_second) * 60 * WORDS_A_TOKEN
    pace, text = next(
        (pace, text) for least, pace, text in _TEXTS if words >= least * READER_WORDS_A_MINUTE
    )
    return ReadingWords(pace, round(words), text)
