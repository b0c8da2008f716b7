"""What one request says back: events to its sink, its clocks and its counts.

Lives on the engine thread; a sink that raises is noted once and otherwise ignored. Knows
neither native code nor queues.
"""

from __future__ import annotations

import logging
import time

from app.engine.detokenizer import Detokenizer
from app.engine.sequence import Sequence
from app.foundation.errors import HearthError
from app.protocol.generation import (
    Event,
    Failed,
    Finished,
    FinishReason,
    PromptRead,
    Sink,
    Started,
    Timings,
    TokensArrived,
    Usage,
)

logger = logging.getLogger(__name__)

PROGRESS_INTERVAL_S = 0.1


class Answer:
    """The outward side of one sequence. Exactly one of `finish` and `fail` ends it."""

    def __init__(self, sequence: Sequence, sink: Sink, submitted_s: float) -> None:
        self.sequence = sequence
        self.has_ended = False
        self._sink = sink
        self._sink_failed = False
        self._text = Detokenizer(sequence.request.stop)
        self._submitted_s = submitted_s
        self._read_from_s = 0.0
        self._first_token_s = 0.0
        self._last_token_s = 0.0
        self._last_progress_s = 0.0
        self._n_unsaid = 0

    def started(self) -> None:
        """The sequence has a slot and its prompt is about to be read."""
        sequence = self.sequence
        self._read_from_s = self._last_progress_s = time.perf_counter()
        self._emit(
            Started(sequence.request_id, sequence.n_prompt, sequence.n_cached, sequence.n_ctx)
        )

    def prompt_advanced(self) -> None:
        """Part of the prompt was read; says so at most ten times a second."""
        now_s = time.perf_counter()
        if now_s - self._last_progress_s < PROGRESS_INTERVAL_S:
            return
        self._last_progress_s = now_s
        sequence = self.sequence
        n_read = min(sequence.n_held, sequence.n_prompt)
        self._emit(PromptRead(sequence.request_id, n_read, sequence.n_prompt))

    def token_arrived(self, data: bytes) -> bool:
        """Say what the token makes certain; True if a stop text was met."""
        now_s = time.perf_counter()
        if not self._first_token_s:
            self._first_token_s = now_s
        self._last_token_s = now_s
        self._n_unsaid += 1
        if text := self._text.push(data):
            self._say(text)
        return self._text.stopped

    def finish(self, reason: FinishReason, model_name: str) -> None:
        """The last event: why it ended, what it cost, how fast it was."""
        if self.has_ended:
            return
        if text := self._text.finish(is_complete=reason == "stop"):
            self._say(text)
        self.has_ended = True
        sequence = self.sequence
        usage = Usage(sequence.n_prompt, sequence.n_cached, sequence.n_generated)
        self._emit(Finished(sequence.request_id, reason, usage, self._timings(), model_name))

    def fail(self, error: HearthError) -> None:
        """The last event: what went wrong."""
        if self.has_ended:
            return
        self.has_ended = True
        self._emit(Failed(self.sequence.request_id, error))

    def _say(self, text: str) -> None:
        n_tokens, self._n_unsaid = self._n_unsaid, 0
        self._emit(TokensArrived(self.sequence.request_id, text, n_tokens))

    def _timings(self) -> Timings:
        sequence = self.sequence
        read_until_s = self._first_token_s or time.perf_counter()
        reading_s = read_until_s - self._read_from_s if self._read_from_s else 0.0
        writing_s = self._last_token_s - self._first_token_s
        n_read = sequence.n_prompt - sequence.n_cached
        return Timings(
            load_ms=0.0,
            ttft_ms=(self._first_token_s - self._submitted_s) * 1e3 if self._first_token_s else 0.0,
            prompt_tokens_per_second=n_read / reading_s if reading_s > 0 else 0.0,
            # The first token belongs to the reading.
            generated_tokens_per_second=(
                (sequence.n_generated - 1) / writing_s if writing_s > 0 else 0.0
            ),
        )

    def _emit(self, event: Event) -> None:
        self._sink_failed = not tell(self._sink, event, quietly=self._sink_failed)


def tell(sink: Sink, event: Event, *, quietly: bool = False) -> bool:
    """Hand over an event; False if the sink raised, which is logged unless `quietly`."""
    try:
        sink(event)
    except Exception:
        if not quietly:
            logger.exception("the sink of request %s raised", event.request_id)
        return False
    return True
