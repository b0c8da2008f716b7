"""Asks disks that may never answer: each question on a thread of its own, given up when silent.

A thread that hangs in the system cannot be ended; it is left, remembered, and its question not
asked again while it hangs. Any thread may ask; knows nothing of models.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Final, Generic, Literal, TypeVar

from app.foundation.cancellation import Cancellation

SILENT_S: Final = 10.0
"""How long one step on a disk may take: a sleeping disk takes up to that to start turning."""
MOST_S: Final = 120.0

T = TypeVar("T")
Ended = Literal["whole", "slow", "silent", "cancelled"]


class GivenUp(Exception):
    """Raised by `beat` in a question that nobody waits for any more."""


class _Question(Generic[T]):
    """One answer that is being gathered, piece by piece."""

    def __init__(self) -> None:
        self.pieces: list[T] = []
        self.done = threading.Event()
        self.last_beat = time.monotonic()
        self.is_given_up = False
        self.error: BaseException | None = None
        self.thread: threading.Thread | None = None

    def beat(self) -> None:
        self.last_beat = time.monotonic()
        if self.is_given_up:
            raise GivenUp

    def run(self, work: Callable[[Callable[[], None], Callable[[T], None]], None]) -> None:
        try:
            work(self.beat, self.pieces.append)
        except GivenUp:
            pass
        except BaseException as error:  # noqa: BLE001 - raised again where it was asked
            self.error = error
        finally:
            self.done.set()


class Patience(Generic[T]):
    """Questions by name. `silent_s` without a beat, or `most_s` in all, end the waiting."""

    def __init__(self, silent_s: float = SILENT_S, most_s: float = MOST_S) -> None:
        self._silent_s = silent_s
        self._most_s = most_s
        self._lock = threading.Lock()
        self._stuck: dict[str, _Question[T]] = {}

    def ask(
        self,
        name: str,
        work: Callable[[Callable[[], None], Callable[[T], None]], None],
        cancellation: Cancellation | None = None,
    ) -> tuple[list[T], Ended]:
        """Run `work(beat, add)` and return what it added, all of it or what came in time."""
        with self._lock:
            stuck = self._stuck.get(name)
            if stuck is not None and not stuck.done.is_set():
                return [], "silent"
            self._stuck.pop(name, None)
        question: _Question[T] = _Question()
        thread = threading.Thread(
            target=question.run, args=(work,), name="library-look", daemon=True
        )
        question.thread = thread
        thread.start()
        ended = self._waited(question, cancellation)
        if ended == "whole":
            thread.join()
            if question.error is not None:
                raise question.error
            return question.pieces, "whole"
        question.is_given_up = True
        # Where the disk answers, the next beat ends it; else it stays as it is.
        thread.join(0.5)
        if thread.is_alive():
            with self._lock:
                self._stuck[name] = question
        return list(question.pieces), ended

    def _waited(self, question: _Question[T], cancellation: Cancellation | None) -> Ended:
        end = time.monotonic() + self._most_s
        while not question.done.wait(0.05):
            now = time.monotonic()
            if cancellation is not None and cancellation.is_set:
                return "cancelled"
            if now - question.last_beat > self._silent_s:
                return "silent"
            if now > end:
                return "slow"
        return "whole"
