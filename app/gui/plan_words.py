"""Of a plan what several pages say in the same words. Pure, any thread."""

from __future__ import annotations

from PySide6.QtCore import QCoreApplication

from app.planner.reading import READER_WORDS_A_MINUTE, WORDS_A_TOKEN

translate = QCoreApplication.translate

READING_TOKENS_PER_S = READER_WORDS_A_MINUTE / 60 / WORDS_A_TOKEN
SLOWER = 0.8
"""Below this share of reading speed a person waits for each word."""


def speed_words(tokens_per_second: float) -> str:
    """Writing against reading: "writes about three times as fast as you read"."""
    ratio = tokens_per_second / READING_TOKENS_PER_S
    steps = (
        (0.3, translate("Models", "writes only a word now and then")),
        (0.6, translate("Models", "writes about half as fast as you read")),
        (SLOWER, translate("Models", "writes a little slower than you read")),
        (1.3, translate("Models", "writes about as fast as you read")),
        (1.8, translate("Models", "writes one and a half times as fast as you read")),
        (2.5, translate("Models", "writes about twice as fast as you read")),
        (3.5, translate("Models", "writes about three times as fast as you read")),
        (4.5, translate("Models", "writes about four times as fast as you read")),
        (7.5, translate("Models", "writes many times faster than you read")),
    )
    for most, words in steps:
        if ratio < most:
            return words
    return translate("Models", "writes faster than you could follow")


def capital(words: str) -> str:
    """The words as a sentence begins."""
    return words[:1].upper() + words[1:]
