"""SIGINT and SIGTERM as a Qt signal, so that the window closes the way a person closes it.

Python runs a handler only between its own instructions, which an idle event loop never
reaches; the wake-up pipe makes the loop turn. Main thread.
"""

from __future__ import annotations

import os
import signal
import sys
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
        self._read_end, self._write_end = _pipe()
        self._old_fd = signal.set_wakeup_fd(self._write_end, warn_on_full_buffer=False)
        self._old = {number: signal.signal(number, self._noted) for number in _SIGNALS}
        self._notifier = QSocketNotifier(self._read_end, QSocketNotifier.Type.Read, self)
        self._notifier.activated.connect(self._read)

    def close(self) -> None:
        """Put back the handlers that were there before."""
        self._notifier.setEnabled(False)
        signal.set_wakeup_fd(self._old_fd)
        for number, handler in self._old.items():
            signal.signal(number, handler)
        for end in (self._read_end, self._write_end):
            _close(end)

    def _noted(self, number: int, frame: FrameType | None) -> None:
        """The byte in the pipe is what counts."""

    def _read(self) -> None:
        numbers = _take(self._read_end)
        if any(number in self._old for number in numbers):
            self.asked.emit()


if sys.platform == "win32":
    import socket

    def _pipe() -> tuple[int, int]:
        ends = socket.socketpair()
        for end in ends:
            end.setblocking(False)
        return ends[0].detach(), ends[1].detach()

    def _take(descriptor: int) -> bytes:
        end = socket.socket(fileno=descriptor)
        try:
            return end.recv(64)
        except BlockingIOError:
            return b""
        finally:
            end.detach()

    def _close(descriptor: int) -> None:
        socket.close(descriptor)

else:

    def _pipe() -> tuple[int, int]:
        ends = os.pipe()
        for end in ends:
            os.set_blocking(end, False)
        return ends

    def _take(descriptor: int) -> bytes:
        try:
            return os.read(descriptor, 64)
        except BlockingIOError:
            return b""

    def _close(descriptor: int) -> None:
        os.close(descriptor)
