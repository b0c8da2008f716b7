"""The smaller file that is being made now, for whoever asks: how far, how long still, what came.

A thread of its own makes one at a time; every method returns at once, but `offer` and `close`.
Outlives the page that asked for it. Knows no face.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final, Literal

from app.foundation.cancellation import Cancellation
from app.foundation.errors import HearthError, RequestFailed
from app.inference.quantizing import Made, Making, Offer, Quantizing, QuantizingStopped

State = Literal["making", "checking", "done", "failed", "stopped"]
UNDER_WAY: Final[tuple[State, ...]] = ("making", "checking")
_TOLD_S: Final = 0.1
_SURE_S: Final = 2.0
"""Before that nothing is said of the time it takes."""

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Job:
    """One smaller file, as it is at a moment. `left_s` is None while it cannot be said."""

    source: Path
    name: str
    quant: str
    state: State
    done_bytes: int
    total_bytes: int
    left_s: float | None = None
    made: Made | None = None
    error: HearthError | None = None

    @property
    def is_under_way(self) -> bool:
        return self.state in UNDER_WAY


class SmallerFiles:
    """One for the program. Thread-safe."""

    def __init__(self, quantizing: Quantizing) -> None:
        self._quantizing = quantizing
        self._lock = threading.Lock()
        self._listeners: list[Callable[[], None]] = []
        self._job: Job | None = None
        self._thread: threading.Thread | None = None
        self._cancellation = Cancellation()
        self._is_closed = False

    @property
    def job(self) -> Job | None:
        """What is made now, or was made last."""
        return self._job

    def listen(self, callback: Callable[[], None]) -> Callable[[], None]:
        """Call this, on any thread, when `job` is another; what is given back ends that."""
        with self._lock:
            self._listeners.append(callback)

        def unlisten() -> None:
            with self._lock:
                if callback in self._listeners:
                    self._listeners.remove(callback)

        return unlisten

    def offer(self, source: Path) -> Offer:
        """What can be made of a model. Reads its header; raises as `Quantizing.offer`."""
        return self._quantizing.offer(source)

    def free_bytes(self) -> int | None:
        """What is free where it would be written. Asks the disk."""
        return self._quantizing.free_bytes()

    def begin(self, offer: Offer, quant: str, *, accept_warning: bool = False) -> None:
        """Start to make it. Raises InvalidInput for what is not offered, and RequestFailed while
        another one is made."""
        target = offer.target(quant)
        with self._lock:
            if self._is_closed or (self._job is not None and self._job.is_under_way):
                raise RequestFailed(
                    "Another smaller file is being made.",
                    "One is made at a time.",
                    "Wait until it is done, or stop it.",
                )
            self._cancellation = cancellation = Cancellation()
            self._job = Job(offer.source, offer.name, target.quant, "making", 0, target.bytes)
            self._thread = threading.Thread(
                target=self._run,
                args=(accept_warning, cancellation),
                name="smaller-file",
                daemon=True,
            )
            self._thread.start()
        self._tell()

    def stop(self) -> None:
        """Give up what is under way; nothing is left of it."""
        self._cancellation.cancel()

    def clear(self) -> None:
        """Forget what has ended."""
        with self._lock:
            if self._job is None or self._job.is_under_way:
                return
            self._job = None
        self._tell()

    def close(self, deadline_s: float) -> bool:
        """Stop, and begin nothing any more; whether it ended in time."""
        with self._lock:
            self._is_closed = True
            thread = self._thread
        self.stop()
        if thread is not None:
            thread.join(deadline_s)
        return thread is None or not thread.is_alive()

    def _run(self, accept_warning: bool, cancellation: Cancellation) -> None:
        job = self._job
        assert job is not None
        pace = _Pace()
        try:
            made = self._quantizing.make(
                job.source,
                job.quant,
                accept_warning=accept_warning,
                cancellation=cancellation,
                progress=lambda making: self._progress(job, making, pace),
            )
            self._show(replace(job, state="done", done_bytes=made.bytes, made=made))
        except QuantizingStopped:
            self._show(replace(job, state="stopped"))
        except HearthError as error:
            self._show(replace(job, state="failed", error=error))
        except Exception:  # noqa: BLE001 - a bug: said in the log, and as a failure
            _log.exception("making a smaller file")
            broken = RequestFailed(
                "The smaller file could not be made.",
                "Something in Hearth went wrong; the log says more.",
                "Try again, or choose another size.",
            )
            self._show(replace(job, state="failed", error=broken))

    def _progress(self, job: Job, making: Making, pace: _Pace) -> None:
        left_s = pace.left_s(making)
        is_end = making.done_bytes in (0, making.total_bytes)
        if pace.is_due() or is_end:
            self._show(
                replace(
                    job,
                    state=making.stage,
                    done_bytes=making.done_bytes,
                    total_bytes=making.total_bytes,
                    left_s=left_s,
                )
            )

    def _show(self, job: Job) -> None:
        with self._lock:
            self._job = job
        self._tell()

    def _tell(self) -> None:
        with self._lock:
            listeners = tuple(self._listeners)
        for listener in listeners:
            listener()


class _Pace:
    """How fast a stage goes, and when it is time to say so."""

    def __init__(self) -> None:
        self._stage = ""
        self._began_s = self._told_s = time.monotonic()

    def left_s(self, making: Making) -> float | None:
        now_s = time.monotonic()
        if making.stage != self._stage:
            self._stage, self._began_s = making.stage, now_s
        took_s = now_s - self._began_s
        if took_s < _SURE_S or not making.done_bytes:
            return None
        return took_s * (making.total_bytes - making.done_bytes) / making.done_bytes

    def is_due(self) -> bool:
        now_s = time.monotonic()
        if now_s - self._told_s < _TOLD_S:
            return False
        self._told_s = now_s
        return True
