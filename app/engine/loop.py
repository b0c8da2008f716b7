"""The engine thread: take commands, load, step, say, idle, shut down.

The only thread that touches native objects, from their making to their freeing. Knows neither
chats nor Qt; callers come through `engine.client`.
"""

from __future__ import annotations

import logging
import os
import time
from concurrent.futures import Future, InvalidStateError
from pathlib import Path
from typing import Any

from app.engine.context import Context
from app.engine.inbox import Inbox
from app.engine.messages import (
    Cancel,
    Close,
    Command,
    EngineSnapshot,
    EngineState,
    Load,
    LoadCancelled,
    LoadedModel,
    LoadSettings,
    Look,
    Submit,
    Unload,
    UseThreads,
)
from app.engine.model import Leases, Model
from app.engine.native import Library, open_library
from app.engine.native.devices import devices
from app.engine.step import Stepper, refuse
from app.foundation.errors import (
    EngineDead,
    HearthError,
    LoadFailed,
    ModelError,
    ModelNotFound,
)
from app.foundation.priority import give_way, has_few_cores

logger = logging.getLogger(__name__)

PROGRESS_INTERVAL_S = 0.03
LEASE_WARNING_S = 5.0

#: Steppers of dead engines whose model somebody still read: kept from being collected.
_UNFREED: list[Stepper] = []


class EngineLoop:
    """Runs until closed or dead. `snapshot` may be read from any thread."""

    def __init__(
        self, inbox: Inbox, leases: Leases, abort_message_path: Path | None, check: bool
    ) -> None:
        self.snapshot = EngineSnapshot("empty", None, 0, 0)
        self._inbox = inbox
        self._leases = leases
        self._abort_message_path = abort_message_path
        self._checks_when_idle = check
        self._stepper: Stepper | None = None
        self._is_closing = False
        # The first is being obeyed, the rest were taken with it.
        self._taken: list[Command] = []

    def run(self) -> None:
        """The body of the engine thread."""
        try:
            if has_few_cores():
                give_way()
            while not self._is_closing:
                stepper = self._stepper
                self._taken = self._inbox.take(wait=stepper is None or stepper.is_idle)
                while self._taken:
                    self._obey(self._taken[0])
                    del self._taken[0]
                if self._stepper is not None and not self._stepper.is_idle:
                    self._step(self._stepper)
            self._unload()
        except BaseException as error:
            logger.exception("the engine thread died")
            self._die(error)

    def _step(self, stepper: Stepper) -> None:
        stepper.admit()
        self._inbox.watch(stepper.stoppable_ids)
        stepper.evaluate()
        self._publish("ready")
        if stepper.is_idle:
            self._check()

    def _obey(self, command: Command) -> None:
        if isinstance(command, Submit):
            if self._stepper is None:
                refuse(command, ModelError("No model is loaded.", "", "Load one first."))
            else:
                self._stepper.submit(command)
                self._publish("ready")
        elif isinstance(command, Cancel):
            if self._stepper is not None:
                logger.debug("request %s is stopped: %s", command.request_id, command.reason)
                self._stepper.cancel(command.request_id)
                self._publish("ready")
                self._check()
        elif isinstance(command, Load):
            later = self._taken[1:]
            self._load(command, any(isinstance(other, (Load, Unload, Close)) for other in later))
        elif isinstance(command, Unload):
            if command.future.set_running_or_notify_cancel():
                self._unload()
                command.future.set_result(None)
        elif isinstance(command, UseThreads):
            if self._stepper is not None:
                self._stepper.use_threads(command.n_threads, command.n_threads_batch)
        elif isinstance(command, Look):
            _look(command)
        else:
            self._is_closing = True

    def _load(self, command: Load, is_pointless: bool) -> None:
        if not command.future.set_running_or_notify_cancel():
            return
        try:
            self._unload()
            self._publish("loading")
            if is_pointless or command.cancellation.is_set:
                raise LoadCancelled
            facts = self._make(command)
        except Exception as error:  # noqa: BLE001 - handed to the caller, and logged if a bug
            self._publish("empty")
            command.future.set_exception(_as_load_error(error, command.settings))
            return
        self._publish("ready", facts)
        command.future.set_result(facts)

    def _make(self, command: Load) -> LoadedModel:
        settings = command.settings
        settings.check()
        if not os.path.isfile(settings.path):
            raise ModelNotFound(
                "The model file is not there.",
                f"Nothing was found at {settings.path}.",
                "It may have been moved or deleted; choose it again.",
            )
        library = open_library(self._abort_message_path)
        library.log.clear()
        started_s = time.perf_counter()
        progress = _Progress(command, self._inbox)
        try:
            model = Model(library, settings, progress.keep_going)
            try:
                context = Context(model, settings, self._inbox.flag)
            except BaseException:
                model.close()
                raise
        except RuntimeError as error:
            if progress.was_stopped:
                raise LoadCancelled from error
            raise _refused(library, settings) from error
        facts = _facts(model, context, settings, (time.perf_counter() - started_s) * 1e3)
        self._stepper = Stepper(model, context, facts, settings)
        self._leases.open(model.vocabulary)
        _say_progress(command, 1.0)
        return facts

    def _unload(self) -> None:
        stepper = self._stepper
        if stepper is None:
            self._publish("empty")
            return
        stepper.cancel_all()
        self._check()
        self._leases.close()
        while not self._leases.wait(LEASE_WARNING_S):
            logger.warning("unloading waits for somebody who still reads the vocabulary")
        self._stepper = None
        stepper.close()
        self._publish("empty")

    def _die(self, error: BaseException) -> None:
        title = "The inference engine stopped working."
        refusal = EngineDead(title, f"{type(error).__name__}: {error}", "Load the model again.")
        stepper, self._stepper = self._stepper, None
        self._leases.close()
        self.snapshot = EngineSnapshot("dead", None, 0, 0)
        left = self._taken + self._inbox.close(refusal)
        if stepper is not None:
            left = [
                command
                for command in left
                if not (isinstance(command, Submit) and stepper.has_open(command))
            ]
            try:
                stepper.fail_all(refusal)
            except Exception:
                logger.exception("while failing the open requests")
            try:
                if self._leases.wait(LEASE_WARNING_S):
                    stepper.close()
                else:
                    # Somebody still reads the vocabulary: memory lost is better than memory
                    # freed under a reader.
                    logger.error("the model was not freed: its vocabulary is still in use")
                    _UNFREED.append(stepper)
            except Exception:
                logger.exception("while freeing the model")
        for command in left:
            _reject(command, refusal)

    def _check(self) -> None:
        if self._checks_when_idle and self._stepper is not None and self._stepper.is_idle:
            self._stepper.check_integrity()

    def _publish(self, state: EngineState, model: LoadedModel | None = None) -> None:
        stepper = self._stepper
        n_active = n_waiting = 0
        if stepper is not None:
            model = stepper.facts
            n_active = len(stepper.scheduler.running)
            n_waiting = len(stepper.scheduler.waiting)
        now = self.snapshot
        if (now.state, now.model, now.active, now.waiting) != (state, model, n_active, n_waiting):
            self.snapshot = EngineSnapshot(state, model, n_active, n_waiting)


class _Progress:
    """Tells how far a load is, and native code whether to go on."""

    def __init__(self, command: Load, inbox: Inbox) -> None:
        self.was_stopped = False
        self._command = command
        self._inbox = inbox
        self._last_s = 0.0

    def keep_going(self, fraction: float) -> bool:
        if self._command.cancellation.is_set or self._inbox.is_load_stopped:
            self.was_stopped = True
            return False
        now_s = time.perf_counter()
        if now_s - self._last_s >= PROGRESS_INTERVAL_S:
            self._last_s = now_s
            _say_progress(self._command, fraction)
        return True


def _say_progress(command: Load, fraction: float) -> None:
    try:
        command.on_progress(min(1.0, max(0.0, fraction)))
    except Exception:
        logger.exception("a progress callback raised")


def _refused(library: Library, settings: LoadSettings) -> LoadFailed:
    why = "; ".join(library.log.errors())
    return LoadFailed(
        "The model could not be loaded.",
        why or f"llama.cpp gave no reason for {settings.path}.",
        "Check that the download is complete, or choose a smaller context.",
    )


def _as_load_error(error: Exception, settings: LoadSettings) -> HearthError:
    if isinstance(error, HearthError):
        return error
    logger.error("loading %s failed", settings.path, exc_info=error)
    return LoadFailed("The model could not be loaded.", f"{type(error).__name__}: {error}")


def _facts(model: Model, context: Context, settings: LoadSettings, load_ms: float) -> LoadedModel:
    vocabulary = model.vocabulary
    return LoadedModel(
        path=settings.path,
        name=model.meta("general.name") or Path(settings.path).stem,
        architecture=model.meta("general.architecture"),
        description=model.description(),
        n_ctx=min(settings.n_ctx, context.n_cells),
        n_ctx_train=model.n_ctx_train,
        n_vocab=vocabulary.n_vocab,
        n_layers=model.n_layers,
        chat_template=model.chat_template(),
        bos_text=vocabulary.bos_text(),
        eos_text=vocabulary.eos_text(),
        add_bos=vocabulary.add_bos,
        is_recurrent=model.is_recurrent,
        load_ms=load_ms,
        memory=model.handle.library.log.memory(),
    )


def _look(command: Look) -> None:
    if not command.future.set_running_or_notify_cancel():
        return
    try:
        found = devices(open_library())
    except Exception as error:  # noqa: BLE001 - the caller's to say; the engine goes on
        command.future.set_exception(error)
        return
    command.future.set_result(
        {
            device["name"]: min(device["free_bytes"], device["total_bytes"])
            for device in found
            if device["kind"] != "cpu"
        }
    )


def _reject(command: Command, refusal: EngineDead) -> None:
    if isinstance(command, Submit):
        refuse(command, refusal)
    elif isinstance(command, (Load, Unload, Look)):
        future: Future[Any] = command.future
        try:
            future.set_exception(refusal)
        except InvalidStateError:
            logger.debug("a load or unload was already answered")
