"""Carries out one plan: clear, admit, decode, draw, say. Lives on the engine thread.

Owns the model, its context and every open request. Knows no inbox and no loading.
"""

from __future__ import annotations

import logging
from collections.abc import Set
from dataclasses import dataclass

from app.engine.answer import Answer, tell
from app.engine.context import Context, Decoded
from app.engine.detokenizer import check_stops
from app.engine.messages import LoadedModel, LoadSettings, Submit
from app.engine.model import Model
from app.engine.prefix_cache import PrefixCache
from app.engine.sampler import Sampler
from app.engine.scheduler import Admission, Chunk, Scheduler
from app.engine.sequence import Sequence
from app.foundation.errors import ContextExceeded, HearthError, InvalidInput, RequestFailed
from app.protocol.generation import Failed, FinishReason

logger = logging.getLogger(__name__)


@dataclass(slots=True)
class _Open:
    """A request that has not ended: its books, its voice, its sampler."""

    sequence: Sequence
    answer: Answer
    sampler: Sampler


class Stepper:
    """Serves requests from one loaded model."""

    def __init__(
        self, model: Model, context: Context, facts: LoadedModel, settings: LoadSettings
    ) -> None:
        self.facts = facts
        self._model = model
        self._context = context
        self._batch = context.batch
        cache = PrefixCache(
            settings.n_seq_max,
            context.n_cells,
            whole_only=model.is_recurrent,
            can_share=context.can_share,
        )
        # One ubatch a step: as fast as a larger batch, and progress, newcomers and stops are
        # looked at more often.
        self.scheduler = Scheduler(cache, min(settings.n_ubatch, settings.n_batch))
        self._open: dict[str, _Open] = {}
        self._n_submitted = 0
        self._n_without_space = 0

    @property
    def is_idle(self) -> bool:
        return not self._open

    @property
    def stoppable_ids(self) -> Set[str]:
        """Requests whose cancelling may stop the coming decode.

        None of several on a recurrent model: a stopped decode spoils the state of all in it.
        """
        running = self.scheduler.running
        if self._model.is_recurrent and len(running) > 1:
            return frozenset()
        return frozenset(sequence.request_id for sequence in running)

    def has_open(self, command: Submit) -> bool:
        """Whether this very request is being served."""
        entry = self._open.get(command.request.request_id)
        return entry is not None and entry.sequence.request is command.request

    def submit(self, command: Submit) -> None:
        """Queue the request, or fail it at once with the reason."""
        request = command.request
        sequence = Sequence(request, self._n_submitted, self.facts.n_ctx)
        self._n_submitted += 1
        try:
            self._check(sequence)
            sampler = Sampler(self._model, request.sampling, request.prompt)
        except HearthError as error:
            refuse(command, error)
            return
        answer = Answer(sequence, command.sink, command.submitted_s)
        self._open[request.request_id] = _Open(sequence, answer, sampler)
        self.scheduler.add(sequence)

    def cancel(self, request_id: str) -> None:
        """End the request with reason "cancelled"; what was read stays for the next turn."""
        if (entry := self._open.get(request_id)) is not None:
            self._finish(entry, "cancelled")

    def cancel_all(self) -> None:
        for request_id in list(self._open):
            self.cancel(request_id)

    def fail_all(self, error: HearthError) -> None:
        for entry in list(self._open.values()):
            self._fail(entry, error)

    def admit(self) -> None:
        """Let in whoever has a slot and cells."""
        while (admission := self.scheduler.next_admission()) is not None:
            self._admit(admission)

    def evaluate(self) -> None:
        """One step for everybody running: decode, draw, say."""
        plan = self.scheduler.plan()
        for slot in plan.evict:
            self._context.clear(slot.index)
            self.scheduler.cache.forget(slot)
        if plan.chunks:
            self._evaluate(plan.chunks)

    def use_threads(self, n_threads: int, n_threads_batch: int) -> None:
        """Write and read with so many threads from the next decode on."""
        self._context.use_threads(n_threads, n_threads_batch)

    def check_integrity(self) -> None:
        """Raise AssertionError where our books and the native memory disagree."""
        self.scheduler.check_integrity()
        assert set(self._open) == {
            sequence.request_id for sequence in (*self.scheduler.running, *self.scheduler.waiting)
        }
        for slot in self.scheduler.cache.slots:
            held = self._context.length(slot.index)
            assert held == slot.n_held, f"slot {slot.index}: {slot.n_held} in books, {held} in fact"

    def close(self) -> None:
        """Free everything, samplers first, weights last. Requests must have ended."""
        for entry in self._open.values():
            entry.sampler.close()
        self._open.clear()
        self._context.close()
        self._model.close()

    def _check(self, sequence: Sequence) -> None:
        request = sequence.request
        n_vocab = self.facts.n_vocab
        if request.request_id in self._open:
            raise InvalidInput("This request is already being answered.")
        if not request.prompt:
            raise InvalidInput("There is nothing to answer.", "The prompt is empty.")
        if min(request.prompt) < 0 or max(request.prompt) >= n_vocab:
            raise InvalidInput("The prompt holds a token that this model does not have.")
        if request.max_tokens is not None and request.max_tokens < 0:
            raise InvalidInput(f"max_tokens cannot be {request.max_tokens}.")
        check_stops(request.stop)
        if len(request.prompt) + 1 > self.facts.n_ctx:
            raise ContextExceeded(len(request.prompt), self.facts.n_ctx)

    def _admit(self, admission: Admission) -> None:
        context, cache = self._context, self.scheduler.cache
        for slot in admission.evict:
            context.clear(slot.index)
            cache.forget(slot)
        index, source = admission.slot.index, admission.source
        if source is not None:
            context.clear(index)
            context.share(source.index, index, admission.n_keep)
            n_kept = admission.n_keep
        else:
            n_kept = context.truncate(index, admission.n_keep)
        is_new = not admission.sequence.was_started
        self.scheduler.admit(admission, n_kept)
        if is_new:
            self._open[admission.sequence.request_id].answer.started()

    def _evaluate(self, chunks: tuple[Chunk, ...]) -> None:
        batch = self._batch
        batch.clear()
        indices: list[int] = []
        for chunk in chunks:
            sequence = chunk.sequence
            assert sequence.slot is not None
            start = sequence.n_held
            tokens = sequence.tokens[start : start + chunk.n_tokens]
            indices.append(
                batch.add(sequence.slot.index, tokens, start, wants_logits=chunk.wants_logits)
            )
        outcome = self._context.decode(batch)
        if outcome is Decoded.DONE:
            self._n_without_space = 0
            for chunk, index in zip(chunks, indices, strict=True):
                self._advance(chunk, index)
            return
        for chunk in chunks:
            self._recover(chunk.sequence)
        if outcome is Decoded.NO_SPACE:
            self._make_space()
        elif outcome is Decoded.FAILED:
            self._fail_chunks(chunks)

    def _advance(self, chunk: Chunk, index: int) -> None:
        sequence = chunk.sequence
        assert sequence.slot is not None
        sequence.slot.n_held += chunk.n_tokens
        entry = self._open[sequence.request_id]
        if chunk.wants_logits:
            self._draw(entry, index)
        elif sequence.n_pending == 0:
            self._finish(entry, "length")
        elif sequence.n_generated == 0:
            entry.answer.prompt_advanced()

    def _draw(self, entry: _Open, index: int) -> None:
        try:
            token = entry.sampler.sample(self._context, index)
        except HearthError as error:
            self._fail(entry, error)
            return
        data, is_end = self._model.token(token)
        if is_end:
            self._finish(entry, "stop")
            return
        sequence = entry.sequence
        sequence.tokens.append(token)
        if entry.answer.token_arrived(data):
            self._finish(entry, "stop")
        elif reason := sequence.limit_reached():
            self._finish(entry, reason)

    def _recover(self, sequence: Sequence) -> None:
        """Bring the native memory back to what the books say, or the books to the memory."""
        slot = sequence.slot
        assert slot is not None
        if self._model.is_recurrent or slot.n_held == 0:
            self._context.clear(slot.index)
            self.scheduler.cache.forget(slot)
        elif self._context.truncate(slot.index, slot.n_held) != slot.n_held:
            self.scheduler.cache.forget(slot)

    def _make_space(self) -> None:
        """Native memory is fuller than the books say: idle prefixes go, then the youngest."""
        self._n_without_space += 1
        scheduler, cache = self.scheduler, self.scheduler.cache
        idle = cache.to_evict(cache.n_cells)
        if not idle and scheduler.send_back_youngest() is not None:
            idle = cache.to_evict(cache.n_cells)
        for slot in idle:
            self._context.clear(slot.index)
            cache.forget(slot)
        # Each sequence may be sent back once; what still does not fit then never will.
        if not idle or self._n_without_space > 2 * len(cache.slots):
            for sequence in list(scheduler.running):
                self._finish(self._open[sequence.request_id], "context")

    def _fail_chunks(self, chunks: tuple[Chunk, ...]) -> None:
        why = "; ".join(self._model.handle.library.log.errors(2))
        logger.error("decoding failed: %s", why)
        error = RequestFailed(
            "The answer could not be computed.",
            why or "The model's runtime reported a failure.",
            "Try again; if it happens again, load the model with a smaller context.",
        )
        for chunk in chunks:
            slot = chunk.sequence.slot
            if slot is not None:
                self._context.clear(slot.index)
                self.scheduler.cache.forget(slot)
            self._fail(self._open[chunk.sequence.request_id], error)

    def _finish(self, entry: _Open, reason: FinishReason) -> None:
        self._remove(entry)
        entry.answer.finish(reason, self.facts.name)

    def _fail(self, entry: _Open, error: HearthError) -> None:
        self._remove(entry)
        entry.answer.fail(error)

    def _remove(self, entry: _Open) -> None:
        self.scheduler.remove(entry.sequence)
        del self._open[entry.sequence.request_id]
        entry.sampler.close()


def refuse(command: Submit, error: HearthError) -> None:
    """Fail a request that was never opened."""
    tell(command.sink, Failed(command.request.request_id, error))
