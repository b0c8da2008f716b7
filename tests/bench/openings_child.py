"""How long the window's thread is held at the first opening of each page. A process of its own.

    python -m tests.bench.openings_child PROFILE WAIT_MS

WAIT_MS lies between the first paint and the first click. Prints JSON: for each page the longest
stretch of the thread by the clock and by processor time, and when its first frame was drawn.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from functools import partial
from typing import TYPE_CHECKING, cast

from PySide6.QtCore import QEvent, QObject, QTimer
from PySide6.QtWidgets import QApplication, QWidget

from app.bootstrap.window import WindowServices
from app.foundation.paths import open_profile
from app.gui import application
from app.gui.main_window import MainWindow

if TYPE_CHECKING:  # the window imports its pages itself: that is what is measured
    from app.gui.models.page import ModelsPage
    from app.gui.settings.page import SettingsPage

SUITED, HERE, HUB = range(3)
QUIET_MS = 700
"""So long after a page is there it is still listened to: rows are made as they are seen."""
_LONGEST_MS = 20_000


@dataclass(slots=True)
class Opening:
    """Milliseconds. `held` by the clock, `busy` of processor time, both of one stretch."""

    held_ms: float = 0.0
    busy_ms: float = 0.0
    frame_ms: float = 0.0


@dataclass(frozen=True, slots=True)
class Step:
    """`open` is the click; `is_there` says that all that belongs to the page has come."""

    name: str
    open: Callable[[], object]
    is_there: Callable[[], bool]


class Turns(QObject):
    """Notes the longest time between two turns of the event loop, in both measures."""

    def __init__(self, window: QWidget) -> None:
        super().__init__()
        self.opening = Opening()
        self._begun = self._last = self._last_busy = 0.0
        self._timer = QTimer(self)
        self._timer.setInterval(1)
        self._timer.timeout.connect(self.turn)
        window.installEventFilter(self)

    def begin(self) -> None:
        self.opening = Opening()
        self._begun = self._last = time.perf_counter()
        self._last_busy = time.thread_time()
        self._timer.start()

    def end(self) -> Opening:
        self._timer.stop()
        return self.opening

    def turn(self) -> None:
        now, busy = time.perf_counter(), time.thread_time()
        found = self.opening
        found.held_ms = max(found.held_ms, 1000 * (now - self._last))
        found.busy_ms = max(found.busy_ms, 1000 * (busy - self._last_busy))
        self._last, self._last_busy = now, busy

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        is_first = self._timer.isActive() and not self.opening.frame_ms
        if is_first and event.type() == QEvent.Type.Paint:
            self.opening.frame_ms = 1000 * (time.perf_counter() - self._begun)
        return super().eventFilter(watched, event)


class Tour(QObject):
    """Opens every page once, and closes the window at the end."""

    def __init__(self, window: MainWindow, wait_ms: int) -> None:
        super().__init__()
        self.found: dict[str, Opening] = {}
        self._window = window
        self._turns = Turns(window)
        self._steps = iter(_steps(window))
        self._step: Step | None = None
        self._since = 0.0
        self._look = QTimer(self)
        self._look.setInterval(20)
        self._look.timeout.connect(self._looked)
        QTimer.singleShot(wait_ms, self._next)

    def _next(self) -> None:
        self._step = next(self._steps, None)
        if self._step is None:
            self._window.close()
            return
        self._since = time.perf_counter()
        self._turns.begin()
        # As a click does: in a turn of its own.
        QTimer.singleShot(0, self._step.open)
        self._look.start()

    def _looked(self) -> None:
        step = self._step
        assert step is not None
        if not step.is_there():
            if time.perf_counter() - self._since > _LONGEST_MS / 1000:
                raise RuntimeError(f"{step.name} did not come")
            return
        self._look.stop()
        QTimer.singleShot(QUIET_MS, self._ended)

    def _ended(self) -> None:
        assert self._step is not None
        self.found[self._step.name] = self._turns.end()
        self._next()


def _steps(window: MainWindow) -> list[Step]:
    def models() -> ModelsPage:
        assert window.models_page is not None
        return window.models_page

    def settings() -> SettingsPage:
        assert window._settings_page is not None
        return cast("SettingsPage", window._settings_page)

    def show_place(at: int) -> None:
        models().places.buttons[at].click()

    def open_details() -> None:
        show_place(SUITED)
        listing = models().listing
        (listing.cards[0].details if listing.cards else listing.rows[0].tile).click()

    def have_models_come() -> bool:
        page = window.models_page
        return page is not None and page.listing.suited is not None and bool(page.library.stock)

    def have_settings_come() -> bool:
        return window._settings_page is not None

    def show_connections() -> None:
        settings().connections_button.click()

    side = window.side
    return [
        Step("Models", side.models_button.click, have_models_come),
        Step("On this computer", partial(show_place, HERE), _at_once),
        Step("Hugging Face", partial(show_place, HUB), _at_once),
        Step("Details of a model", open_details, lambda: models().details is not None),
        Step("Settings", side.settings_button.click, have_settings_come),
        Step("Connections", show_connections, lambda: settings().connections is not None),
        Step("Downloads", side.downloads_strip.click, _at_once),
        Step("Keys", window.show_shortcuts, _at_once),
        Step("Options of a chat", window.chat_page.toggle_options, _at_once),
    ]


def _at_once() -> bool:
    return True


def main() -> None:
    """Open the window and every page of it."""
    profile, wait_ms = open_profile(sys.argv[1]), int(sys.argv[2])
    app: QApplication = application.application()
    services = WindowServices(profile, None, ask_safe_mode=False)
    kept: list[Tour] = []
    proceed = services.gui.after_first_paint

    def painted() -> None:
        proceed()
        windows = app.topLevelWidgets()
        window = next(widget for widget in windows if isinstance(widget, MainWindow))
        kept.append(Tour(window, wait_ms))

    services.gui.after_first_paint = painted
    application.run(services.gui)
    print(json.dumps({name: asdict(opening) for name, opening in kept[0].found.items()}))


if __name__ == "__main__":
    main()
