"""The thread-safe door to the engine. Nothing here blocks but `close`, and that with a deadline.

Starts the engine thread at the first load. Every accepted request ends in exactly one
`Finished` or `Failed`. Importing this module does not load llama.cpp.
"""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from contextlib import AbstractContextManager
from pathlib import Path

from app.engine.inbox import Inbox
from app.engine.loop import EngineLoop
from app.engine.messages import (
    Cancel,
    Close,
    Command,
    EngineRequest,
    EngineSnapshot,
    Load,
    LoadedModel,
    LoadSettings,
    Look,
    Submit,
    Unload,
    UseThreads,
)
from app.engine.model import Leases, Vocabulary
from app.foundation.cancellation import Cancellation
from app.foundation.errors import EngineDead
from app.protocol.generation import Sink

STACK_BYTES = 16 << 20


class EngineClient:
    """One engine with at most one model. Closed once, never reopened: make a new one."""

    def __init__(
        self, abort_message_path: Path | None = None, *, check_integrity: bool = False
    ) -> None:
        """Where native code leaves its last words; `check_integrity` is for tests."""
        self._inbox = Inbox()
        self._leases = Leases()
        self._loop = EngineLoop(self._inbox, self._leases, abort_message_path, check_integrity)
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None

    def load(
        self,
        settings: LoadSettings,
        *,
        on_progress: Callable[[float], None],
        cancellation: Cancellation,
    ) -> Future[LoadedModel]:
        """Put this model in place of the present one, whose requests are cancelled.

        `on_progress` gets 0 to 1 on the engine thread. The future raises InvalidInput,
        ModelNotFound, ModelUnsupported, LoadFailed or LoadCancelled. Raises EngineDead.
        """
        future: Future[LoadedModel] = Future()
        self._enqueue(Load(settings, on_progress, cancellation, future))
        return future

    def submit(self, request: EngineRequest, sink: Sink) -> None:
        """Queue a request. Raises EngineDead; whatever else is wrong arrives as `Failed`.

        `sink` is called on the engine thread and must return at once.
        """
        self._enqueue(Submit(request, sink, time.perf_counter()))

    def cancel(self, request_id: str, reason: str = "cancelled") -> None:
        """End a request with finish reason "cancelled". An unknown or ended id is no error."""
        try:
            self._enqueue(Cancel(request_id, reason))
        except EngineDead:
            return

    def unload(self) -> Future[None]:
        """Cancel all requests and free the model, also one that is being loaded."""
        future: Future[None] = Future()
        self._enqueue(Unload(future))
        return future

    def use_threads(self, n_threads: int, n_threads_batch: int) -> None:
        """Write and read with so many threads from now on, as power or other programs allow."""
        with contextlib.suppress(EngineDead):
            self._enqueue(UseThreads(n_threads, n_threads_batch))

    def device_memory(self) -> Future[dict[str, int]]:
        """What is free on each device, by its driver; for engines with a model on one, whose
        driver runs already. Answered between two steps; raises EngineDead."""
        future: Future[dict[str, int]] = Future()
        self._enqueue(Look(future))
        return future

    def snapshot(self) -> EngineSnapshot:
        return self._loop.snapshot

    def vocabulary(self) -> AbstractContextManager[Vocabulary]:
        """The vocabulary for tokenizing on any thread; unloading waits for the block to end.

        Entering raises ModelError while no model is loaded.
        """
        return self._leases.hold()

    def close(self, deadline_s: float) -> bool:
        """Refuse new work, cancel everything, free everything. False past the deadline.

        Idempotent, and may be called again to wait longer.
        """
        refusal = EngineDead("Hearth is closing.", "No new answer is begun.", "Start it again.")
        with self._lock:
            thread = self._thread
            self._inbox.close(refusal, Close() if thread is not None else None)
        if thread is None:
            return True
        thread.join(max(0.0, deadline_s))
        return not thread.is_alive()

    def _enqueue(self, command: Command) -> None:
        with self._lock:
            self._inbox.put(command)
            if self._thread is None:
                self._thread = self._start()

    def _start(self) -> threading.Thread:
        # A daemon, so that a hung driver cannot keep a closed window's process alive.
        thread = threading.Thread(target=self._loop.run, name="hearth-engine", daemon=True)
        # Native code recurses over grammars and graphs; some systems give threads 512 KB only.
        # The size is a setting of the process, so it is put back at once.
        before_bytes = threading.stack_size(STACK_BYTES)
        try:
            thread.start()
        finally:
            threading.stack_size(before_bytes)
        return thread
