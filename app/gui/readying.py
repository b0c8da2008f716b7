"""Imports the pages on a thread of its own, so that no click on one waits for that.

GUI thread, but for the importing: it makes no QObject. Knows pages by the names of their modules.
"""

from __future__ import annotations

import importlib
import time
from collections.abc import Callable
from typing import Final

from PySide6.QtCore import QObject, QTimer

from app.gui.aside import aside
from app.gui.bridge import Bridge

MODELS: Final = "app.gui.models.page"
SETTINGS: Final = "app.gui.settings.page"
MODULES: Final = (
    "app.gui.chat.message",
    SETTINGS,
    MODELS,
    "app.gui.settings.connections",
    "app.gui.downloads.panel",
    "app.gui.widgets.shortcuts",
)
BEGIN_MS: Final = 1_500
"""After the first paint. The model is opened first: both want Python."""
_REST_S: Final = 0.02


class Readying(QObject):
    """Until it is asked to begin, whoever needs a page imports it."""

    def __init__(self, bridge: Bridge, parent: QObject) -> None:
        super().__init__(parent)
        self._bridge = bridge
        self._will_begin = self._has_begun = self._is_ready = False
        self._then: Callable[[], None] | None = None

    def begin_soon(self) -> None:
        """Begin when the start has settled, or when somebody asks before."""
        self._will_begin = True
        QTimer.singleShot(BEGIN_MS, self, self.begin)

    def begin(self) -> None:
        """Import the pages now, one after the other."""
        if not self._has_begun:
            self._has_begun = self._will_begin = True
            self._bridge.watch(aside(_import_all), self._ready, self._not_ready)

    def has_to_wait(self, then: Callable[[], None]) -> bool:
        """Whether the pages are on their way; `then` follows, once for the last who asked."""
        if self._is_ready or not self._will_begin:
            return False
        self._then = then
        self.begin()
        return True

    def _ready(self, _: object) -> None:
        self._is_ready = True
        then, self._then = self._then, None
        if then is not None:
            then()

    def _not_ready(self, _error: BaseException) -> None:
        """Whoever needs it imports it, and says what is wrong with it."""
        self._ready(None)


def _import_all() -> None:
    for name in MODULES:
        importlib.import_module(name)
        time.sleep(_REST_S)  # so that the window's thread has its turn
