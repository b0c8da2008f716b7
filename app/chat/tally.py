"""The text and figures of an answer as it arrives. One thread; knows no storage.

The engine's own figures are used when they come. An answer that is stopped is stored before
they can, so these stand in.
"""

from __future__ import annotations

import time
from collections.abc import Callable

from app.protocol.generation import Started, Timings, TokensArrived, Usage


class Tally:
    """Begins with the request; `text` begins with what a resumed answer already had."""

    def __init__(self, text: str = "", clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._chunks = [text]
        self._begin_s = clock()
        self._admitted_s = self._begin_s
        self._first_s = self._last_s = self._begin_s
        self._prompt_tokens = 0
        self._cached_tokens = 0
        self._n_tokens = 0
        self._n_first = 0

    @property
    def text(self) -> str:
        if len(self._chunks) > 1:
            self._chunks = ["".join(self._chunks)]
        return self._chunks[0]

    def started(self, event: Started) -> None:
        """The prompt was admitted."""
        self._prompt_tokens = event.prompt_tokens
        self._cached_tokens = event.cached_tokens
        self._admitted_s = self._clock()

    def grew(self, event: TokensArrived) -> None:
        """Text arrived."""
        self._last_s = self._clock()
        if self._n_tokens == 0:
            self._first_s = self._last_s
            self._n_first = event.n_tokens
        self._n_tokens += event.n_tokens
        self._chunks.append(event.text)

    def usage(self) -> Usage:
        """Tokens so far; those held back or still on their way are not counted."""
        return Usage(self._prompt_tokens, self._cached_tokens, self._n_tokens)

    def timings(self, was_loading: bool) -> Timings:
        """Wall-clock figures as seen from here. `was_loading`: the wait before admission was
        for the model."""
        if not self._n_tokens:
            return Timings(0.0, 0.0, 0.0, 0.0)
        load_s = self._admitted_s - self._begin_s if was_loading else 0.0
        ttft_s = self._first_s - self._begin_s - load_s
        return Timings(
            load_s * 1000,
            ttft_s * 1000,
            _rate(self._prompt_tokens - self._cached_tokens, self._first_s - self._admitted_s),
            _rate(self._n_tokens - self._n_first, self._last_s - self._first_s),
        )


def _rate(n: int, seconds: float) -> float:
    return n / seconds if n > 0 and seconds > 0 else 0.0
