"""A set-once flag with a reason. Any thread may set it; callbacks run once, on that thread."""

from __future__ import annotations

import threading
from collections.abc import Callable


class Cancellation:
    """Cooperative cancel: the worker polls `is_set`, or native code polls it in a callback."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._event = threading.Event()
        self._reason = ""
        self._callbacks: list[Callable[[], None]] = []

    @property
    def is_set(self) -> bool:
        return self._event.is_set()

    @property
    def reason(self) -> str:
        return self._reason

    def cancel(self, reason: str = "cancelled") -> None:
        """Set the flag. Later calls change nothing."""
        with self._lock:
            if self._event.is_set():
                return
            self._reason = reason
            self._event.set()
            callbacks, self._callbacks = self._callbacks, []
        for callback in callbacks:
            callback()

    def on_cancel(self, callback: Callable[[], None]) -> None:
        """Run `callback` when cancelled; at once if that has already happened."""
        with self._lock:
            if not self._event.is_set():
                self._callbacks.append(callback)
                return
        callback()

    def wait(self, timeout_s: float) -> bool:
        """Sleep up to `timeout_s` seconds; True as soon as the flag is set."""
        return self._event.wait(timeout_s)
