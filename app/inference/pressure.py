"""Notices that memory runs short while a model is held, and offers to give some back.

One thread that sleeps and looks now and then; it never loads or frees anything by itself, and
what is followed waits until the present answer is done. `Judge` is the pure part.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Final, Protocol

from app.foundation.units import MIB, bytes_text
from app.hardware.pressure import Moment, moment
from app.inference.advice import Advice, Adviser, Deed, Followed
from app.inference.host import HostSnapshot
from app.inference.placement import Placement
from app.inference.rungs import MAIN, Rung, rung_below
from app.planner.plan import Plan
from app.planner.threads import Threads
from app.protocol.generation import Event, Failed, Finished, Sink
from app.protocol.model_ref import ModelRef

LOOK_S: Final = 5.0
AGAIN_S: Final = 600.0
"""What was offered is not offered again sooner."""
SHORT_BYTES: Final = 256 * MIB
SHORT_SHARE: Final = 0.03
STALLED_PERCENT: Final = 10.0
STALLED_SHARE: Final = 0.10
CARD_SHORT_BYTES: Final = 128 * MIB
CARD_TAKEN_BYTES: Final = 256 * MIB
WORTH_BYTES: Final = 256 * MIB
"""Less than this is not worth offering."""
_LOOKS_IN_A_ROW = 2
_ASK_S = 1.0

_log = logging.getLogger(__name__)


class Holder(Protocol):
    """Who holds the model (`ModelHost`)."""

    def snapshot(self) -> HostSnapshot: ...

    def placement(self) -> Placement | None: ...

    def device_memory(self, deadline_s: float) -> dict[str, int]: ...

    def use_threads(self, n_threads: int, n_threads_batch: int) -> None: ...


class Opener(Protocol):
    """Who loads and frees it in turn (`InferenceService`)."""

    def load(self, ref: ModelRef, sink: Sink) -> str: ...

    def unload(self, *, when_idle: bool = False) -> Future[None]: ...


class Planner(Protocol):
    """Who plans the next load (`Planning`)."""

    def step_down(self, path: Path, rung: Rung) -> None: ...

    def threads_now(self) -> Threads: ...


@dataclass(slots=True)
class Judge:
    """What a row of looks means. Pure; one for one watcher."""

    _placement: Placement | None = None
    _path: str = ""
    _n_short: int = 0
    _told_s: float | None = None
    _eased: bool = True
    _free_at_first: Mapping[str, int] = field(default_factory=dict)

    def look(
        self, now_s: float, state: Moment, placement: Placement, free: Mapping[str, int]
    ) -> Advice | None:
        """Advice, if memory is short twice in a row and none was given for this spell."""
        plan, path = placement.plan, placement.settings.path
        if not isinstance(plan, Plan):
            return None
        if placement is not self._placement:  # loaded anew, be it the same file with less
            self._placement, self._n_short, self._free_at_first = placement, 0, {}
        # An engine that is busy says nothing at first.
        self._free_at_first = {**free, **self._free_at_first}
        if path != self._path:
            self._path, self._told_s, self._eased = path, None, True
        short = self._short_of(state, plan, free)
        if short is None:
            self._n_short, self._eased = 0, True
            return None
        self._n_short += 1
        is_new = self._eased and (self._told_s is None or now_s - self._told_s >= AGAIN_S)
        if self._n_short < _LOOKS_IN_A_ROW or not is_new:
            return None
        self._told_s, self._eased = now_s, False
        return _advice(state, plan, path, short, free)

    def _short_of(self, state: Moment, plan: Plan, free: Mapping[str, int]) -> str | None:
        """The memory that others need and this model holds, if any."""
        if is_short(state) and plan.needed_bytes >= WORTH_BYTES:
            return MAIN
        for share in plan.memory[1:]:
            name = share.pool.name
            if name not in free or share.pool.shares_main:
                continue
            taken = self._free_at_first.get(name, free[name]) - free[name]
            if free[name] < CARD_SHORT_BYTES and taken >= CARD_TAKEN_BYTES:
                return name
        return None


def is_short(state: Moment) -> bool:
    """Whether the computer is about to swap, or already waits for memory."""
    if not state.total_bytes or not state.available_bytes:
        return False  # not known
    if state.available_bytes < max(SHORT_BYTES, SHORT_SHARE * state.total_bytes):
        return True
    stalled = state.stalled_percent is not None and state.stalled_percent >= STALLED_PERCENT
    return stalled and state.available_bytes < STALLED_SHARE * state.total_bytes


def deed_for(plan: Plan, pool: str) -> Deed:
    """What gives back enough: a smaller context or less on the card, else all of it."""
    rung = rung_below(plan, pool, "")
    if pool != MAIN:
        return "less_on_card" if rung is not None else "unload"
    cells = sum(share.need.kv_bytes for share in plan.memory if share.pool.name == MAIN)
    if rung is None or rung.n_ctx is None:
        return "unload"
    return "smaller_context" if cells * (1 - rung.n_ctx / plan.n_ctx) >= WORTH_BYTES else "unload"


def _advice(state: Moment, plan: Plan, path: str, pool: str, free: Mapping[str, int]) -> Advice:
    deed = deed_for(plan, pool)
    if pool == MAIN:
        title = "The memory of this computer is nearly full."
        left, held = state.available_bytes, plan.needed_bytes
    else:
        title = f"Another program needs the memory of {pool}."
        left = free[pool]
        held = next(s.need.total_bytes for s in plan.memory if s.pool.name == pool)
    offer = {
        "smaller_context": "With a smaller context it needs less.",
        "less_on_card": "With less on the card it is slower, and both have room.",
        "unload": "It can be put away, and is opened again with the next message.",
        "": "",
    }[deed]
    detail = f"{bytes_text(left)} are left, and {plan.model} holds {bytes_text(held)}. {offer}"
    return Advice(title, detail, deed, path, pool)


class PressureWatcher:
    """The thread that looks. `close` ends it; may be called without `start`."""

    def __init__(
        self,
        holder: Holder,
        opener: Opener,
        planner: Callable[[], Planner],
        adviser: Adviser,
        *,
        look: Callable[[], Moment] = moment,
        look_s: float = LOOK_S,
    ) -> None:
        self._holder = holder
        self._opener = opener
        self._planner = planner
        self._adviser = adviser
        self._look = look
        self._look_s = look_s
        self._judge = Judge()
        self._power: tuple[str, str] = ("", "")
        self._closed = threading.Event()
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Begin to look."""
        if self._thread is None and not self._closed.is_set():
            self._thread = threading.Thread(target=self._watch, name="pressure", daemon=True)
            self._thread.start()

    def close(self, deadline_s: float) -> bool:
        """Look no more; True if the thread has ended."""
        self._closed.set()
        if self._thread is not None:
            self._thread.join(deadline_s)
        return self._thread is None or not self._thread.is_alive()

    def follow(self, advice: Advice) -> Future[Followed]:
        """Do what was offered, once the present answer is written. For a model that is no longer
        there nothing is done; where it cannot do with less it is put away."""
        now, placement = self._holder.snapshot(), self._holder.placement()
        done: Future[Followed] = Future()
        if placement is None or now.ref is None or placement.settings.path != advice.path:
            done.set_result("nothing")
            return done
        rung = None
        if advice.deed != "unload" and isinstance(placement.plan, Plan):
            rung = self._rung(placement.plan, advice)
        if rung is None:
            self._opener.unload(when_idle=True).add_done_callback(partial(_put_away, done))
            return done
        self._planner().step_down(Path(advice.path), rung)

        def sink(event: Event) -> None:
            if isinstance(event, Finished):
                done.set_result("less" if event.reason == "stop" else "nothing")
            elif isinstance(event, Failed):
                done.set_exception(event.error)

        self._opener.load(now.ref, sink)
        return done

    def _rung(self, plan: Plan, advice: Advice) -> Rung | None:
        if advice.deed == "smaller_context":
            why = "The context is smaller, because other programs needed memory."
            return rung_below(plan, MAIN, why)
        why = "Less is put on the graphics card, because another program needed it."
        return rung_below(plan, advice.pool, why) if advice.pool else None

    def _watch(self) -> None:
        while not self._closed.wait(self._look_s):
            try:
                self._look_once()
            except Exception:  # noqa: BLE001 - a look that fails must not end the looking
                _log.exception("memory and power could not be looked at")

    def _look_once(self) -> None:
        placement = self._holder.placement()
        if placement is None:
            return
        state = self._look()
        self._follow_power(state.power, placement)
        advice = self._judge.look(time.monotonic(), state, placement, self._devices())
        if advice is not None:
            self._adviser.tell(advice)

    def _devices(self) -> Mapping[str, int]:
        """What is free on the cards in use; an engine that is busy is asked another time."""
        try:
            return self._holder.device_memory(_ASK_S)
        except Exception as error:  # noqa: BLE001 - a driver that does not say
            _log.debug("what is free on the graphics card is not known: %s", error)
            return {}

    def _follow_power(self, source: str, placement: Placement) -> None:
        """Other power, other threads: at once, without loading again."""
        path = placement.settings.path
        if self._power[0] != path:
            self._power = (path, source)
            return
        if source and source != self._power[1]:
            self._power = (path, source)
            if isinstance(placement.plan, Plan) and "n_threads" not in placement.plan.pinned:
                threads = self._planner().threads_now()
                _log.info("power now comes from %s: %d threads", source, threads.count)
                self._holder.use_threads(threads.count, threads.reading)


def _put_away(done: Future[Followed], unloading: Future[None]) -> None:
    error = unloading.exception()
    if error is None:
        done.set_result("unloaded")
    else:
        done.set_exception(error)
