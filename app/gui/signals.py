"""SIGINT and SIGTERM as a Qt signal, so that the window closes the way a person closes it.

Python runs a handler only between its own instructions, which an idle event loop never
reaches; the wake-up socket makes the loop turn.
"""

from __future__ import annotations

import signal
import socket
from types import FrameType

from PySide6.QtCore import QObject, QSocketNotifier, Signal

_SIGNALS = tuple(
    getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name)
)


class QuitSignals(QObject):
    """Created on the main thread; `close` puts back what was there before."""

    asked = Signal()

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._read_end, self._write_end = socket.socketpair()
        for end in (self._read_end, self._write_end):
            end.setblocking(False)
        self._old_fd = signal.set_wakeup_fd(self._write_end.fileno(), warn_on_full_buffer=False)
        self._old = {number: signal.signal(number, self._noted) for number in _SIGNALS}
        self._notifier = QSocketNotifier(self._read_end.fileno(), QSocketNotifier.Type.Read, self)
        self._notifier.activated.connect(self._read)

    def close(self) -> None:
        """Put back the handlers that were there before."""
        self._notifier.setEnabled(False)
        signal.set_wakeup_fd(self._old_fd)
        for number, handler in self._old.items():
            signal.signal(number, handler)
        self._read_end.close()
        self._write_end.close()

    def _noted(self, number: int, frame: FrameType | None) -> None:
        """The byte in the socket is what counts."""

    def _read(self) -> None:
        try:
            numbers = self._read_end.recv(64)
        except BlockingIOError:
            return
        if any(number in self._old for number in numbers):
            self.asked.emit()
