"""Verifies, unasked, models whose size or time changed since they were last read whole.

On one thread that lives while there is something to read; each change is looked into once.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable

from app.foundation.cancellation import Cancellation
from app.foundation.errors import HearthError
from app.models.library.kept import Kept, Shelf

_log = logging.getLogger(__name__)


class Rechecking:
    """`verify(id, cancellation)` reads one model. Hand `take` to `Library.listen`."""

    def __init__(self, verify: Callable[[str, Cancellation], Kept]) -> None:
        self._verify = verify
        self._cancellation = Cancellation()
        self._lock = threading.Lock()
        self._waiting: list[str] = []
        self._seen: set[tuple[str, str]] = set()
        self._thread: threading.Thread | None = None

    def take(self, shelf: Shelf) -> None:
        """Have what changed read soon; returns at once."""
        with self._lock:
            for kept in shelf.models:
                mark = (kept.id, str(kept.path))
                if kept.verified != "changed":
                    self._seen.discard(mark)  # the next change is another one
                elif mark not in self._seen and not self._cancellation.is_set:
                    self._seen.add(mark)
                    self._waiting.append(kept.id)
            if self._waiting and self._thread is None:
                self._thread = threading.Thread(
                    target=self._run, name="library-verify", daemon=True
                )
                self._thread.start()

    def close(self, deadline_s: float) -> bool:
        """Stop reading; True if that took no longer."""
        self._cancellation.cancel()
        with self._lock:
            thread = self._thread
        if thread is not None:
            thread.join(deadline_s)
        return thread is None or not thread.is_alive()

    def _run(self) -> None:
        while True:
            with self._lock:
                if not self._waiting or self._cancellation.is_set:
                    self._thread = None
                    return
                model_id = self._waiting.pop(0)
            try:
                self._verify(model_id, self._cancellation)
            except HearthError as error:
                _log.warning("library: a changed model could not be read: %s", error)
