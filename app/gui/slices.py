"""Work on widgets in small parts, with the window's other events between them. GUI thread.

Whoever cannot wait has the rest done at once with `finish`. Knows nothing of what is done.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterable
from typing import Final

from PySide6.QtCore import QObject, QTimer, Signal

PART_S: Final = 0.004
"""After so long nothing more is begun in one turn: what was made is laid out and drawn after it,
which takes as long again."""
_PAUSE_MS: Final = 1
"""Not 0: then Qt may begin the next turn before it lays out and draws what this one made."""


class Slices(QObject):
    """Does its parts in order; `done` after the last. Ends with its parent."""

    done = Signal()

    def __init__(self, parts: Iterable[Callable[[], object]], parent: QObject) -> None:
        super().__init__(parent)
        self._parts = deque(parts)
        self._is_asked = False
        self._ask()

    @property
    def is_done(self) -> bool:
        """Whether nothing is left."""
        return not self._parts

    def add(self, *parts: Callable[[], object]) -> None:
        """Do these too, after all others."""
        self._parts += parts
        self._ask()

    def finish(self) -> None:
        """Do what is left now."""
        while self._parts:
            self._do_next()

    def _ask(self) -> None:
        if self._parts and not self._is_asked:
            self._is_asked = True
            QTimer.singleShot(_PAUSE_MS, self, self._turn)

    def _turn(self) -> None:
        self._is_asked = False
        begun = time.perf_counter()
        while self._parts and time.perf_counter() - begun < PART_S:
            self._do_next()
        self._ask()

    def _do_next(self) -> None:
        self._parts.popleft()()
        if not self._parts:
            self.done.emit()
