"""Quitting in stages: the window is gone at once, the services close off the GUI thread.

Ends within the deadline whether or not every service does; no thread is ever terminated.
Knows the steps only by name.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Sequence

from PySide6.QtCore import QObject, QTimer, Signal

from app.gui.bridge import Bridge
from app.gui.services import CloseStep

_log = logging.getLogger(__name__)
DEADLINE_S = 1.8


class Closing(QObject):
    """`begin` once; `ended` when all steps are done, or when the time is up."""

    ended = Signal()

    def __init__(
        self,
        steps: Sequence[CloseStep],
        bridge: Bridge,
        parent: QObject | None = None,
        deadline_s: float = DEADLINE_S,
    ) -> None:
        super().__init__(parent)
        self._steps = tuple(steps)
        self._deadline_s = deadline_s
        self._done = threading.Event()
        self._thread: threading.Thread | None = None
        self._relay_done = bridge.relay(self._finish)
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.timeout.connect(self._finish)
        self._has_ended = False

    @property
    def has_begun(self) -> bool:
        return self._thread is not None

    def begin(self) -> None:
        """Start closing. Later calls change nothing."""
        if self._thread is not None:
            return
        self._timer.start(round(self._deadline_s * 1000))
        self._thread = threading.Thread(target=self._work, name="closing", daemon=True)
        self._thread.start()

    def wait(self) -> bool:
        """For when the event loop is gone already: begin if need be, wait out the deadline."""
        self.begin()
        self._timer.stop()
        return self._done.wait(self._deadline_s)

    def _work(self) -> None:
        end = time.monotonic() + self._deadline_s
        for step in self._steps:
            left_s = max(0.05, end - time.monotonic())
            try:
                if not step.close(left_s):
                    _log.warning("Closing: %s did not end within %.2f s.", step.name, left_s)
            except Exception:  # noqa: BLE001 - the steps after it must close all the same
                _log.exception("Closing: %s failed.", step.name)
        self._done.set()
        self._relay_done()

    def _finish(self) -> None:
        if not self._has_ended:
            self._has_ended = True
            self._timer.stop()
            self.ended.emit()
