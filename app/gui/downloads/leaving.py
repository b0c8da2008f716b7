"""What was cancelled and can still be brought back: hidden now, forgotten a little later.

GUI thread. Knows no downloader; `gone(key)` says that the time for bringing back is over.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from PySide6.QtCore import QObject, QTimer

from app.models.wanted import Progress


class Leaving(QObject):
    """Each with its own time. `hides` holds on until `forget`, so that nothing comes back while
    it is thrown away."""

    def __init__(self, gone: Callable[[str], object], parent: QObject) -> None:
        super().__init__(parent)
        self._gone = gone
        self._hidden: dict[str, Progress] = {}
        self._timers: dict[str, QTimer] = {}

    def begin(self, progress: Progress, after_ms: int) -> None:
        """Hide it, and let it go after a while."""
        key = progress.key
        self._hidden[key] = progress
        timer = self._timers[key] = QTimer(self)
        timer.setSingleShot(True)
        timer.timeout.connect(partial(self._over, key))
        timer.start(after_ms)

    def at(self, key: str) -> Progress | None:
        """As it was when it was cancelled; None where it cannot be brought back."""
        return self._hidden.get(key) if key in self._timers else None

    def hides(self, key: str) -> bool:
        return key in self._hidden

    def take_back(self, key: str) -> Progress | None:
        """Show it again; None where it is too late."""
        if not self._stop(key):
            return None
        return self._hidden.pop(key)

    def forget(self, key: str) -> None:
        """It is thrown away, or was asked for anew: nothing is hidden any more."""
        if key not in self._timers:
            self._hidden.pop(key, None)

    def end_now(self) -> list[object]:
        """Let all go at once; what `gone` gave for each."""
        return [self._gone(key) for key in tuple(self._timers) if self._stop(key)]

    def _over(self, key: str) -> None:
        if self._stop(key):
            self._gone(key)

    def _stop(self, key: str) -> bool:
        timer = self._timers.pop(key, None)
        if timer is None:
            return False
        timer.stop()
        timer.deleteLater()
        return True
