"""Writes one small file soon: on a thread that lives while there is something to write.

Whoever changes what stands in the file holds `lock`, and asks; what is asked for while a write is
under way is written together by the next one. Knows no options.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from concurrent.futures import Future
from pathlib import Path

from app.foundation.atomic import write_atomically
from app.foundation.errors import StorageError
from app.foundation.paths import storage_error

log = logging.getLogger(__name__)


class SoonWriter:
    """`content` is called with the lock held; what it returns is written without."""

    def __init__(
        self,
        path: Path,
        content: Callable[[], bytes],
        thread_name: str,
    ) -> None:
        self.lock = threading.Condition()
        self._path = path
        self._content = content
        self._thread_name = thread_name
        self._waiting: list[Future[None]] = []
        self._is_writing = False

    def ask(self) -> Future[None]:
        """Hold the lock. Done once what the file should hold now is on disk, or StorageError."""
        future: Future[None] = Future()
        future.set_running_or_notify_cancel()
        self._waiting.append(future)
        if not self._is_writing:
            self._is_writing = True
            threading.Thread(target=self._write, name=self._thread_name).start()
        return future

    def close(self, deadline_s: float) -> bool:
        """Wait until everything asked for is on disk; False if that took longer."""
        with self.lock:
            return self.lock.wait_for(lambda: not self._is_writing, deadline_s)

    def _write(self) -> None:
        while True:
            with self.lock:
                futures, self._waiting = self._waiting, []
                if not futures:
                    self._is_writing = False
                    self.lock.notify_all()
                    return
                content = self._content()
            error = self._write_once(content)
            for future in futures:
                if error is None:
                    future.set_result(None)
                else:
                    future.set_exception(error)

    def _write_once(self, content: bytes) -> StorageError | None:
        try:
            write_atomically(self._path, content)
        except OSError as error:
            log.warning("%s: not written: %s", self._path.name, error)
            return storage_error(error, self._path)
        return None
