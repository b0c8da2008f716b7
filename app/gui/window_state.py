"""Where the window was and what the dialog last showed: a small file that may be lost.

Read once at start, written once at the end. A value that makes no sense on today's screens is
as if it were not there.
"""

from __future__ import annotations

import json
import logging
from dataclasses import asdict, dataclass
from pathlib import Path

from PySide6.QtCore import QRect, QSize
from PySide6.QtGui import QGuiApplication

_log = logging.getLogger(__name__)
FIRST_SIZE = QSize(1100, 760)
LEAST_SIZE = QSize(480, 400)
_GRIP_PX = 64


@dataclass(slots=True)
class WindowState:
    """The window's place in screen coordinates, and the folder models were opened from."""

    x: int | None = None
    y: int | None = None
    width: int = FIRST_SIZE.width()
    height: int = FIRST_SIZE.height()
    maximized: bool = False
    model_folder: str = ""

    def rectangle(self) -> QRect | None:
        """Where to put the window, or None to leave that to the system."""
        if self.x is None or self.y is None:
            return None
        return QRect(self.x, self.y, self.width, self.height)


def load(path: Path) -> WindowState:
    """What was saved, each value checked; defaults where it is missing or makes no sense."""
    try:
        stored = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return WindowState()
    state = WindowState()
    if not isinstance(stored, dict):
        return state
    for name in ("x", "y", "width", "height"):
        value = stored.get(name)
        if type(value) is int and abs(value) < 100_000:
            setattr(state, name, value)
    state.width = max(LEAST_SIZE.width(), state.width)
    state.height = max(LEAST_SIZE.height(), state.height)
    state.maximized = stored.get("maximized") is True
    folder = stored.get("model_folder")
    state.model_folder = folder if isinstance(folder, str) else ""
    return state


def fit_to_screens(state: WindowState) -> WindowState:
    """The same, moved and shrunk so that a person can reach it on the screens of today."""
    screens = [screen.availableGeometry() for screen in QGuiApplication.screens()]
    if not screens:
        return state
    wished = state.rectangle()
    at_home = screens[0]
    if wished is not None:
        title_bar = QRect(wished.x(), wished.y(), wished.width(), _GRIP_PX)
        reached = [
            each
            for each in screens
            if each.intersected(title_bar).width() >= _GRIP_PX
            and each.intersected(title_bar).height() >= _GRIP_PX // 2
        ]
        if reached:
            at_home = reached[0]
        else:
            state.x = state.y = None
    state.width = min(state.width, at_home.width())
    state.height = min(state.height, at_home.height())
    return state


def save(path: Path, state: WindowState) -> None:
    """Write it; losing it costs nothing, so a disk that refuses is only noted."""
    try:
        fresh = path.with_suffix(".new")
        fresh.write_text(json.dumps(asdict(state)), encoding="utf-8")
        fresh.replace(path)
    except OSError:
        _log.warning("The window's place could not be saved.", exc_info=True)
