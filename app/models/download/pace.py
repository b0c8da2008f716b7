"""How fast downloads are, and how fast they may be. Counts time that runs on steadily only.

Any thread. A computer that slept or stood still makes no figure wrong for longer than the window.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable
from typing import Final

from app.foundation.cancellation import Cancellation

SPEED_OVER_S: Final = 5.0
LEFT_OVER_S: Final = 30.0
_STEP_S: Final = 0.25
_GAP_S: Final = 20.0
_LEAST_BURST_BYTES: Final = 16 * 1024
_SLICE_S: Final = 0.25


class Meter:
    """What came in the last seconds, of one download."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._total = 0
        self._marks: deque[tuple[float, int]] = deque()

    def begin(self) -> None:
        """Forget what was: a transfer begins, or begins again."""
        with self._lock:
            self._total = 0
            self._marks = deque([(self._clock(), 0)])

    def add(self, n_bytes: int) -> None:
        now = self._clock()
        with self._lock:
            if self._marks and now - self._marks[-1][0] > _GAP_S:
                # Asleep, or stopped: what lies before says nothing about now.
                self._marks.clear()
            if not self._marks:
                self._marks.append((now, self._total))
            self._total += n_bytes
            if now - self._marks[-1][0] >= _STEP_S:
                self._marks.append((now, self._total))
            while len(self._marks) > 2 and now - self._marks[1][0] > LEFT_OVER_S:
                self._marks.popleft()

    def bytes_per_s(self, over_s: float = SPEED_OVER_S) -> float:
        """Over the last `over_s` seconds up to now; 0 while that cannot be told."""
        now = self._clock()
        with self._lock:
            if not self._marks:
                return 0.0
            began_s, before = self._marks[0]
            for at_s, total in self._marks:
                if now - at_s < over_s:
                    break
                began_s, before = at_s, total
            took_s = now - began_s
            return (self._total - before) / took_s if took_s >= _STEP_S else 0.0

    def left_s(self, left_bytes: int) -> float | None:
        """How long the rest takes at the speed of the last half minute."""
        speed = self.bytes_per_s(LEFT_OVER_S)
        return left_bytes / speed if speed > 0 else None


class Limit:
    """One speed for all downloads together. `most` is asked each time; 0 is no limit."""

    def __init__(
        self, most: Callable[[], int], clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._most = most
        self._clock = clock
        self._lock = threading.Lock()
        self._owed_bytes = 0.0
        self._at_s = clock()

    def take(self, n_bytes: int, stop: Cancellation) -> None:
        """Wait until `n_bytes` more may be read, or until `stop`."""
        if not self._pay(n_bytes):
            return
        while not stop.is_set:
            wait_s = self._wait_s()
            if wait_s <= 0:
                return
            stop.wait(min(wait_s, _SLICE_S))

    def piece_bytes(self) -> int:
        """How much to take at once, so that a slow limit is kept evenly."""
        most = self._most()
        return 1 << 20 if most <= 0 else max(1024, most // 8)

    def _pay(self, n_bytes: int) -> bool:
        """Whether there is a limit at all."""
        if self._most() <= 0:
            with self._lock:
                self._owed_bytes = 0.0
            return False
        with self._lock:
            self._earn()
            self._owed_bytes += n_bytes
        return True

    def _wait_s(self) -> float:
        most = self._most()
        if most <= 0:
            return 0.0
        with self._lock:
            self._earn()
            return max(0.0, self._owed_bytes - max(_LEAST_BURST_BYTES, most / 8)) / most

    def _earn(self) -> None:
        now = self._clock()
        self._owed_bytes = max(0.0, self._owed_bytes - (now - self._at_s) * max(0, self._most()))
        self._at_s = now
