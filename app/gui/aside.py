"""Short work away from the GUI thread, such as writing one file. The result is a future."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future
from typing import TypeVar

T = TypeVar("T")


def aside(work: Callable[[], T]) -> Future[T]:
    """Run `work` on a thread of its own that ends with it."""
    future: Future[T] = Future()

    def run() -> None:
        if not future.set_running_or_notify_cancel():
            return
        try:
            future.set_result(work())
        except BaseException as error:  # noqa: BLE001 - whoever waits is told
            future.set_exception(error)

    threading.Thread(target=run, name="hearth-aside", daemon=True).start()
    return future


class InTurn:
    """The same, one after the other in the order asked; its thread ends when nothing waits."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._waiting: deque[Callable[[], None]] = deque()
        self._is_busy = False

    def do(self, work: Callable[[], T]) -> Future[T]:
        """Run `work` once all that was asked for before has ended."""
        future: Future[T] = Future()

        def run() -> None:
            if not future.set_running_or_notify_cancel():
                return
            try:
                future.set_result(work())
            except BaseException as error:  # noqa: BLE001 - whoever waits is told
                future.set_exception(error)

        with self._lock:
            self._waiting.append(run)
            if self._is_busy:
                return future
            self._is_busy = True
        threading.Thread(target=self._run, name="hearth-in-turn", daemon=True).start()
        return future

    def _run(self) -> None:
        while True:
            with self._lock:
                if not self._waiting:
                    self._is_busy = False
                    return
                run = self._waiting.popleft()
            run()
