"""generate() for all faces: admitted at once, made ready on a pool, answered by the engine.

Every request ends in exactly one Finished or Failed, whatever happens. Sinks are called on pool
and engine threads. Knows not who asks.
"""

from __future__ import annotations

import itertools
import logging
import threading
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from app.engine.messages import EngineRequest, EngineState, LoadCancelled, LoadedModel
from app.foundation.cancellation import Cancellation
from app.foundation.errors import ContextExceeded, HearthError, InvalidInput, RequestFailed
from app.foundation.paths import person_path
from app.inference.host import Lease, ModelHost
from app.inference.placement import Placement
from app.inference.pool import Pool
from app.inference.requests import ActiveRequest, AnswerWatch
from app.inference.tokenizing import (
    PromptTokenizer,
    Vocabulary,
    check_context,
    check_size,
    plainly_too_long,
)
from app.metrics import recorder as metrics
from app.metrics.recorder import Recorder
from app.protocol.chat import Message
from app.protocol.generation import Event, Failed, Finished, GenerationRequest, Sink, Timings
from app.protocol.model_ref import ModelRef

if TYPE_CHECKING:
    from app.templates.render import Rendered

POOL_THREADS = 4
_MAX_NOTES = 20
_WARM_UP = GenerationRequest((Message("user", "Hello"),))

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class ServiceSnapshot:
    """What inference is doing. `notes` are sentences about the present model's template; `ref`
    is by what name the model was last asked for."""

    state: EngineState
    model: LoadedModel | None
    plan: Any
    active: int
    waiting: int
    notes: tuple[str, ...] = ()
    ref: ModelRef | None = None


class Rendering(Protocol):
    """Messages and a template → a prompt, as `templates.render.Renderer` makes it."""

    def render(
        self,
        messages: Sequence[Message],
        template: str | None,
        *,
        architecture: str,
        name: str = "",
        bos: str = "",
        eos: str = "",
        continue_last: bool = False,
        is_own: bool = False,
    ) -> Rendered: ...

    def close(self) -> None: ...


class InferenceService:
    """The door to generation. Owns the host, the renderer and the pool, and closes them."""

    def __init__(self, host: ModelHost, renderer: Rendering, recorder: Recorder) -> None:
        self._host = host
        self._renderer = renderer
        self._recorder = recorder
        self._tokenizer = PromptTokenizer()
        self._pool = Pool("inference", POOL_THREADS)
        self._numbers = itertools.count(1)
        self._lock = threading.Lock()
        self._active: dict[str, ActiveRequest] = {}
        self._counting: set[Cancellation] = set()
        self._notes: tuple[str, tuple[str, ...]] = ("", ())

    def generate(self, request: GenerationRequest, sink: Sink) -> str:
        """Answer `request` through `sink`; returns the request's id at once.

        In `Finished.timings`, `load_ms` is what making the model ready took (0 if it was), and
        `ttft_ms` runs from this call to the first token, less `load_ms`.
        """
        return self._admit(request, sink, self._generate)

    def load(self, ref: ModelRef, sink: Sink) -> str:
        """Make a model ready. Ends in Finished with reason "stop" and no tokens, or Failed."""
        return self._admit(GenerationRequest((), ref), sink, self._make_ready)

    def cancel(self, request_id: str, reason: str = "cancelled") -> None:
        """End a request with finish reason "cancelled"; unknown and ended ids are ignored.

        A request that the engine has not begun ends before this returns.
        """
        with self._lock:
            active = self._active.get(request_id)
        if active is not None:
            active.cancellation.cancel(reason)

    def unload(self, *, when_idle: bool = False) -> Future[None]:
        """Free the model; every request is cancelled, or with `when_idle` ends by itself first."""
        if not when_idle:
            self._cancel_all("unloaded")
        return self._in_pool(lambda: self._host.unload(when_idle=when_idle))

    @contextmanager
    def letting_go(self, paths: Iterable[Path]) -> Iterator[None]:
        """Until the end of the block these files are in no memory, so that they can be moved or
        deleted. Requests for them end as cancelled. Waits for the engine; on any thread that may.
        """
        names = frozenset(map(_plain, paths))
        cancel = partial(_cancel_those, self._active, self._lock, names)
        with self._host.letting_go(names, cancel):
            yield

    def allow(self, ref: ModelRef) -> None:
        """Load this model from now on even where it does not fit: the person was warned."""
        self._host.allow(ref)

    def count_tokens(self, messages: Sequence[Message], ref: ModelRef) -> Future[int]:
        """How many tokens the prompt for an answer to `messages` has; an estimate for what cannot
        fit by far. Loads the model if needed."""
        request = GenerationRequest(tuple(messages), ref)

        cancellation = Cancellation()
        with self._lock:
            self._counting.add(cancellation)

        def count() -> int:
            check_size(message.text for message in messages)
            lease = self._host.acquire(ref, on_progress=_unheard, cancellation=cancellation)
            try:
                estimate = _estimate(request, lease)
                return len(self._prompt(request, lease)[0]) if estimate is None else estimate
            finally:
                lease.release()

        future: Future[int] = self._in_pool(count)
        future.add_done_callback(lambda _future: self._counting.discard(cancellation))
        return future

    def is_ready(self, ref: ModelRef) -> bool:
        """True if the model is in memory as it should be, so that nothing has to be loaded."""
        return self._host.is_loaded(ref)

    def snapshot(self) -> ServiceSnapshot:
        """What inference is doing now; returns at once on any thread."""
        now = self._host.snapshot()
        path, notes = self._notes
        shown = notes if now.model is not None and now.model.path == path else ()
        return ServiceSnapshot(
            now.state, now.model, now.plan, now.active, now.waiting, shown, now.ref
        )

    def close(self, deadline_s: float) -> bool:
        """Cancel every request, end engine, pool and child; True if all ended in time."""
        self._cancel_all("closing")
        engine_ended = self._host.close(deadline_s * 0.8)
        pool_ended = self._pool.close(deadline_s * 0.2)
        self._renderer.close()
        return engine_ended and pool_ended

    def _admit(
        self, request: GenerationRequest, sink: Sink, work: Callable[[ActiveRequest], None]
    ) -> str:
        request_id = f"r{next(self._numbers)}"
        active = ActiveRequest(request_id, request, sink, self._ended)
        with self._lock:
            self._active[request_id] = active
        # Until the engine has it, a cancelled request ends right here, on the canceller's thread.
        active.cancellation.on_cancel(lambda: self._cancelled(active))
        if not self._pool.run(lambda: self._guarded(active, work)):
            active.finish_unsubmitted("cancelled")
        return request_id

    def _cancelled(self, active: ActiveRequest) -> None:
        with active.handing_over:
            lease = active.lease
        if lease is None:
            active.finish_unsubmitted("cancelled")
        else:
            lease.engine.cancel(active.id, active.cancellation.reason)

    def _guarded(self, active: ActiveRequest, work: Callable[[ActiveRequest], None]) -> None:
        """Run `work`; whatever goes wrong becomes the request's one terminal event."""
        if active.is_ended:
            return
        try:
            work(active)
        except LoadCancelled:
            active.finish_unsubmitted("cancelled")
        except HearthError as error:
            active.emit(Failed(active.id, error))
        except Exception as error:  # noqa: BLE001 - a bug here must still end the request
            _log.exception("request %s met a fault", active.id)
            active.emit(Failed(active.id, _fault(error)))

    def _make_ready(self, active: ActiveRequest) -> None:
        lease = self._acquired(active)
        try:
            # The first rendering imports, compiles and may start the child: not at the first
            # message, and what has to be said about the template is known from now on.
            with suppress(HearthError):
                self._prompt(_WARM_UP, lease)
        finally:
            lease.release()
        active.finish_unsubmitted("stop")

    def _generate(self, active: ActiveRequest) -> None:
        _check_request(active.request)
        lease = self._acquired(active)
        try:
            if (estimate := _estimate(active.request, lease)) is not None:
                raise ContextExceeded(estimate, lease.model.n_ctx)
            prompt, stop = self._prompt(active.request, lease)
            check_context(len(prompt), lease.model.n_ctx, active.request.max_tokens)
            request = EngineRequest(
                active.id,
                tuple(prompt),
                active.request.sampling,
                active.request.max_tokens,
                (*active.request.stop, *stop),
            )
        except BaseException:
            lease.release()
            raise
        self._submit(active, request, lease)

    def _submit(self, active: ActiveRequest, request: EngineRequest, lease: Lease) -> None:
        """Hand over to the engine, unless cancelled meanwhile; the lease ends with the answer."""
        before_ms = active.since_admission_ms() - active.load_ms
        watch = AnswerWatch(len(self._active))

        def sink(event: Event) -> None:
            if isinstance(event, Finished):
                event = replace(
                    event,
                    timings=replace(
                        event.timings,
                        load_ms=active.load_ms,
                        ttft_ms=event.timings.ttft_ms + before_ms
                        if event.usage.completion_tokens
                        else 0.0,
                    ),
                    model=lease.model.name,
                )
            if isinstance(event, Finished | Failed):
                lease.release()
            active.emit(event)
            if isinstance(event, Finished):
                self._pool.run(partial(self._learn, lease.placement, event, watch))

        with active.handing_over:
            if active.is_ended or active.cancellation.is_set:
                lease.release()
                active.finish_unsubmitted("cancelled")
                return
            active.lease = lease
        try:
            lease.engine.submit(request, sink)
        except BaseException:
            lease.release()
            raise
        self._repeat_cancel(active, lease)

    @staticmethod
    def _repeat_cancel(active: ActiveRequest, lease: Lease) -> None:
        """A cancel between the hand-over and the submission went to an engine that did not know
        the request yet."""
        if active.cancellation.is_set:
            lease.engine.cancel(active.id, active.cancellation.reason)

    def _acquired(self, active: ActiveRequest) -> Lease:
        lease = self._host.acquire(
            active.request.model, on_progress=active.loading, cancellation=active.cancellation
        )
        active.load_ms = lease.load_ms
        active.model_name = lease.model.name
        if lease.load_ms:
            self._recorder.observe(metrics.LOAD_MS, lease.load_ms)
        return lease

    def _prompt(
        self, request: GenerationRequest, lease: Lease
    ) -> tuple[list[int], tuple[str, ...]]:
        """Token ids and stop strings; the notes about the template go to the snapshot."""
        model = lease.model
        rendered = self._renderer.render(
            request.messages,
            model.chat_template,
            architecture=model.architecture,
            name=model.name,
            bos=model.bos_text,
            eos=model.eos_text,
            continue_last=request.continue_last,
            is_own=lease.is_own,
        )
        self._notes = (model.path, rendered.notes[:_MAX_NOTES])
        with lease.engine.vocabulary() as vocabulary:
            tokens = self._tokenizer.tokens(
                rendered.pieces,
                path=model.path,
                bos=model.bos_text if model.add_bos else "",
                vocabulary=vocabulary,
            )
            stop = tuple(text for text in rendered.stop if not _ends_anyway(text, vocabulary))
        return tokens, stop

    def _ended(self, active: ActiveRequest, event: Event) -> None:
        with self._lock:
            self._active.pop(active.id, None)
        if isinstance(event, Failed):
            self._recorder.count(metrics.REQUESTS_FAILED)
            self._recorder.count_error(event.error.code)
        elif isinstance(event, Finished) and active.request.messages:
            self._record(event)

    def _record(self, event: Finished) -> None:
        if event.reason == "cancelled":
            self._recorder.count(metrics.REQUESTS_CANCELLED)
        else:
            self._recorder.count(metrics.REQUESTS_FINISHED)
        if event.usage.completion_tokens:
            timings: Timings = event.timings
            for name, value in (
                (metrics.TTFT_MS, timings.ttft_ms),
                (metrics.PROMPT_TOKENS_PER_SECOND, timings.prompt_tokens_per_second),
                (metrics.GENERATED_TOKENS_PER_SECOND, timings.generated_tokens_per_second),
            ):
                if value > 0:
                    self._recorder.observe(name, value)

    def _learn(self, placement: Placement, event: Finished, watch: AnswerWatch) -> None:
        undisturbed = watch.undisturbed(len(self._active))
        self._host.aftermath.answered(placement, event, undisturbed=undisturbed)

    def _cancel_all(self, reason: str) -> None:
        with self._lock:
            everything = [active.cancellation for active in self._active.values()]
            everything += self._counting
        for cancellation in everything:
            cancellation.cancel(reason)

    def _in_pool(self, work: Callable[[], Any]) -> Future[Any]:
        future: Future[Any] = Future()

        def job() -> None:
            if not future.set_running_or_notify_cancel():
                return
            try:
                future.set_result(work())
            except HearthError as error:
                future.set_exception(error)
            except Exception as error:  # noqa: BLE001 - a bug here must still settle the future
                _log.exception("a job of inference met a fault")
                future.set_exception(_fault(error))

        if not self._pool.run(job):
            future.set_exception(RequestFailed("Hearth is closing.", "", "Start it again."))
        return future


def _ends_anyway(stop: str, vocabulary: Vocabulary) -> bool:
    """True if the model can end its answer with this very token: then an answer may speak of it,
    spelled out, without being cut."""
    tokens = vocabulary.tokenize(stop, add_special=False, parse_special=True)
    return len(tokens) == 1 and vocabulary.is_end(tokens[0])


def _estimate(request: GenerationRequest, lease: Lease) -> int | None:
    """Tokens of what need not be counted to be refused. The built-in model's template leaves out
    what is too long."""
    return None if lease.is_own else plainly_too_long(request.messages, lease.model.n_ctx)


def _cancel_those(
    active: Mapping[str, ActiveRequest], lock: threading.Lock, names: Collection[str]
) -> None:
    """End the requests for these files."""
    with lock:
        requests = list(active.values())
    for each in requests:
        model = each.request.model
        if not model.is_built_in and _plain(Path(model.name)) in names:
            each.cancellation.cancel("unloaded")


def _plain(path: Path) -> str:
    """Whole and without links, as far as that can be told: as the host knows files."""
    try:
        return str(person_path(str(path)).resolve())
    except (OSError, ValueError, RuntimeError):
        return str(path)


def _unheard(_fraction: float | None, _sentence: str) -> None:
    return None


def _fault(error: Exception) -> RequestFailed:
    return RequestFailed(
        "This request failed because of a fault in Hearth.",
        f"{type(error).__name__}: {error}"[:300],
        "Try again. The log has the details; a report of it is welcome.",
    )


def _check_request(request: GenerationRequest) -> None:
    if not any(message.text.strip() for message in request.messages):
        raise InvalidInput("There is nothing to answer.", "The message is empty.", "Write one.")
    if request.max_tokens is not None and request.max_tokens < 1:
        raise InvalidInput(
            "An answer needs at least one token.",
            f"The longest answer was set to {request.max_tokens}.",
            "Choose a larger number, or no limit.",
        )
    check_size(message.text for message in request.messages)
