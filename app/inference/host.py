"""Which model is in memory, who uses it, and how another one takes its place.

Called on pool threads, which may wait here; loading itself happens on the engine thread. Owns
the engine and starts a dead one again, once. Knows not what is generated.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Collection, Hashable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from app.engine.messages import EngineState, LoadCancelled, LoadedModel
from app.foundation.cancellation import Cancellation
from app.foundation.errors import EngineDead, ModelNotFound
from app.foundation.paths import person_path
from app.inference.loading import Guard, Loader, OnProgress, checked_header
from app.inference.placement import Aftermath, NoAftermath, Placement, Placing, Preflight
from app.protocol.model_ref import ModelRef

if TYPE_CHECKING:
    from app.engine.client import EngineClient

MAX_ENGINE_DEATHS = 2

_log = logging.getLogger(__name__)


class BuiltIn(Protocol):
    """Where the built-in model is, and whether the file there is the one that was shipped."""

    @property
    def path(self) -> Path: ...

    def is_genuine(self) -> bool:
        """True if its SHA-256 is the recorded one; a genuine file needs no trial."""
        ...


@dataclass(frozen=True, slots=True)
class HostSnapshot:
    """What is in memory now. `state` is the engine's, or "dead" once it is given up; `ref` is
    by what name the model was last asked for."""

    state: EngineState
    model: LoadedModel | None
    plan: Any
    active: int
    waiting: int
    ref: ModelRef | None = None


@dataclass(frozen=True, slots=True)
class _Identity:
    """What must be unchanged for a loaded model to be used again."""

    path: str
    size: int
    modified_ns: int
    terms: Hashable


@dataclass(frozen=True, slots=True)
class _Loaded:
    ref: ModelRef
    identity: _Identity
    model: LoadedModel
    placement: Placement
    is_own: bool


class Lease:
    """The right to use the model in memory; it stays there until `release`.

    `placement` says how it is placed, `is_own` that it is the built-in model, its
    file as it was shipped.
    """

    def __init__(
        self,
        engine: EngineClient,
        loaded: _Loaded,
        load_ms: float,
        release: Callable[[], None],
    ) -> None:
        self.engine = engine
        self.model = loaded.model
        self.is_own = loaded.is_own
        self.placement = loaded.placement
        self.load_ms = load_ms
        self._release: Callable[[], None] | None = release
        self._lock = threading.Lock()

    def release(self) -> None:
        """Give the model back. A second call does nothing."""
        with self._lock:
            release, self._release = self._release, None
        if release is not None:
            release()


def _silent(_fraction: float | None, _sentence: str) -> None:
    return None


@contextmanager
def _unguarded(_what: str) -> Iterator[None]:
    yield


class ModelHost:
    """The one model in memory. Requests for it share it; one for another waits its turn.

    First come, first served: a request for another model is not overtaken by later ones for
    the present model, so it starts as soon as the answers before it are done.
    """

    def __init__(
        self,
        new_engine: Callable[[], EngineClient],
        placing: Placing,
        preflight: Preflight,
        built_in: BuiltIn,
        *,
        guard: Guard = _unguarded,
        aftermath: Aftermath | None = None,
    ) -> None:
        self._new_engine = new_engine
        self._placing = placing
        self._built_in = built_in
        self.aftermath: Aftermath = aftermath or NoAftermath()
        self._loader = Loader(placing, preflight, self.aftermath, guard)
        self._allowed: set[str] = set()
        self._changed = threading.Condition()
        self._queue: deque[object] = deque()
        self._engine: EngineClient | None = None
        self._loaded: _Loaded | None = None
        self._leases = 0
        self._deaths = 0
        self._loading = False
        self._coming = ""
        self._leaving: frozenset[str] = frozenset()
        self._closed = False

    def acquire(
        self, ref: ModelRef, *, on_progress: OnProgress, cancellation: Cancellation
    ) -> Lease:
        """Wait until the model is in memory and lend it. Loads it if it is not.

        Raises LoadCancelled when cancelled, and every error of a file that cannot be used.
        """
        wanted = self._identity(ref)
        with self._turn(cancellation, on_progress):
            engine = self._living_engine()
            self._expect(wanted.path)
            loaded = self._loaded
            load_ms = 0.0
            if loaded is None or loaded.identity != wanted:
                begin = time.monotonic()
                loaded = self._replace(engine, wanted, ref, on_progress, cancellation)
                load_ms = (time.monotonic() - begin) * 1000
            with self._changed:
                self._loaded = replace(loaded, ref=ref)
                self._leases += 1
                age = self._deaths
            return Lease(engine, loaded, load_ms, lambda: self._release(age))

    def unload(self, *, when_idle: bool = False) -> None:
        """Free the model, in turn. Answers that are being written end as cancelled, or, with
        `when_idle`, are written to their end first."""
        with self._turn(Cancellation(), _silent):
            if when_idle:
                self._await_leases(Cancellation(), _silent)
            with self._changed:
                engine, self._loaded = self._engine, None
            if engine is not None:
                engine.unload().result()

    @contextmanager
    def letting_go(self, paths: Collection[str], cancel: Callable[[], None]) -> Iterator[None]:
        """Until the end of the block these files (whole paths, without links) are in no memory:
        they may be moved or deleted, which not every system allows while they are in use.

        `cancel` ends the requests for them that there are; later ones are refused.
        """
        names = frozenset(paths)
        with self._changed:
            self._leaving |= names
        try:
            cancel()
            with self._changed:
                is_held = self._loaded is not None and self._loaded.identity.path in names
                is_held = is_held or self._coming in names
            if is_held:
                self._put_away(names)
            yield
        finally:
            with self._changed:
                self._leaving -= names

    def allow(self, ref: ModelRef) -> None:
        """Load this model from now on even where it does not fit: the person was warned."""
        with self._changed:
            self._allowed.add(ref.name)

    def use_threads(self, n_threads: int, n_threads_batch: int) -> None:
        """Write and read with so many threads from the next step on, until the next load."""
        with self._changed:
            engine = self._engine
        if engine is not None:
            engine.use_threads(n_threads, n_threads_batch)

    def device_memory(self, deadline_s: float) -> dict[str, int]:
        """What is free on the devices that the model in memory uses; nothing where it uses
        none. Waits for the engine's next step; raises TimeoutError or EngineDead."""
        with self._changed:
            engine, loaded = self._engine, self._loaded
        if engine is None or loaded is None or not loaded.placement.settings.uses_gpu:
            return {}
        return engine.device_memory().result(deadline_s)

    def placement(self) -> Placement | None:
        """How the model in memory is placed; None while there is none."""
        with self._changed:
            return None if self._loaded is None else self._loaded.placement

    def is_loaded(self, ref: ModelRef) -> bool:
        """True if this model is in memory under the present terms. Looks at no file, so that the
        window may ask; whether the file has changed is seen at the next request."""
        with self._changed:
            loaded = self._loaded
        if loaded is None or loaded.ref != ref:
            return False  # before the terms: asking for them imports the planner
        return loaded.identity.terms == self._placing.terms(Path(loaded.identity.path))

    def snapshot(self) -> HostSnapshot:
        """What is in memory now; returns at once on any thread."""
        with self._changed:
            engine, loaded, loading = self._engine, self._loaded, self._loading
            dead = self._deaths >= MAX_ENGINE_DEATHS
        plan, ref = (None, None) if loaded is None else (loaded.placement.plan, loaded.ref)
        if engine is None:
            state: EngineState = "dead" if dead else "loading" if loading else "empty"
            return HostSnapshot(state, None, None, 0, 0)
        now = engine.snapshot()
        state = "loading" if loading and now.state != "dead" else now.state
        return HostSnapshot(state, now.model, plan, now.active, now.waiting, ref)

    def close(self, deadline_s: float) -> bool:
        """Lend nothing any more and end the engine; True if it ended in time."""
        with self._changed:
            self._closed = True
            engine, self._engine, self._loaded = self._engine, None, None
            self._changed.notify_all()
        return engine is None or engine.close(deadline_s)

    def _expect(self, path: str) -> None:
        """This model is wanted now. Raises ModelNotFound for one that is being removed."""
        with self._changed:
            if path in self._leaving:
                raise ModelNotFound(
                    f"{Path(path).name} is being removed.", "", "Choose another model."
                )
            self._coming = path

    def _put_away(self, names: Collection[str]) -> None:
        with self._turn(Cancellation(), _silent):
            with self._changed:
                engine, loaded = self._engine, self._loaded
                if loaded is None or loaded.identity.path not in names:
                    return
                self._loaded = None
            if engine is not None:
                with suppress(EngineDead):  # its memory went with it
                    engine.unload().result()

    def _release(self, age: int) -> None:
        """Count a lease back, unless its engine has died since and took all leases along."""
        with self._changed:
            if age == self._deaths:
                self._leases -= 1
                self._changed.notify_all()

    def _identity(self, ref: ModelRef) -> _Identity:
        path = self._built_in.path if ref.is_built_in else person_path(ref.name)
        try:
            path = path.resolve()
            status = path.stat()
        except (OSError, ValueError, RuntimeError):
            raise ModelNotFound(
                "There is no such model.",
                f"Nothing was found at {path}."
                if not ref.is_built_in
                else "The built-in model is missing from this installation.",
                "Check the path, or choose another model."
                if not ref.is_built_in
                else "Install Hearth again.",
            ) from None
        terms = self._placing.terms(path)
        return _Identity(str(path), status.st_size, status.st_mtime_ns, terms)

    @contextmanager
    def _turn(self, cancellation: Cancellation, on_progress: OnProgress) -> Iterator[None]:
        """Hold the head of the queue: only its holder looks at or changes what is loaded."""
        ticket = object()
        cancellation.on_cancel(self._wake)
        with self._changed:
            self._queue.append(ticket)
            waits = self._queue[0] is not ticket
        try:
            if waits:
                on_progress(None, "Waiting for another request")
            with self._changed:
                self._changed.wait_for(
                    lambda: self._queue[0] is ticket or cancellation.is_set or self._closed
                )
            self._check(cancellation)
            yield
        finally:
            with self._changed:
                self._queue.remove(ticket)
                self._changed.notify_all()

    def _wake(self) -> None:
        with self._changed:
            self._changed.notify_all()

    def _check(self, cancellation: Cancellation) -> None:
        if cancellation.is_set or self._closed:
            raise LoadCancelled()

    def _living_engine(self) -> EngineClient:
        """The engine, started anew if the last one died. Called at the head of the queue."""
        engine = self._engine
        if engine is not None and engine.snapshot().state == "dead":
            with self._changed:
                self._deaths += 1
                self._leases = 0
                self._engine, self._loaded = None, None
            _log.error("the engine died (%d of %d)", self._deaths, MAX_ENGINE_DEATHS)
            engine.close(0.5)
            engine = None
        if self._deaths >= MAX_ENGINE_DEATHS:
            raise EngineDead(
                "The engine failed twice and is switched off.",
                "It was started again once and failed again; your chats are safe.",
                "Start Hearth again. If it keeps failing, `hearth doctor` shows what is wrong.",
            )
        if engine is None:
            engine = self._new_engine()
            with self._changed:
                if self._closed:
                    raise LoadCancelled()
                self._engine = engine
        return engine

    def _replace(
        self,
        engine: EngineClient,
        wanted: _Identity,
        ref: ModelRef,
        on_progress: OnProgress,
        cancellation: Cancellation,
    ) -> _Loaded:
        """Check the file, wait for the leases on the present model, and load the other."""
        path = Path(wanted.path)
        on_progress(None, "Checking the model file")
        header = checked_header(path)
        self._await_leases(cancellation, on_progress)
        with self._changed:
            self._loaded, self._loading = None, True
            anyway = ref.name in self._allowed
        try:
            if engine.snapshot().model is not None:
                engine.unload().result()
            is_own = ref.is_built_in and self._built_in.is_genuine()
            model, placement, terms = self._loader.load(
                engine,
                path,
                header,
                on_progress,
                cancellation,
                is_trusted=is_own,
                anyway=anyway,
            )
        finally:
            with self._changed:
                self._loading = False
        # A load that left too little was made again with less, or settings changed meanwhile.
        return _Loaded(ref, replace(wanted, terms=terms), model, placement, is_own)

    def _await_leases(self, cancellation: Cancellation, on_progress: OnProgress) -> None:
        with self._changed:
            waits = self._leases > 0
        if waits:
            on_progress(None, "Waiting until the present answer is done")
        with self._changed:
            self._changed.wait_for(lambda: self._leases == 0 or cancellation.is_set or self._closed)
        self._check(cancellation)
