"""The only place where other threads meet Qt.

Created on the GUI thread; receivers are methods of QObjects and run there. A receiver that
is gone by then is skipped. Futures arrive at once, mailboxes are emptied once a frame.
Knows nothing of what passes through.
"""

from __future__ import annotations

import os
import sys
import threading
import weakref
from collections import deque
from collections.abc import Callable
from concurrent.futures import CancelledError, Future
from functools import partial
from types import MethodType
from typing import Any, Generic, TypeVar

from PySide6.QtCore import QElapsedTimer, QObject, Qt, QTimer, Signal
from shiboken6 import isValid

T = TypeVar("T")
# Thirty times a second reads as smooth as sixty, and leaves the processor to the model. On two
# cores the model computes on both, and its threads wait for the one that drawing takes away.
FRAME_MS = 33 if (os.cpu_count() or 1) > 2 else 50


class Receiver:
    """A method of a QObject, held weakly; `partial` may carry further arguments."""

    def __init__(self, target: Callable[..., Any]) -> None:
        args: tuple[Any, ...] = ()
        keywords: dict[str, Any] = {}
        while isinstance(target, partial):
            args = (*target.args, *args)
            keywords = {**target.keywords, **keywords}
            target = target.func
        if not isinstance(target, MethodType) or not isinstance(target.__self__, QObject):
            raise TypeError(f"{target!r} is not a method of a QObject")
        self._method = weakref.WeakMethod(target)
        self._args = args
        self._keywords = keywords

    def __call__(self, *args: Any) -> None:
        method = self._method()
        if method is None or not isValid(method.__self__):
            return
        try:
            method(*self._args, *args, **self._keywords)
        except Exception:  # noqa: BLE001 - one receiver's bug must not cost the others
            sys.excepthook(*sys.exc_info())  # type: ignore[arg-type]


class Mailbox(Generic[T]):
    """Collects items of any thread; the receiver gets them as one list a frame.

    `append` is a sink: it returns at once and never raises.
    """

    def __init__(self, bridge: Bridge, receiver: Receiver) -> None:
        self._bridge = bridge
        self._receiver = receiver
        self._lock = threading.Lock()
        self._items: list[T] = []

    def append(self, item: T) -> None:
        """Any thread. Delivered within a frame."""
        with self._lock:
            self._items.append(item)
            first = len(self._items) == 1
        if first:
            self._bridge._schedule(self)

    def deliver(self) -> None:
        """GUI thread: hand over what has arrived, if anything has."""
        with self._lock:
            items, self._items = self._items, []
        if items:
            self._receiver(items)


class Bridge(QObject):
    """One for the whole window. `close` makes later arrivals fall silent."""

    _woken = Signal()

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._lock = threading.Lock()
        self._closed = False
        self._wake_pending = False
        self._calls: deque[Callable[[], None]] = deque()
        self._full: list[Mailbox[Any]] = []
        self._on_failure: Receiver | None = None
        self._since_frame = QElapsedTimer()
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.timeout.connect(self._empty_mailboxes)
        # Queued even from the GUI thread: `watch` must return before its receiver runs, and a
        # direct call would come back for the lock that the emitter holds.
        self._woken.connect(self._take, Qt.ConnectionType.QueuedConnection)

    def set_failure_receiver(self, method: Callable[[BaseException], None]) -> None:
        """Where errors go that a caller of `watch` did not ask for."""
        self._on_failure = Receiver(method)

    def watch(
        self,
        future: Future[T],
        on_result: Callable[[T], None] | None = None,
        on_error: Callable[[BaseException], None] | None = None,
    ) -> None:
        """Bring a future's outcome to the GUI thread; never before this call has returned.

        A cancelled future calls nobody.
        """
        result = None if on_result is None else Receiver(on_result)
        error = self._on_failure if on_error is None else Receiver(on_error)
        future.add_done_callback(partial(self._post, partial(_settle, result, error)))

    def mailbox(self, method: Callable[[list[T]], None]) -> Mailbox[T]:
        """A mailbox for events that may come hundreds of times a second."""
        return Mailbox(self, Receiver(method))

    def relay(self, method: Callable[..., None]) -> Callable[..., None]:
        """A function any thread may call; `method` then runs on the GUI thread."""
        return partial(self._post, Receiver(method))

    def close(self) -> None:
        """GUI thread: nothing is delivered from now on."""
        with self._lock:
            self._closed = True
            self._calls.clear()
            self._full.clear()
        self._timer.stop()

    def _post(self, function: Callable[..., None], *args: Any) -> None:
        with self._lock:
            if self._closed:
                return
            self._calls.append(partial(function, *args))
            self._wake()

    def _schedule(self, mailbox: Mailbox[Any]) -> None:
        with self._lock:
            if self._closed:
                return
            self._full.append(mailbox)
            self._wake()

    def _wake(self) -> None:
        # Under the lock, so that `close` cannot return while an emit is under way.
        if not self._wake_pending:
            self._wake_pending = True
            self._woken.emit()

    def _take(self) -> None:
        with self._lock:
            self._wake_pending = False
            calls, self._calls = self._calls, deque()
            waiting = bool(self._full)
        for call in calls:
            call()
        if waiting and not self._timer.isActive():
            since_ms = self._since_frame.elapsed() if self._since_frame.isValid() else FRAME_MS
            self._timer.start(max(0, FRAME_MS - since_ms))

    def _empty_mailboxes(self) -> None:
        self._since_frame.start()
        with self._lock:
            full, self._full = self._full, []
        for mailbox in full:
            mailbox.deliver()


def _settle(on_result: Receiver | None, on_error: Receiver | None, future: Future[Any]) -> None:
    """GUI thread: a finished future's outcome to whoever asked for it."""
    if future.cancelled():
        return
    failure = future.exception()
    if failure is None:
        if on_result is not None:
            on_result(future.result())
    elif isinstance(failure, CancelledError):
        return
    elif on_error is not None:
        on_error(failure)
    else:
        sys.excepthook(type(failure), failure, failure.__traceback__)
