"""The watcher of memory and power behind the window: made once the first model is there.

It brings the planner and the probe along, for which no paint waits.
"""

from __future__ import annotations

import threading
from concurrent.futures import Future
from typing import TYPE_CHECKING

from app.bootstrap.runtime import Runtime
from app.foundation.errors import HearthError
from app.inference.advice import Advice, Followed

if TYPE_CHECKING:
    from app.inference.pressure import PressureWatcher


class Watching:
    """`begin` on a thread that may wait, `follow` and `close` on any."""

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime
        self._lock = threading.Lock()
        self._is_closed = False
        self._watcher: PressureWatcher | None = None

    def begin(self) -> None:
        """Watch from now on, and say what was wrong with what had been kept."""
        from app.inference.pressure import PressureWatcher

        runtime = self._runtime
        with self._lock:
            if self._is_closed or self._watcher is not None:
                return
            self._watcher = PressureWatcher(
                runtime.host, runtime.inference, lambda: runtime.planning, runtime.adviser
            )
            self._watcher.start()
        planning = runtime.planning
        for notice in (planning.learning.take_notice(), planning.pins.notice):
            if notice is not None:
                runtime.adviser.tell(_advice_of(notice))

    def follow(self, advice: Advice) -> Future[Followed]:
        """Do what was offered, once the present answer is written."""
        with self._lock:
            watcher = self._watcher
        if watcher is not None:
            return watcher.follow(advice)
        done: Future[Followed] = Future()
        done.set_result("nothing")
        return done

    def close(self, deadline_s: float) -> bool:
        """Watch no more; True if the thread has ended."""
        with self._lock:
            self._is_closed = True
            watcher = self._watcher
        return watcher is None or watcher.close(deadline_s)


def _advice_of(notice: HearthError) -> Advice:
    return Advice(notice.title, f"{notice.detail} {notice.remedy}".strip())
