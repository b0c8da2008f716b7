"""How long native work goes on after Stop: while reading, writing and loading, on the processor."""

from __future__ import annotations

import random
import tempfile
import threading
import time
from dataclasses import replace
from pathlib import Path

from app.engine.client import EngineClient
from app.engine.messages import EngineRequest, LoadCancelled, LoadSettings
from app.foundation.cancellation import Cancellation
from app.protocol.generation import (
    Event,
    Failed,
    Finished,
    SamplingParams,
    Started,
    TokensArrived,
)
from tests.bench.model import planned, real_shape
from tests.bench.table import Row, median, quantile

STOPS, LOADS = 40, 12
N_PROMPT = 3000
DEADLINE_S = 120.0


def run(stops: int = STOPS, loads: int = LOADS) -> list[Row]:
    """Stop at random moments of each phase; medians and 95th percentiles."""
    with tempfile.TemporaryDirectory() as folder:
        settings = replace(planned(real_shape(), Path(folder)), n_ctx=4096)
    numbers = random.Random(0)
    loading = [_stop_loading(settings, 0.02 + 0.2 * numbers.random()) for _ in range(loads)]
    engine = EngineClient()
    try:
        engine.load(settings, on_progress=_unheard, cancellation=Cancellation()).result()
        reading = [_stop_reading(engine, numbers, index) for index in range(stops)]
        writing = [_stop_writing(engine, numbers, index) for index in range(stops)]
    finally:
        engine.close(10.0)
    return [
        _row(f"while reading a prompt (n_ubatch {settings.n_ubatch})", reading),
        _row("while writing", writing),
        _row("while loading (0.5 GB)", [ms for ms in loading if ms is not None], "next tensor"),
    ]


def _row(what: str, stops_ms: list[float], target: str = "≤ 100 ms") -> Row:
    p95 = quantile(stops_ms, 0.95)
    return Row(what, f"median {median(stops_ms):.0f} ms, p95 {p95:.0f} ms", target)


class _Watch:
    """A sink that tells when a phase has begun and when the request ended."""

    def __init__(self, phase: type[Event]) -> None:
        self._phase = phase
        self.begun = threading.Event()
        self.ended = threading.Event()
        self.ended_at = 0.0

    def __call__(self, event: Event) -> None:
        if isinstance(event, self._phase):
            self.begun.set()
        if isinstance(event, Finished | Failed):
            self.ended_at = time.monotonic()
            self.begun.set()
            self.ended.set()


def _stop_reading(engine: EngineClient, numbers: random.Random, index: int) -> float:
    return _stop(engine, f"r{index}", _prompt(numbers, N_PROMPT), Started, numbers.random())


def _stop_writing(engine: EngineClient, numbers: random.Random, index: int) -> float:
    return _stop(engine, f"w{index}", _prompt(numbers, 16), TokensArrived, 0.3 * numbers.random())


def _prompt(numbers: random.Random, length: int) -> tuple[int, ...]:
    return tuple(numbers.randrange(1000, 100_000) for _ in range(length))


def _stop(
    engine: EngineClient,
    request_id: str,
    prompt: tuple[int, ...],
    phase: type[Event],
    delay_s: float,
) -> float:
    """Milliseconds from `cancel` to the last event."""
    watch = _Watch(phase)
    engine.submit(EngineRequest(request_id, prompt, SamplingParams(), None, ()), watch)
    if not watch.begun.wait(DEADLINE_S):
        raise RuntimeError("the request never began")
    time.sleep(delay_s)
    stopped_at = time.monotonic()
    engine.cancel(request_id)
    if not watch.ended.wait(DEADLINE_S):
        raise RuntimeError("the request never ended")
    return max(0.0, 1000 * (watch.ended_at - stopped_at))


def _stop_loading(settings: LoadSettings, delay_s: float) -> float | None:
    """Milliseconds from cancelling a load to its end; None if it was done before."""
    engine = EngineClient()
    cancellation = Cancellation()
    try:
        loading = engine.load(settings, on_progress=_unheard, cancellation=cancellation)
        time.sleep(delay_s)
        stopped_at = time.monotonic()
        cancellation.cancel()
        try:
            loading.result(DEADLINE_S)
        except LoadCancelled:
            return 1000 * (time.monotonic() - stopped_at)
        return None
    finally:
        engine.close(10.0)


def _unheard(_fraction: float) -> None:
    return None
