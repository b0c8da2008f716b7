"""One answer, from the question to what is stored of it, on a thread of its own.

Waits for the database and for the model, never on the engine's or the window's thread. A stop
stores what there is at once, while native work may still be winding down.
"""

from __future__ import annotations

import logging
import queue
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass, replace

from app.chat.context_window import may_exceed
from app.chat.events import (
    AnswerGrew,
    AnswerLoading,
    AnswerOpened,
    AnswerReading,
    AnswerStored,
    ChatEvent,
    ChatSink,
    TurnRefused,
    TurnStored,
)
from app.chat.steps import Step, Task
from app.chat.tally import Tally
from app.conversations.records import Conversation, Turn, TurnState
from app.conversations.repository import Repository
from app.foundation.errors import HearthError, RequestFailed
from app.inference.service import InferenceService
from app.inference.tokenizing import check_context
from app.protocol.generation import (
    Event,
    Failed,
    Finished,
    FinishReason,
    GenerationRequest,
    Loading,
    PromptRead,
    Started,
    Timings,
    TokensArrived,
    Usage,
)

# With the time a commit takes, less than the 400 ms that may at most lie between two.
CHECKPOINT_S = 0.3
COUNT_DEADLINE_S = 2.0

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class _Stop:
    """Put into the inbox by `stop`, between the events of the model."""

    state: TurnState


RequestFor = Callable[[Conversation, Task], GenerationRequest]


class Answer:
    """An answer that is being written. `start` once; then exactly one terminal event."""

    def __init__(
        self,
        repository: Repository,
        inference: InferenceService,
        conversation_id: str,
        step: Step,
        sink: ChatSink,
        *,
        request_for: RequestFor,
        on_end: Callable[[Answer, ChatEvent], None],
    ) -> None:
        self.conversation_id = conversation_id
        self._repository = repository
        self._inference = inference
        self._step = step
        self._sink = sink
        self._request_for = request_for
        self._on_end = on_end
        self._inbox: queue.SimpleQueue[Event | _Stop] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._run, name="answer", daemon=True)
        self._unstored = step.text
        self._was_loading = False
        self._turn: Turn | None = None
        self._saved_s = 0.0
        self._saving: Future[None] | None = None
        self._tally = Tally()

    @property
    def is_running(self) -> bool:
        return self._thread.is_alive()

    def start(self) -> None:
        """Begin; events follow on this answer's own thread."""
        self._thread.start()

    def stop(self, state: TurnState = "stopped") -> None:
        """End the answer and keep what there is of it, in `state`. Returns at once."""
        self._inbox.put(_Stop(state))

    def join(self, deadline_s: float) -> bool:
        """Wait for the thread; True if it has ended."""
        self._thread.join(deadline_s)
        return not self._thread.is_alive()

    def _run(self) -> None:
        try:
            last = self._answered()
        except HearthError as error:
            last = TurnRefused(self.conversation_id, error, self._unstored)
        except Exception as error:  # noqa: BLE001 - a bug here must still end the answer
            _log.exception("an answer met a fault")
            last = TurnRefused(self.conversation_id, _fault(error), self._unstored)
        self._on_end(self, last)
        self._tell(last)

    def _answered(self) -> ChatEvent:
        conversation = self._repository.get(self.conversation_id).result()
        path = self._repository.turns(self.conversation_id).result()
        task = self._step.task(path)
        request = self._request_for(conversation, task)
        if task.question is not None:
            self._check_fits(request)
            stored = self._repository.append(
                self.conversation_id, task.parent_id, "user", task.question
            ).result()
            self._unstored = ""
            task = task.asked(stored)
            request = self._request_for(conversation, task)
            if task.title and not conversation.title:
                self._repository.rename(self.conversation_id, task.title)
            self._tell(TurnStored(stored))
        return self._written(task, request)

    def _check_fits(self, request: GenerationRequest) -> None:
        """Refuse what the model in memory cannot read before it is stored as sent."""
        model = self._inference.snapshot().model
        if model is None or not self._inference.is_ready(request.model):
            return
        if may_exceed(request.messages, model.n_ctx):
            counted = self._inference.count_tokens(request.messages, request.model)
            try:
                n_tokens = counted.result(COUNT_DEADLINE_S)
            except TimeoutError:
                # Another model is taking this one's place. The message is stored now; what does
                # not fit is refused with the same numbers later.
                counted.cancel()
                return
            check_context(n_tokens, model.n_ctx, request.max_tokens)

    def _written(self, task: Task, request: GenerationRequest) -> ChatEvent:
        """Follow the request to its end, storing as it goes."""
        resumed = task.resumed
        self._tally = Tally(resumed.text if resumed is not None else "")
        request_id = self._inference.generate(request, self._inbox.put)
        try:
            return self._followed(task, request_id)
        except BaseException:
            # What cannot be stored need not be written; a request that has ended ignores it.
            self._inference.cancel(request_id, "failed")
            raise

    def _followed(self, task: Task, request_id: str) -> ChatEvent:
        while True:
            event = self._next()
            match event:
                case None:
                    self._save()
                case _Stop(state):
                    self._inference.cancel(request_id, state)
                    return self._stopped(task, state)
                case Loading(_, fraction, sentence):
                    self._was_loading = True
                    self._tell(AnswerLoading(self.conversation_id, fraction, sentence))
                case Started():
                    self._tally.started(event)
                    self._open(task)
                case Finished(_, reason, usage, timings):
                    return self._finished(task, reason, usage, timings)
                case Failed(_, error):
                    return self._failed(error)
                case _:
                    self._progress(event)

    def _next(self) -> Event | _Stop | None:
        """The next event; None when it is time to save what has arrived."""
        if self._turn is None or self._tally.text == self._turn.text:
            return self._inbox.get()
        wait_s = self._saved_s + CHECKPOINT_S - time.monotonic()
        try:
            return self._inbox.get(timeout=wait_s) if wait_s > 0 else None
        except queue.Empty:
            return None

    def _progress(self, event: Event) -> None:
        if self._turn is None:
            return
        if isinstance(event, PromptRead):
            self._tell(AnswerReading(self.conversation_id, self._turn.id, event.read, event.total))
        elif isinstance(event, TokensArrived) and event.text:
            self._tally.grew(event)
            self._tell(AnswerGrew(self.conversation_id, self._turn.id, event.text))

    def _open(self, task: Task) -> Turn:
        """The turn in state "writing": a new version under the question, or the one resumed."""
        if self._turn is None:
            if task.resumed is not None:
                self._turn = self._repository.reopen(task.resumed.id).result()
            else:
                model = self._inference.snapshot().model
                self._turn = self._repository.append(
                    self.conversation_id,
                    task.parent_id,
                    "assistant",
                    "",
                    state="writing",
                    model=model.name if model is not None else None,
                ).result()
            self._saved_s = time.monotonic()
            self._tell(AnswerOpened(self._turn))
        return self._turn

    def _save(self) -> None:
        """Checkpoint the text. Not waited for; one that is still under way is not doubled."""
        turn = self._turn
        self._saved_s = time.monotonic()
        if turn is None or (self._saving is not None and not self._saving.done()):
            return
        text = self._tally.text
        self._turn = replace(turn, text=text)
        self._saving = self._repository.checkpoint(turn.id, text)
        self._saving.add_done_callback(_log_failure)

    def _finished(
        self, task: Task, reason: FinishReason, usage: Usage, timings: Timings
    ) -> ChatEvent:
        if self._turn is None and reason == "cancelled":
            return self._stopped(task, "stopped")
        state: TurnState = "stopped" if reason == "cancelled" else "complete"
        return self._stored(self._open(task), state, reason, usage, timings)

    def _stopped(self, task: Task, state: TurnState) -> ChatEvent:
        """What there is, at once. Before the model began that is an empty turn, stored in one
        commit, or the answer that was to be resumed, as it was."""
        if self._turn is not None:
            usage, timings = self._tally.usage(), self._tally.timings(self._was_loading)
            return self._stored(self._turn, state, "cancelled", usage, timings)
        if task.resumed is not None:
            return AnswerStored(task.resumed)
        turn = self._repository.append(
            self.conversation_id, task.parent_id, "assistant", "", state=state
        ).result()
        self._tell(AnswerOpened(replace(turn, state="writing")))
        return AnswerStored(turn)

    def _failed(self, error: HearthError) -> ChatEvent:
        """Before the first word nothing was stored, and nothing is; after it the text is kept."""
        if self._turn is None:
            raise error
        return self._stored(
            self._turn,
            "failed",
            None,
            self._tally.usage(),
            self._tally.timings(self._was_loading),
            str(error),
        )

    def _stored(
        self,
        turn: Turn,
        state: TurnState,
        reason: FinishReason | None,
        usage: Usage,
        timings: Timings,
        error: str | None = None,
    ) -> ChatEvent:
        finish = self._repository.finish(
            turn.id, self._tally.text, state, reason, usage, timings, error=error
        )
        return AnswerStored(finish.result())

    def _tell(self, event: ChatEvent) -> None:
        try:
            self._sink(event)
        except Exception:  # noqa: BLE001 - a face's bug must not cost the person the answer
            _log.exception("the receiver of an answer failed")


def _log_failure(future: Future[None]) -> None:
    if not future.cancelled() and (error := future.exception()) is not None:
        _log.warning("an answer could not be saved on the way: %s", error)


def _fault(error: Exception) -> RequestFailed:
    return RequestFailed(
        "This message failed because of a fault in Hearth.",
        f"{type(error).__name__}: {error}"[:300],
        "Try again. The log has the details; a report of it is welcome.",
    )
