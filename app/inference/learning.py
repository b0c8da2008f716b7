"""What loads and answers taught: measured beside predicted, kept in `state/learnt.json`.

Called on pool threads; the file is small, bounded and written whole. A damaged one is as good
as none and said once. Knows neither how things are measured nor what is done about them.
"""

from __future__ import annotations

import json
import logging
import math
import statistics
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, Final

from app.foundation.atomic import write_atomically
from app.foundation.errors import HearthError, StorageError
from app.foundation.units import MIB
from app.inference.prediction import Prediction
from app.inference.rungs import KEPT_S, MAIN, Rung, both
from app.planner.learnt import Learnt, Residual

FILE: Final = "learnt.json"
LIMIT_BYTES: Final = 1 << 20
_VERSION: Final = 1
_KEPT_LOADS = 100
_KEPT_VALUES = 15
_KEPT_RUNGS = 100
_TAUGHT_BY = 20
"""Residuals are those of the newest loads of a combination: drivers and programs change."""
_HIGH = 0.95
_UNMEASURED_BYTES = 896 * MIB
"""What a card takes beyond its buffers until that was measured: speeds alone are no reason for
a smaller margin."""
_RATIO_BOUNDS = (0.05, 20.0)
"""What is further off was not the model's speed: a computer that slept, a clock that was set."""

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Measured:
    """One quantity of a load: predicted as it was said and unlearnt, and the newest values,
    each with the unlearnt prediction of its time."""

    name: str
    backend: str
    driver: str
    said: float
    raw: float
    values: tuple[tuple[float, float], ...] = ()

    @property
    def newest(self) -> float | None:
        """The median of the newest three values."""
        return statistics.median(v for v, _ in self.values[-3:]) if self.values else None


@dataclass(frozen=True, slots=True)
class LoadRecord:
    """One kind of load, and all that was measured of it. `at` is when it was last, in seconds
    since 1970. `memory` is by pool, `speeds` are "prompt" and "generated"."""

    key: str
    at: float
    model: str
    architecture: str
    n_ctx: int
    n_gpu_layers: int
    n_threads: int
    memory: tuple[Measured, ...] = ()
    speeds: tuple[Measured, ...] = ()


@dataclass(slots=True)
class _State:
    """What the file holds."""

    loads: dict[str, LoadRecord] = field(default_factory=dict)
    rungs: dict[str, tuple[Rung, float]] = field(default_factory=dict)
    """With when there was stepped down last, in seconds since 1970."""


class Learning:
    """The file of what was learnt. Thread-safe."""

    def __init__(self, path: Path, *, clock: Callable[[], float] = time.time) -> None:
        """Nothing is read yet."""
        self._path = path
        self._clock = clock
        self._lock = threading.Lock()
        self._state: _State | None = None
        self._learnt: Learnt | None = None
        self._stamp: tuple[int, int] | None = None
        self._notice: HearthError | None = None

    def learnt(self) -> Learnt:
        """What the planner takes into account."""
        with self._lock:
            loads = self._known().loads
            if self._learnt is None:
                self._learnt = _residuals(loads.values())
            return self._learnt

    def records(self) -> tuple[LoadRecord, ...]:
        """All kinds of loads, the newest first."""
        with self._lock:
            found = list(self._known().loads.values())
        return tuple(sorted(found, key=lambda record: record.at, reverse=True))

    def take_notice(self) -> HearthError | None:
        """What was wrong with the file; said once."""
        with self._lock:
            self._known()
            notice, self._notice = self._notice, None
            return notice

    def rung(self, path: str) -> Rung | None:
        """What plans for this model file have to do without for the time being."""
        with self._lock:
            return self._rung(path)

    def step_down(self, path: str, rung: Rung) -> None:
        """Let the next plan for this file do with less."""
        with self._lock:
            lower = both(self._rung(path), rung)
            assert lower is not None
            rungs = self._known().rungs
            rungs.pop(path, None)
            rungs[path] = lower, self._clock()
            while len(rungs) > _KEPT_RUNGS:
                rungs.pop(next(iter(rungs)))
            self._write()

    def loaded(self, prediction: Prediction, taken_bytes: Mapping[str, int]) -> None:
        """A load took so many bytes, by pool; pools that were not measured are left out."""
        self._note(prediction, {name: float(n) for name, n in taken_bytes.items()}, {})

    def answered(self, prediction: Prediction, speeds: Mapping[str, float]) -> None:
        """An answer was read or written at so many tokens a second ("prompt", "generated")."""
        self._note(prediction, {}, {kind: speed for kind, speed in speeds.items() if speed > 0})

    def _rung(self, path: str) -> Rung | None:
        """Hold the lock."""
        rung, since_s = self._known().rungs.get(path, (None, 0.0))
        return rung if abs(self._clock() - since_s) < KEPT_S else None

    def _note(
        self, prediction: Prediction, taken: Mapping[str, float], speeds: Mapping[str, float]
    ) -> None:
        if not prediction.teaches:
            return
        with self._lock:
            loads = self._known().loads
            record = loads.pop(prediction.key, None)
            loads[prediction.key] = _noted(record, prediction, self._clock(), taken, speeds)
            while len(loads) > _KEPT_LOADS:
                loads.pop(next(iter(loads)))
            self._learnt = None
            self._write()

    def _known(self) -> _State:
        """Hold the lock. Another process may have written meanwhile: a command beside the
        window."""
        stamp = _stamp(self._path)
        if self._state is None or (stamp is not None and stamp != self._stamp):
            self._state, self._learnt, self._stamp = self._state or _State(), None, stamp
            try:
                self._state = _read(self._path)
            except FileNotFoundError:
                pass
            except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as e:
                _log.warning("what was learnt cannot be read: %s", e)
                self._notice = StorageError(
                    "What Hearth had learnt of this computer's speed could not be read.",
                    f"{self._path.name} is damaged ({e}); it is begun anew.",
                    "Nothing has to be done: plans are a little less exact for a while.",
                )
        return self._state

    def _write(self) -> None:
        """Hold the lock. What cannot be written is known until the end all the same."""
        assert self._state is not None
        document = {
            "version": _VERSION,
            "loads": [asdict(record) for record in self._state.loads.values()],
            "rungs": {
                path: {**rung.as_dict(), "at": at} for path, (rung, at) in self._state.rungs.items()
            },
        }
        try:
            write_atomically(self._path, json.dumps(document).encode("utf-8"))
            self._stamp = _stamp(self._path)
        except OSError as error:
            _log.warning("what was learnt is not kept: %s", error)


def _stamp(path: Path) -> tuple[int, int] | None:
    """What changes when the file is written anew; None where there is none."""
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_ino, status.st_mtime_ns


def _noted(
    record: LoadRecord | None,
    prediction: Prediction,
    now: float,
    taken: Mapping[str, float],
    speeds: Mapping[str, float],
) -> LoadRecord:
    before = {m.name: m for m in (*record.memory, *record.speeds)} if record is not None else {}
    memory = [
        Measured(g.pool, g.backend, g.driver, g.said_bytes, g.raw_bytes) for g in prediction.memory
    ]
    rates = [
        Measured(g.kind, prediction.backend, prediction.driver, g.said, g.raw)
        for g in prediction.speeds
    ]
    return LoadRecord(
        prediction.key,
        now,
        prediction.model,
        prediction.architecture,
        prediction.n_ctx,
        prediction.n_gpu_layers,
        prediction.n_threads,
        tuple(_with_value(m, before.get(m.name), taken.get(m.name)) for m in memory),
        tuple(_with_value(m, before.get(m.name), speeds.get(m.name)) for m in rates),
    )


def _with_value(fresh: Measured, before: Measured | None, value: float | None) -> Measured:
    """The fresh prediction with the values of before, and one more if there is one."""
    values = before.values if before is not None and _same(before, fresh) else ()
    if value is not None and math.isfinite(value):
        values = (*values, (value, fresh.raw))[-_KEPT_VALUES:]
    return replace(fresh, values=values)


def _same(one: Measured, other: Measured) -> bool:
    return (one.backend, one.driver) == (other.backend, other.driver)


def _residuals(records: Any) -> Learnt:
    """By backend, driver and architecture, from the newest loads of each."""
    newest = sorted(records, key=lambda record: record.at, reverse=True)
    beyond: dict[tuple[str, str, str], list[float]] = {}
    ratios: dict[tuple[str, str, str], dict[str, list[float]]] = {}
    for record in newest:
        for entry in record.memory:
            found = beyond.setdefault((entry.backend, entry.driver, record.architecture), [])
            if len(found) < _TAUGHT_BY:
                found += [value - raw for value, raw in entry.values]
        for entry in record.speeds:
            kinds = ratios.setdefault((entry.backend, entry.driver, record.architecture), {})
            found = kinds.setdefault(entry.name, [])
            if len(found) < _TAUGHT_BY:
                found += [ratio for ratio in map(_ratio, entry.values) if ratio]
    return Learnt(
        tuple(
            Residual(
                *key,
                memory_bytes=round(_high(beyond.get(key, []), key[0])),
                prompt_ratio=_median(ratios.get(key, {}).get("prompt", [])),
                generated_ratio=_median(ratios.get(key, {}).get("generated", [])),
                n_samples=n_samples,
            )
            for key in {**beyond, **ratios}
            if (n_samples := _count(beyond.get(key, []), ratios.get(key, {})))
        )
    )


def _ratio(value: tuple[float, float]) -> float:
    """Measured by predicted, bounded; 0 where one of them is nothing."""
    measured, raw = value
    low, high = _RATIO_BOUNDS
    return min(high, max(low, measured / raw)) if raw > 0 and measured > 0 else 0.0


def _count(beyond: list[float], ratios: Mapping[str, list[float]]) -> int:
    return max(len(beyond), *(len(values) for values in ratios.values()), 0)


def _high(values: list[float], backend: str) -> float:
    """The 95th percentile; the largest of fewer than twenty."""
    if not values:
        return 0.0 if backend == MAIN else _UNMEASURED_BYTES
    return sorted(values)[math.ceil(_HIGH * len(values)) - 1]


def _median(values: list[float]) -> float:
    return statistics.median(values) if values else 0.0


def _read(path: Path) -> _State:
    """Raises OSError, or one of many others for a file that makes no sense."""
    with path.open("rb") as file:
        content = file.read(LIMIT_BYTES + 1)
    if len(content) > LIMIT_BYTES:
        raise ValueError("far too large")
    saved = json.loads(content)
    if saved["version"] != _VERSION:
        raise ValueError(f"version {saved['version']!r}")
    loads = [_record(entry) for entry in saved["loads"][-_KEPT_LOADS:]]
    rungs = {
        str(name): (Rung.of(rung), _number(rung.get("at", 0)))
        for name, rung in saved["rungs"].items()
    }
    return _State({record.key: record for record in loads}, rungs)


def _record(saved: Mapping[str, Any]) -> LoadRecord:
    return LoadRecord(
        key=str(saved["key"]),
        at=_number(saved["at"]),
        model=str(saved["model"]),
        architecture=str(saved["architecture"]),
        n_ctx=int(saved["n_ctx"]),
        n_gpu_layers=int(saved["n_gpu_layers"]),
        n_threads=int(saved["n_threads"]),
        memory=tuple(map(_measured, saved["memory"])),
        speeds=tuple(map(_measured, saved["speeds"])),
    )


def _measured(saved: Mapping[str, Any]) -> Measured:
    return Measured(
        str(saved["name"]),
        str(saved["backend"]),
        str(saved["driver"]),
        _number(saved["said"]),
        _number(saved["raw"]),
        tuple((_number(value), _number(raw)) for value, raw in saved["values"][-_KEPT_VALUES:]),
    )


def _number(value: Any) -> float:
    number = float(value)
    if not math.isfinite(number):
        raise ValueError(value)
    return number
