"""What the transcript does a little of, once a frame: read what has grown, colour code, cut
very long text. GUI thread; each frame's share is a few milliseconds.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, QTimer

from app.gui.bridge import FRAME_MS

if TYPE_CHECKING:
    from app.gui.chat.transcript import Transcript

_FRAME_MS = 16
_HIGHLIGHT_S = 0.0025


class FrameWork(QObject):
    """One timer, running only while there is something to do."""

    def __init__(self, transcript: Transcript) -> None:
        super().__init__(transcript)
        self._view = transcript
        self._has_grown = False
        self._cost_ms = 0.0
        self._grown_at = 0.0
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.timeout.connect(self._work)

    def grown(self) -> None:
        """The last message has more text. Costly text is read less often."""
        if not self._has_grown:
            self._has_grown = True
            since_ms = (time.perf_counter() - self._grown_at) * 1000
            pause_ms = max(FRAME_MS, 4 * self._cost_ms)
            self._timer.start(max(0, round(pause_ms - since_ms)))

    def settled(self) -> None:
        """Everything has been laid out: whatever had grown is in it."""
        self._has_grown = False
        if not self._timer.isActive():
            self._timer.start(_FRAME_MS)

    def _work(self) -> None:
        if self._has_grown:
            self._read_growth()
        if self._improve_visible():
            if not self._timer.isActive():
                self._timer.start(_FRAME_MS)
        elif not self._has_grown:
            self._timer.stop()  # settling has asked for a look, and this was one

    def _read_growth(self) -> None:
        view = self._view
        before = view.flow.value
        before_px = view.messages[-1].height
        started = time.perf_counter()
        view.settle()
        self._grown_at = time.perf_counter()
        self._cost_ms = (self._grown_at - started) * 1000
        viewport = view.viewport()
        changed_top = view.messages[-1].take_changed_top()
        if view.flow.value != before:
            viewport.update()
            return
        last = len(view.messages) - 1
        for number, message, top in view.flow.visible():
            if number == last:
                tail = max(0, top + changed_top)
                end = min(viewport.height(), top + max(before_px, message.height))
                viewport.update(0, tail, viewport.width(), max(0, end - tail))

    def _improve_visible(self) -> bool:
        """Colour code and cut long text that is seen; True if some is left to do."""
        view = self._view
        until = time.perf_counter() + _HIGHLIGHT_S
        is_left = is_stale = False
        for _, message, top in view.flow.visible():
            if not message.body.is_read:
                message.body.read_on()
                is_stale = True
            changed = message.advance(-top, view.flow.height - top, time.perf_counter, until)
            is_left = is_left or changed is not None
            if changed:
                view.viewport().update(0, top, view.viewport().width(), message.height)
        if is_stale:
            view.relayout()
        return is_left or is_stale
