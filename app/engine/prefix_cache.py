"""Which tokens sit in which sequence slot, and which slot suits a new prompt best. Pure.

A slot is busy (owned by a request) or idle; an idle one keeps what it read last, so that the
next turn of that conversation reads only its new tokens. Knows no native code and no clock.
"""

from __future__ import annotations

from collections.abc import Sequence as Tokens
from dataclasses import dataclass, field


@dataclass(slots=True)
class Slot:
    """One native sequence. The first `n_held` of `tokens` are in its KV cells."""

    index: int
    tokens: list[int] = field(default_factory=list)
    n_held: int = 0
    owner: str | None = None
    used_at: int = 0

    @property
    def is_idle(self) -> bool:
        return self.owner is None

    @property
    def n_claimed(self) -> int:
        """Cells that must stay available: a busy slot will need all its tokens and one more."""
        return self.n_held if self.owner is None else max(self.n_held, len(self.tokens) + 1)


@dataclass(frozen=True, slots=True)
class Match:
    """Where a prompt should go: `slot` keeps `n_keep` tokens, lent by `source` if given."""

    slot: Slot
    n_keep: int
    source: Slot | None = None


class PrefixCache:
    """`n_slots` sequences that share `n_cells` cells.

    `whole_only`: a recurrent state cannot be cut, so a slot is reused whole or not at all.
    `can_share`: cells can be lent to another slot; they are counted twice, which is safe.
    """

    def __init__(
        self, n_slots: int, n_cells: int, *, whole_only: bool = False, can_share: bool = False
    ) -> None:
        self.slots = [Slot(index) for index in range(n_slots)]
        self.n_cells = n_cells
        self._whole_only = whole_only
        self._can_share = can_share
        self._clock = 0

    @property
    def n_claimed(self) -> int:
        return sum(slot.n_claimed for slot in self.slots)

    def match(self, prompt: Tokens[int]) -> Match | None:
        """The best slot for `prompt`; None while every slot is busy.

        At least the last token is always read again: its logits choose the first word.
        """
        idle = [slot for slot in self.slots if slot.is_idle]
        if not idle:
            return None
        oldest = min(idle, key=lambda slot: (slot.n_held > 0, slot.used_at))
        best = max(idle, key=lambda slot: (self.reusable(slot, prompt), -slot.used_at))
        n_keep = self.reusable(best, prompt)
        # Taking a slot throws away what follows the common beginning: only worth it for more.
        if best.n_held - n_keep > n_keep:
            n_keep = 0
        if self._can_share:
            source = max(self.slots, key=lambda slot: self.reusable(slot, prompt))
            n_lent = self.reusable(source, prompt)
            if n_lent > n_keep and oldest is not source:
                return Match(oldest, n_lent, source)
        if n_keep > 0:
            return Match(best, n_keep)
        return Match(oldest, self.reusable(oldest, prompt))

    def reusable(self, slot: Slot, prompt: Tokens[int]) -> int:
        """How many tokens of `prompt` need not be read if it goes where `slot` is."""
        limit = min(slot.n_held, len(prompt) - 1)
        n_common = common_prefix(slot.tokens, prompt, limit)
        if self._whole_only and (n_common < slot.n_held or not slot.is_idle):
            return 0
        return n_common

    def take(self, slot: Slot, owner: str, tokens: list[int], n_held: int) -> None:
        """Make `slot` busy. `tokens` is the request's own, growing list."""
        self._clock += 1
        slot.owner, slot.tokens, slot.n_held, slot.used_at = owner, tokens, n_held, self._clock

    def release(self, slot: Slot) -> None:
        """The request is over; what was read stays for the next turn."""
        self._clock += 1
        slot.tokens = slot.tokens[: slot.n_held]
        slot.owner, slot.used_at = None, self._clock

    def forget(self, slot: Slot) -> None:
        """The slot's cells were cleared. A busy slot keeps its owner and reads again."""
        slot.n_held = 0
        if slot.is_idle:
            slot.tokens = []

    def to_evict(self, n_needed: int, keep: Tokens[Slot] = ()) -> list[Slot]:
        """Idle slots, least recently used first, whose clearing frees `n_needed` cells.

        As many as there are if that is not enough.
        """
        chosen: list[Slot] = []
        idle = [slot for slot in self.slots if slot.is_idle and slot.n_held and slot not in keep]
        for slot in sorted(idle, key=lambda slot: slot.used_at):
            if n_needed <= 0:
                break
            chosen.append(slot)
            n_needed -= slot.n_held
        return chosen

    def check_integrity(self) -> None:
        """Raise AssertionError where the books are wrong. Run when idle, in tests."""
        owners = [slot.owner for slot in self.slots if slot.owner is not None]
        assert len(owners) == len(set(owners)), f"one request in two slots: {owners}"
        for index, slot in enumerate(self.slots):
            assert slot.index == index, f"slot {index} calls itself {slot.index}"
            assert 0 <= slot.n_held <= len(slot.tokens), f"slot {index} holds too much"
            if slot.is_idle:
                assert slot.n_held == len(slot.tokens), f"idle slot {index} has unread tokens"
        assert sum(slot.n_held for slot in self.slots) <= self.n_cells, "more held than there is"


def common_prefix(a: Tokens[int], b: Tokens[int], limit: int) -> int:
    """Length of the longest common beginning, at most `limit`. Compares slices, not items."""
    low, high = 0, max(0, min(limit, len(a), len(b)))
    while low < high:
        middle = (low + high + 1) // 2
        if list(a[low:middle]) == list(b[low:middle]):
            low = middle
        else:
            high = middle - 1
    return low
