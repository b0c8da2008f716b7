"""Waiting and running sequences plus a budget make a plan for one step. Pure.

First come, first served. Every running answer gets its next token in every step; what is left
of the budget reads prompts. When the cells run short, idle prefixes go first, then the
youngest request goes back to waiting and reads again later. Knows no native code, no clock.
"""

from __future__ import annotations

from dataclasses import dataclass

from app.engine.prefix_cache import PrefixCache, Slot
from app.engine.sequence import Sequence

# Beside running answers a prompt is read in smaller bites, so that they keep flowing; from
# about this many tokens a matrix product is as fast per token as with the whole batch.
MIXED_SHARE = 4
MIXED_MIN_TOKENS = 32
# A request that was sent back comes in again only with room to get somewhere.
RETURN_ROOM = 64


@dataclass(frozen=True, slots=True)
class Admission:
    """Put `sequence` into `slot`, keeping `n_keep` tokens (lent by `source` if given).

    `evict` must be cleared first.
    """

    sequence: Sequence
    slot: Slot
    n_keep: int
    source: Slot | None
    evict: tuple[Slot, ...]


@dataclass(frozen=True, slots=True)
class Chunk:
    """Evaluate `n_tokens` of the sequence from its first pending one."""

    sequence: Sequence
    n_tokens: int
    wants_logits: bool


@dataclass(frozen=True, slots=True)
class StepPlan:
    """`evict` is to be cleared, then `chunks` decoded together."""

    chunks: tuple[Chunk, ...]
    evict: tuple[Slot, ...] = ()


class Scheduler:
    """Decides who runs; the caller carries it out and reports back through the slots."""

    def __init__(self, cache: PrefixCache, n_step_tokens: int) -> None:
        self.cache = cache
        self.waiting: list[Sequence] = []
        self.running: list[Sequence] = []
        self._n_step_tokens = n_step_tokens

    @property
    def is_idle(self) -> bool:
        return not self.waiting and not self.running

    def add(self, sequence: Sequence) -> None:
        self.waiting.append(sequence)

    def find(self, request_id: str) -> Sequence | None:
        for sequence in (*self.running, *self.waiting):
            if sequence.request_id == request_id:
                return sequence
        return None

    def next_admission(self) -> Admission | None:
        """The first waiting sequence, if a slot and enough cells are there for it.

        The caller clears, cuts or shares as told, then calls `admit` with what was kept.
        """
        if not self.waiting:
            return None
        sequence = self.waiting[0]
        match = self.cache.match(sequence.tokens)
        if match is None:
            return None
        room = RETURN_ROOM if sequence.was_started else 1
        n_needed = min(len(sequence.tokens) + room, self.cache.n_cells)
        keep = [match.slot] if match.source is None else [match.slot, match.source]
        n_short = n_needed + self.cache.n_claimed - match.slot.n_claimed - self.cache.n_cells
        evict = self.cache.to_evict(n_short, keep)
        n_short -= sum(slot.n_held for slot in evict)
        if n_short > 0 and match.source is not None and match.source.is_idle:
            # The lender is in the way: give up the loan and clear it too.
            evict.append(match.source)
            n_short -= match.source.n_held
            match = type(match)(match.slot, 0)
        if n_short > 0:
            return None
        return Admission(sequence, match.slot, match.n_keep, match.source, tuple(evict))

    def admit(self, admission: Admission, n_kept: int) -> None:
        """The slot really kept `n_kept` tokens."""
        sequence = admission.sequence
        self.waiting.remove(sequence)
        self.running.append(sequence)
        self.running.sort(key=lambda running: running.order)
        self.cache.take(admission.slot, sequence.request_id, sequence.tokens, n_kept)
        sequence.slot = admission.slot
        if not sequence.was_started:
            sequence.n_cached = n_kept
            sequence.was_started = True

    def plan(self) -> StepPlan:
        """What to evaluate next; empty only if nothing is running."""
        evict = self._make_room()
        writing = [sequence for sequence in self.running if sequence.is_writing]
        chunks = [Chunk(sequence, 1, sequence.wants_token) for sequence in writing]
        budget = self._n_step_tokens
        if writing:
            share = max(MIXED_MIN_TOKENS, budget // MIXED_SHARE)
            budget = min(budget, len(writing) + share)
        budget = max(1, budget - len(writing))
        for sequence in self.running:
            if sequence.is_writing:
                continue
            n_tokens = min(sequence.n_pending, budget)
            if n_tokens <= 0:
                break
            is_last = n_tokens == sequence.n_pending
            chunks.append(Chunk(sequence, n_tokens, is_last and sequence.wants_token))
            budget -= n_tokens
        return StepPlan(tuple(chunks), tuple(evict))

    def remove(self, sequence: Sequence) -> None:
        """The sequence has ended; its slot keeps what was read."""
        if sequence in self.waiting:
            self.waiting.remove(sequence)
            return
        self.running.remove(sequence)
        self._vacate(sequence)

    def send_back_youngest(self) -> Sequence | None:
        """Return the youngest running sequence to waiting; None if it is the only one.

        Its slot becomes idle and can be evicted; its tokens are read again later.
        """
        if len(self.running) < 2:
            return None
        sequence = self.running.pop()
        self._vacate(sequence)
        self.waiting.append(sequence)
        self.waiting.sort(key=lambda waiting: waiting.order)
        return sequence

    def check_integrity(self) -> None:
        """Raise AssertionError where the books are wrong. Run when idle, in tests."""
        self.cache.check_integrity()
        owners = {slot.owner: slot for slot in self.cache.slots if not slot.is_idle}
        assert set(owners) == {sequence.request_id for sequence in self.running}
        for sequence in self.running:
            assert sequence.slot is owners[sequence.request_id]
            assert sequence.slot is not None
            assert sequence.slot.tokens is sequence.tokens
            assert sequence.n_pending >= 1, f"{sequence.request_id} has nothing to do"
        for sequence in self.waiting:
            assert sequence.slot is None, f"{sequence.request_id} waits in a slot"

    def _make_room(self) -> list[Slot]:
        n_short = self.cache.n_claimed - self.cache.n_cells
        evict = self.cache.to_evict(n_short)
        n_short -= sum(slot.n_held for slot in evict)
        while n_short > 0:
            sequence = self.send_back_youngest()
            if sequence is None:
                break
            n_short = self.cache.n_claimed - self.cache.n_cells
            evict = self.cache.to_evict(n_short)
            n_short -= sum(slot.n_held for slot in evict)
        return evict

    def _vacate(self, sequence: Sequence) -> None:
        if sequence.slot is not None:
            self.cache.release(sequence.slot)
            sequence.slot = None
