"""One start, measured from outside: an empty PySide6 window, or Hearth's. A process of its own.

    python -m tests.bench.start_child empty|hearth STARTED [PROFILE]

STARTED is the parent's `time.monotonic()` just before. Prints JSON.
"""

from __future__ import annotations

import gc
import json
import sys
import time
from functools import partial
from typing import TYPE_CHECKING

_SETTLED_S = 1.5

if TYPE_CHECKING:
    from app.foundation.paths import Profile


def main() -> None:
    """Open the window that was asked for and print how long it took."""
    kind, started = sys.argv[1], float(sys.argv[2])
    figures = _empty(started) if kind == "empty" else _hearth(started, sys.argv[3])
    print(json.dumps(figures))


def _empty(started: float) -> dict[str, float]:
    from PySide6.QtCore import QTimer
    from PySide6.QtWidgets import QApplication, QWidget

    app = QApplication([])
    window = QWidget()
    window.resize(1280, 800)
    window.show()
    figures: dict[str, float] = {}

    def painted() -> None:
        figures["window_ms"] = 1000 * (time.monotonic() - started)
        figures["resident_bytes"] = _resident()
        app.quit()

    QTimer.singleShot(0, painted)
    app.exec()
    return figures


def _hearth(started: float, folder: str) -> dict[str, float]:
    """As people start it, words and log included, with an ear at the first paint."""
    from app import bootstrap

    figures: dict[str, float] = {}
    bootstrap._window = partial(_window, figures, started)
    bootstrap.start(["--profile", folder])
    return figures


def _window(figures: dict[str, float], started: float, profile: Profile, _command: object) -> int:
    gc.disable()
    from app.bootstrap.window import WindowServices
    from app.gui import application
    from app.gui.instance import claim

    app = application.application()
    lock = claim(profile)
    services = WindowServices(profile, None, ask_safe_mode=False)
    proceed = services.gui.after_first_paint

    def painted() -> None:
        figures["window_ms"] = 1000 * (time.monotonic() - started)
        proceed()
        _watch(app, services, figures, started)

    services.gui.after_first_paint = painted
    return application.run(services.gui, lock)


def _watch(app, services, figures: dict[str, float], started: float) -> None:  # type: ignore[no-untyped-def]
    """Note when the model is ready and what is resident after one answer; then quit."""
    from PySide6.QtCore import QTimer

    from app.protocol.chat import Message
    from app.protocol.generation import Failed, Finished, GenerationRequest

    state = {"asked": False, "answered": False}
    helpers = _Helpers()

    def heard(event: object) -> None:
        state["answered"] = state["answered"] or isinstance(event, Finished | Failed)

    def look() -> None:
        model = services.gui.inference.snapshot().model
        if model is None:
            return
        if not state["asked"]:
            figures["ready_ms"] = 1000 * (time.monotonic() - started)
            state["asked"] = True
            question = (Message("user", "How do I add a model?"),)
            services.gui.inference.generate(GenerationRequest(question), heard)
        elif state["answered"] and helpers.are_settled():
            timer.stop()
            figures["resident_bytes"] = _resident()
            figures["llama_bytes"] = float(sum(model.memory.values()))
            for window in app.topLevelWidgets():
                window.close()

    timer = QTimer(app)
    timer.timeout.connect(look)
    timer.start(5)


class _Helpers:
    """The helper processes: those of a first look at the computer come and go, others stay."""

    def __init__(self) -> None:
        self._seen: set[int] = set()
        self._since_s = time.monotonic()

    def are_settled(self) -> bool:
        """Whether none has come or gone for a while."""
        import psutil

        now = {child.pid for child in psutil.Process().children(recursive=True)}
        if now != self._seen:
            self._seen, self._since_s = now, time.monotonic()
        return time.monotonic() - self._since_s > _SETTLED_S


def _resident() -> float:
    import psutil

    process = psutil.Process()
    return float(sum(p.memory_info().rss for p in [process, *process.children(recursive=True)]))


if __name__ == "__main__":
    main()
