"""Which model is in memory, who uses it, and how another one takes its place.

Called on pool threads, which may wait here; loading itself happens on the engine thread. Owns
the engine and starts a dead one again, once. Knows not what is generated.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Hashable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from app.engine.messages import EngineState, LoadCancelled, LoadedModel, LoadSettings
from app.foundation.cancellation import Cancellation
from app.foundation.errors import EngineDead, ModelNotFound, ModelUnsupported, NotEnoughMemory
from app.foundation.paths import person_path
from app.foundation.units import bytes_text
from app.inference.placement import Placement, Placing, Preflight
from app.protocol.model_ref import ModelRef

if TYPE_CHECKING:
    from app.engine.client import EngineClient
    from app.gguf.header import Header

MAX_ENGINE_DEATHS = 2

OnProgress = Callable[[float | None, str], None]
Guard = Callable[[str], AbstractContextManager[None]]

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
    """What is in memory now. `state` is the engine's, or "dead" once it is given up."""

    state: EngineState
    model: LoadedModel | None
    plan: Any
    active: int
    waiting: int


@dataclass(frozen=True, slots=True)
class _Identity:
    """What must be unchanged for a loaded model to be used again."""

    path: str
    size: int
    modified_ns: int
    wish: Hashable


@dataclass(frozen=True, slots=True)
class _Loaded:
    ref: ModelRef
    identity: _Identity
    model: LoadedModel
    placement: Placement
    is_own: bool


class Lease:
    """The right to use the model in memory; it stays there until `release`.

    `is_own` says that it is the built-in model, its file as it was shipped.
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
    ) -> None:
        self._new_engine = new_engine
        self._placing = placing
        self._preflight = preflight
        self._built_in = built_in
        self._guard = guard
        self._changed = threading.Condition()
        self._queue: deque[object] = deque()
        self._engine: EngineClient | None = None
        self._loaded: _Loaded | None = None
        self._leases = 0
        self._deaths = 0
        self._loading = False
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

    def unload(self) -> None:
        """Free the model, in turn. Answers that are being written end as cancelled."""
        with self._turn(Cancellation(), _silent):
            with self._changed:
                engine, self._loaded = self._engine, None
            if engine is not None:
                engine.unload().result()

    def is_loaded(self, ref: ModelRef) -> bool:
        """True if this model is in memory under the present wish. Looks at no file, so that the
        window may ask; whether the file has changed is seen at the next request."""
        with self._changed:
            loaded = self._loaded
        if loaded is None or loaded.ref != ref:
            return False  # before the wish: asking for it imports the planner
        return loaded.identity.wish == self._placing.wish()

    def snapshot(self) -> HostSnapshot:
        """What is in memory now; returns at once on any thread."""
        with self._changed:
            engine, loaded, loading = self._engine, self._loaded, self._loading
            dead = self._deaths >= MAX_ENGINE_DEATHS
        plan = loaded.placement.plan if loaded is not None else None
        if engine is None:
            state: EngineState = "dead" if dead else "loading" if loading else "empty"
            return HostSnapshot(state, None, None, 0, 0)
        now = engine.snapshot()
        state = "loading" if loading and now.state != "dead" else now.state
        return HostSnapshot(state, now.model, plan, now.active, now.waiting)

    def close(self, deadline_s: float) -> bool:
        """Lend nothing any more and end the engine; True if it ended in time."""
        with self._changed:
            self._closed = True
            engine, self._engine, self._loaded = self._engine, None, None
            self._changed.notify_all()
        return engine is None or engine.close(deadline_s)

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
        return _Identity(str(path), status.st_size, status.st_mtime_ns, self._placing.wish())

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
        header = _checked_header(path)
        self._await_leases(cancellation, on_progress)
        with self._changed:
            self._loaded, self._loading = None, True
        try:
            if engine.snapshot().model is not None:
                engine.unload().result()
            on_progress(None, "Finding the best settings for this computer")
            placement = self._placing.place(path, header, cancellation)
            _check_memory(path, placement)
            self._check(cancellation)
            is_own = ref.is_built_in and self._built_in.is_genuine()
            if not is_own:
                on_progress(None, "Trying the model in a helper process first")
                self._preflight.check(placement.settings, cancellation)
            self._check(cancellation)
            model = self._load(engine, placement.settings, on_progress, cancellation)
        finally:
            with self._changed:
                self._loading = False
        return _Loaded(ref, wanted, model, placement, is_own)

    def _await_leases(self, cancellation: Cancellation, on_progress: OnProgress) -> None:
        with self._changed:
            waits = self._leases > 0
        if waits:
            on_progress(None, "Waiting until the present answer is done")
        with self._changed:
            self._changed.wait_for(lambda: self._leases == 0 or cancellation.is_set or self._closed)
        self._check(cancellation)

    def _load(
        self,
        engine: EngineClient,
        settings: LoadSettings,
        on_progress: OnProgress,
        cancellation: Cancellation,
    ) -> LoadedModel:
        def progress(fraction: float) -> None:
            on_progress(fraction, "Loading the model")

        with self._guard(settings.path):
            return engine.load(settings, on_progress=progress, cancellation=cancellation).result()


def _checked_header(path: Path) -> Header:
    """The header of a file that native code may see. Raises the error that says why not."""
    # Not needed before a model is: the window's first paint does not wait for them.
    from app.gguf.check import check_model
    from app.gguf.facts import facts_of
    from app.gguf.split import read_model

    header = read_model(path)
    check_model(header)
    kind = facts_of(header).kind
    if kind != "chat":
        what = {
            "embedding": "It turns text into numbers for searching; it writes none.",
            "vocabulary": "It holds a vocabulary only, no model.",
            "projector": "It is the part of a model that reads pictures, not the model itself.",
            "adapter": "It changes another model and is nothing by itself.",
        }.get(kind, "It is not a language model.")
        raise ModelUnsupported(
            f"{path.name} cannot be used for a chat.", what, "Choose another file of the model."
        )
    return header


def _check_memory(path: Path, placement: Placement) -> None:
    if placement.fits == "no" and not placement.pinned:
        raise NotEnoughMemory(
            f"{path.name} needs more memory than is free.",
            f"It needs {bytes_text(placement.needed_bytes)}; "
            f"{bytes_text(placement.free_bytes)} are free.",
            "Close other programs, or choose a smaller model or a smaller context.",
        )
