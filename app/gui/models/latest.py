"""Work that only its newest asking matters for: one at a time, off the GUI thread. GUI thread."""

from __future__ import annotations

from collections.abc import Callable
from typing import Generic, TypeVar

from PySide6.QtCore import QObject

from app.gui.aside import aside
from app.gui.bridge import Bridge

T = TypeVar("T")


class Latest(QObject, Generic[T]):
    """While one is being worked on, a newer asking waits and takes the place of an older one.

    `on_result` gets every result that is still the newest; `on_error` likewise.
    """

    def __init__(
        self,
        bridge: Bridge,
        on_result: Callable[[T], None],
        on_error: Callable[[BaseException], None],
        parent: QObject,
    ) -> None:
        super().__init__(parent)
        self._bridge = bridge
        self._on_result = on_result
        self._on_error = on_error
        self._waiting: Callable[[], T] | None = None
        self._is_busy = False
        self._is_stale = False

    @property
    def is_busy(self) -> bool:
        return self._is_busy

    def ask(self, work: Callable[[], T]) -> None:
        """Do this next; what was asked for before and is not done is forgotten."""
        if self._is_busy:
            self._waiting = work
            return
        self._is_busy = True
        self._is_stale = False
        self._bridge.watch(aside(work), self._done, self._failed)

    def forget(self) -> None:
        """Let nothing that was asked for so far arrive."""
        self._waiting = None
        self._is_stale = True

    def _done(self, result: T) -> None:
        is_stale = self._ended()
        if not is_stale:
            self._on_result(result)

    def _failed(self, error: BaseException) -> None:
        is_stale = self._ended()
        if not is_stale:
            self._on_error(error)

    def _ended(self) -> bool:
        """Start what waits. Whether the result is of no use to anybody any more."""
        is_stale, self._is_busy = self._is_stale, False
        waiting, self._waiting = self._waiting, None
        if waiting is not None:
            self.ask(waiting)
        return is_stale
