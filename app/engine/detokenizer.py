"""Bytes of tokens to text: whole characters only, stop strings held back until decided. Pure.

What is emitted never depends on how the text was split into tokens. Knows no vocabulary.
"""

from __future__ import annotations

import codecs
from collections.abc import Iterable

from app.foundation.errors import InvalidInput

MAX_STOPS = 64
MAX_STOP_CHARS = 4_096


def check_stops(stops: Iterable[str]) -> None:
    """Raise InvalidInput for stop strings that could never work."""
    count = 0
    for stop in stops:
        count += 1
        if not isinstance(stop, str) or not 0 < len(stop) <= MAX_STOP_CHARS:
            raise InvalidInput(
                "A stop text cannot be used.", f"It must have 1 to {MAX_STOP_CHARS} characters."
            )
    if count > MAX_STOPS:
        raise InvalidInput("There are too many stop texts.", f"At most {MAX_STOPS} are allowed.")


class Detokenizer:
    """Feed it bytes; it returns the text that is certain. `stopped` once a stop text was met."""

    def __init__(self, stops: Iterable[str] = ()) -> None:
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self._matchers = [_Matcher(stop) for stop in dict.fromkeys(stops)]
        self._first_chars = {matcher.pattern[0] for matcher in self._matchers}
        self._is_matching = False
        self._held = ""
        self.stopped = False

    @property
    def holds_back(self) -> bool:
        """Whether text or half a character is waiting to be decided."""
        return bool(self._held) or bool(self._decoder.getstate()[0])

    def push(self, data: bytes) -> str:
        """Text that became certain. Bytes that cannot be UTF-8 become U+FFFD once decided."""
        if self.stopped:
            return ""
        text = self._decoder.decode(data)
        if not self._matchers:
            return text
        if not self._is_matching and self._first_chars.isdisjoint(text):
            return text
        return self._scan(text)

    def finish(self, *, is_complete: bool) -> str:
        """What is left when no more comes: held text, since no stop text followed it.

        Half a character becomes U+FFFD if the model ended there itself (`is_complete`), and is
        left out if the answer was cut short.
        """
        text = ""
        if is_complete and not self.stopped:
            text = self._scan(self._decoder.decode(b"", True))
        # Empty once a stop text was met.
        held, self._held = self._held, ""
        self.stopped = True
        return text + held

    def _scan(self, text: str) -> str:
        pending = self._held + text
        n_matched = 0
        for position, char in enumerate(text, start=len(self._held)):
            n_matched, longest_stop = 0, 0
            for matcher in self._matchers:
                length = matcher.advance(char)
                if length == len(matcher.pattern):
                    longest_stop = max(longest_stop, length)
                n_matched = max(n_matched, length)
            if longest_stop:
                self.stopped = True
                self._held = ""
                return pending[: position + 1 - longest_stop]
        if text:
            self._is_matching = n_matched > 0
            cut = len(pending) - n_matched
            pending, self._held = pending[:cut], pending[cut:]
            return pending
        return ""


class _Matcher:
    """Knuth, Morris and Pratt: how much of `pattern` the text seen so far ends with."""

    def __init__(self, pattern: str) -> None:
        self.pattern = pattern
        self._n_matched = 0
        self._fallback = [0] * len(pattern)
        length = 0
        for index in range(1, len(pattern)):
            while length and pattern[index] != pattern[length]:
                length = self._fallback[length - 1]
            if pattern[index] == pattern[length]:
                length += 1
            self._fallback[index] = length

    def advance(self, char: str) -> int:
        """Take one character; the length of the longest beginning of `pattern` now at the end."""
        matched = self._n_matched
        while matched and (matched == len(self.pattern) or char != self.pattern[matched]):
            matched = self._fallback[matched - 1]
        if char == self.pattern[matched]:
            matched += 1
        self._n_matched = matched
        return matched
