"""Counters and histograms of what Hearth does, bounded in memory. Any thread may add to them.

One lock, no allocation per observation beyond the first of a name. Knows not who reads them.
"""

from __future__ import annotations

import bisect
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

REQUESTS_FINISHED: Final = "requests_finished"
REQUESTS_FAILED: Final = "requests_failed"
REQUESTS_CANCELLED: Final = "requests_cancelled"
TTFT_MS: Final = "ttft_ms"
GENERATED_TOKENS_PER_SECOND: Final = "generated_tokens_per_second"
PROMPT_TOKENS_PER_SECOND: Final = "prompt_tokens_per_second"
LOAD_MS: Final = "load_ms"

COUNTERS: Final = frozenset({REQUESTS_FINISHED, REQUESTS_FAILED, REQUESTS_CANCELLED})
HISTOGRAMS: Final = frozenset(
    {TTFT_MS, GENERATED_TOKENS_PER_SECOND, PROMPT_TOKENS_PER_SECOND, LOAD_MS}
)

ERROR_CODES_KEPT: Final = 64
OTHER_ERRORS: Final = "other"

# Upper ends of the buckets: each 2^(1/4) above the last, so that a quantile is off by at most
# 9 % of its value (half a bucket); from 0.01 to 10^7, in whatever unit the name says.
_GROWTH: Final = 2.0 ** (1 / 4)
_BOUNDS: Final = tuple(0.01 * _GROWTH**step for step in range(121))


@dataclass(frozen=True, slots=True)
class Distribution:
    """What a histogram saw, in the unit of its name. All 0.0 when it saw nothing."""

    count: int = 0
    total: float = 0.0
    minimum: float = 0.0
    maximum: float = 0.0
    last: float = 0.0
    p50: float = 0.0
    p95: float = 0.0
    p99: float = 0.0

    @property
    def mean(self) -> float:
        return self.total / self.count if self.count else 0.0


@dataclass(frozen=True, slots=True)
class Snapshot:
    """All figures at one moment. `errors` counts failures by the code of their error."""

    since: float
    counters: dict[str, int]
    distributions: dict[str, Distribution]
    errors: dict[str, int]


class _Histogram:
    __slots__ = ("buckets", "count", "last", "maximum", "minimum", "total")

    def __init__(self) -> None:
        self.buckets = [0] * (len(_BOUNDS) + 1)
        self.count = 0
        self.total = self.minimum = self.maximum = self.last = 0.0

    def add(self, value: float) -> None:
        self.buckets[bisect.bisect_left(_BOUNDS, value)] += 1
        self.minimum = value if self.count == 0 else min(self.minimum, value)
        self.maximum = value if self.count == 0 else max(self.maximum, value)
        self.count += 1
        self.total += value
        self.last = value

    def quantile(self, fraction: float) -> float:
        """The geometric middle of the bucket that holds it, within what was seen."""
        rank = fraction * self.count
        seen = 0
        for index, n in enumerate(self.buckets):
            seen += n
            if n and seen >= rank:
                middle = _BOUNDS[min(index, len(_BOUNDS) - 1)] / _GROWTH**0.5
                return float(min(max(middle, self.minimum), self.maximum))
        return 0.0

    def freeze(self) -> Distribution:
        return Distribution(
            self.count,
            self.total,
            self.minimum,
            self.maximum,
            self.last,
            self.quantile(0.5),
            self.quantile(0.95),
            self.quantile(0.99),
        )


class Recorder:
    """The figures of one run of Hearth."""

    def __init__(self, clock: Callable[[], float] = time.time) -> None:
        self._lock = threading.Lock()
        self._since = clock()
        self._counters = dict.fromkeys(COUNTERS, 0)
        self._histograms = {name: _Histogram() for name in HISTOGRAMS}
        self._errors: dict[str, int] = {}

    def count(self, name: str, n: int = 1) -> None:
        """Add `n`, at least 0, to one of COUNTERS; another name is a KeyError."""
        if n < 0:
            raise ValueError("a counter only grows")
        with self._lock:
            self._counters[name] += n

    def observe(self, name: str, value: float) -> None:
        """Add a value, at least 0 and finite, to one of HISTOGRAMS; another name is a KeyError.

        What is no such number (a speed over no time at all) is left out.
        """
        if not 0.0 <= value < float("inf"):
            return
        with self._lock:
            self._histograms[name].add(value)

    def count_error(self, code: str) -> None:
        """Count a failure under its error's code; codes past the bound count as "other"."""
        with self._lock:
            if code not in self._errors and len(self._errors) >= ERROR_CODES_KEPT:
                code = OTHER_ERRORS
            self._errors[code] = self._errors.get(code, 0) + 1

    def snapshot(self) -> Snapshot:
        """Everything counted so far; a copy that does not change."""
        with self._lock:
            return Snapshot(
                self._since,
                dict(self._counters),
                {name: histogram.freeze() for name, histogram in self._histograms.items()},
                dict(self._errors),
            )
