"""A few threads for short work off the GUI and engine threads: rendering, tokenizing, waiting.

Unlike the standard executor it never holds up the end of the process: what does not end by the
deadline of `close` is left to die with it.
"""

from __future__ import annotations

import logging
import queue
import threading
import time
from collections.abc import Callable

Job = Callable[[], None]

_log = logging.getLogger(__name__)


class Pool:
    """Runs jobs in the order given, on up to `size` threads that start when first needed."""

    def __init__(self, name: str, size: int) -> None:
        self._name = name
        self._size = size
        self._jobs: queue.SimpleQueue[Job | None] = queue.SimpleQueue()
        self._lock = threading.Lock()
        self._threads: list[threading.Thread] = []
        self._busy = 0
        self._closed = False

    def run(self, job: Job) -> bool:
        """Queue `job`; False if the pool is closed and it will never run."""
        with self._lock:
            if self._closed:
                return False
            self._busy += 1
            if self._busy > len(self._threads) and len(self._threads) < self._size:
                number = len(self._threads) + 1
                thread = threading.Thread(
                    target=self._work, name=f"{self._name}-{number}", daemon=True
                )
                self._threads.append(thread)
                thread.start()
            self._jobs.put(job)
            return True

    def close(self, deadline_s: float) -> bool:
        """Take no more jobs, finish those queued; True if every thread ended in time."""
        with self._lock:
            if not self._closed:
                self._closed = True
                for _ in self._threads:
                    self._jobs.put(None)
            threads = list(self._threads)
        end = time.monotonic() + deadline_s
        for thread in threads:
            thread.join(max(0.0, end - time.monotonic()))
        return not any(thread.is_alive() for thread in threads)

    def _work(self) -> None:
        while (job := self._jobs.get()) is not None:
            try:
                job()
            except Exception:  # noqa: BLE001 - one job's bug must not end the thread
                _log.exception("a job of the pool failed")
            finally:
                with self._lock:
                    self._busy -= 1
