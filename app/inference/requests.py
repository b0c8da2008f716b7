"""One request on its way: who hears of it, whether it is cancelled, and that it ends once.

Events may come from pool threads, the engine thread and whoever cancels; they reach the sink in
order, and none follows the terminal one.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable

from app.foundation.cancellation import Cancellation
from app.foundation.others import OthersBusy
from app.inference.host import Lease
from app.protocol.generation import (
    Event,
    Failed,
    Finished,
    FinishReason,
    GenerationRequest,
    Loading,
    Sink,
    Timings,
    Usage,
)

_log = logging.getLogger(__name__)

NOTHING_USED = Usage(0, 0, 0)


class AnswerWatch:
    """From an answer's hand-over to its end: whether anything else was busy meanwhile."""

    def __init__(self, n_active: int) -> None:
        self._is_alone = n_active <= 1
        self._others = OthersBusy()

    def undisturbed(self, n_active: int) -> bool:
        """Whether its speed is that of the model. Call when it has ended."""
        return self._is_alone and n_active == 0 and self._others.were_idle()


class ActiveRequest:
    """A request from its admission to its one terminal event. Any thread."""

    def __init__(
        self,
        request_id: str,
        request: GenerationRequest,
        sink: Sink,
        on_end: Callable[[ActiveRequest, Event], None],
    ) -> None:
        self.id = request_id
        self.request = request
        self.cancellation = Cancellation()
        self.admitted_s = time.monotonic()
        self.load_ms = 0.0
        self.model_name = ""
        # The lease under which the engine has the request; set once, under `handing_over`.
        self.lease: Lease | None = None
        self.handing_over = threading.Lock()
        self._sink = sink
        self._on_end = on_end
        # Held while the sink runs, so that order is kept; the sink may cancel from within.
        self._lock = threading.RLock()
        self._ended = threading.Event()

    @property
    def is_ended(self) -> bool:
        return self._ended.is_set()

    def since_admission_ms(self) -> float:
        """Milliseconds since `generate` was called."""
        return (time.monotonic() - self.admitted_s) * 1000

    def emit(self, event: Event) -> None:
        """Pass an event on; a terminal one ends the request, and later ones are dropped."""
        terminal = isinstance(event, Finished | Failed)
        with self._lock:
            if self._ended.is_set():
                return
            if terminal:
                self._ended.set()
                self._on_end(self, event)
            try:
                self._sink(event)
            except Exception:  # noqa: BLE001 - a face's bug must not reach the engine thread
                _log.exception("the receiver of request %s failed", self.id)

    def loading(self, fraction: float | None, sentence: str) -> None:
        """Say how making the model ready goes."""
        self.emit(Loading(self.id, fraction, sentence))

    def finish_unsubmitted(self, reason: FinishReason) -> None:
        """End a request that never reached the engine."""
        timings = Timings(self.load_ms, 0.0, 0.0, 0.0)
        self.emit(Finished(self.id, reason, NOTHING_USED, timings, self.model_name))
