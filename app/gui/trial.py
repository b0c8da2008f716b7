"""Body of the child that finds out whether a window could open here. Shows nothing."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any


def answer(request: dict[str, Any], progress: Callable[[dict[str, Any]], None]) -> dict[str, Any]:
    """Qt's version and the platform it found. Raises NoDisplay where there is no screen."""
    from PySide6.QtCore import qVersion

    from app.gui.application import application

    app = application()
    return {"qt": qVersion(), "platform": app.platformName()}
