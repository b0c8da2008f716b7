"""What inference has to tell unasked, and what may be done about it. Any thread.

Listeners are called on the thread that tells and must return at once. Knows no faces.
"""

from __future__ import annotations

import contextlib
import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

Deed = Literal["", "smaller_context", "less_on_card", "unload"]
Followed = Literal["less", "unloaded", "nothing"]
"""What came of following: opened again with less, put away, or neither."""

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Advice:
    """A sentence, why, and the one thing to do about it ("" where there is nothing to do).

    `path` is the model's file, so that old advice is not followed for another model. `pool` is
    the memory that is short.
    """

    title: str
    detail: str
    deed: Deed = ""
    path: str = ""
    pool: str = ""


Listener = Callable[[Advice], None]


class Adviser:
    """Passes advice on to whoever listens; the last one is kept for who comes later."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._listeners: list[Listener] = []
        self._last: Advice | None = None

    @property
    def last(self) -> Advice | None:
        with self._lock:
            return self._last

    def subscribe(self, listener: Listener) -> Callable[[], None]:
        """Hear of every advice from now on; the result ends that."""
        with self._lock:
            self._listeners.append(listener)

        def unsubscribe() -> None:
            with self._lock, contextlib.suppress(ValueError):
                self._listeners.remove(listener)

        return unsubscribe

    def tell(self, advice: Advice) -> None:
        with self._lock:
            self._last = advice
            listeners = tuple(self._listeners)
        _log.info("%s %s", advice.title, advice.detail)
        for listener in listeners:
            try:
                listener(advice)
            except Exception:  # noqa: BLE001 - one face's bug must not cost the others
                _log.exception("a listener of advice failed")
