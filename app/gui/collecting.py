"""Cyclic garbage is collected on the GUI thread only, while there is a window.

Python collects on whichever thread happens to allocate; a QObject that dies on a foreign
thread takes its timers and locks with it, and the window hangs. Main thread.
"""

from __future__ import annotations

import gc

from PySide6.QtCore import QObject, QTimer

INTERVAL_MS = 2_000
_WHOLE_EVERY = 30


class Collecting(QObject):
    """Takes over from Python's own collector until `close`."""

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        gc.disable()
        self._since_whole = 0
        self._timer = QTimer(self)
        self._timer.timeout.connect(self.collect)
        self._timer.start(INTERVAL_MS)

    def settle(self) -> None:
        """What the start made will stay; never look at it again, so that a look stays short."""
        gc.freeze()

    def collect(self) -> None:
        """Collect the generations that Python would have collected by now."""
        self._since_whole += 1
        counts, limits = gc.get_count(), gc.get_threshold()
        if self._since_whole >= _WHOLE_EVERY and counts[2] > limits[2]:
            self._since_whole = 0
            gc.collect(2)
        elif counts[1] > limits[1]:
            gc.collect(1)
        elif counts[0] > limits[0]:
            gc.collect(0)

    def close(self) -> None:
        """Hand back to Python's own collector."""
        self._timer.stop()
        gc.unfreeze()
        gc.enable()
