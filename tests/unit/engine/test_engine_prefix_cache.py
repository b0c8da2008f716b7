"""Which slot a prompt goes to, and what is forgotten first."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.engine.prefix_cache import PrefixCache, common_prefix


def filled(cache: PrefixCache, *contents: list[int]) -> PrefixCache:
    for index, tokens in enumerate(contents):
        slot = cache.slots[index]
        cache.take(slot, f"r{index}", list(tokens), len(tokens))
        cache.release(slot)
    return cache


def test_longest_common_beginning_wins() -> None:
    cache = filled(PrefixCache(3, 100), [1, 2, 3], [1, 2, 3, 4, 5], [9, 9])
    match = cache.match([1, 2, 3, 4, 5, 6, 7])
    assert match is not None
    assert (match.slot.index, match.n_keep, match.source) == (1, 5, None)


def test_the_last_token_is_always_read_again() -> None:
    cache = filled(PrefixCache(2, 100), [1, 2, 3])
    match = cache.match([1, 2, 3])
    assert match is not None
    assert (match.slot.index, match.n_keep) == (0, 2)


def test_a_long_conversation_is_not_thrown_away_for_a_few_common_tokens() -> None:
    cache = filled(PrefixCache(2, 100), [1, *range(10, 40)])
    match = cache.match([1, 2, 3])
    assert match is not None
    assert (match.slot.index, match.n_keep) == (1, 0)


def test_cells_are_lent_where_the_memory_allows_it() -> None:
    cache = filled(PrefixCache(3, 100, can_share=True), [1, 2, *range(10, 40)])
    match = cache.match([1, 2, 3])
    assert match is not None
    assert match.source is cache.slots[0]
    assert (match.slot.index, match.n_keep) == (1, 2)


def test_cells_are_lent_by_a_busy_slot_up_to_what_it_has_read() -> None:
    cache = PrefixCache(2, 100, can_share=True)
    cache.take(cache.slots[0], "busy", [1, 2, 3, 4, 5], 3)
    match = cache.match([1, 2, 3, 4, 5, 6])
    assert match is not None
    assert match.source is cache.slots[0]
    assert (match.slot.index, match.n_keep) == (1, 3)


def test_recurrent_state_is_kept_whole_or_not_at_all() -> None:
    cache = filled(PrefixCache(2, 100, whole_only=True), [1, 2, 3])
    whole = cache.match([1, 2, 3, 4])
    cut = cache.match([1, 2, 9])
    same = cache.match([1, 2, 3])
    assert whole is not None
    assert (whole.slot.index, whole.n_keep) == (0, 3)
    assert cut is not None
    assert cut.n_keep == 0
    assert same is not None
    assert same.n_keep == 0, "the last token cannot be read again without going back"


def test_without_anything_in_common_an_empty_slot_is_taken_then_the_oldest() -> None:
    cache = filled(PrefixCache(2, 100), [1, 2])
    match = cache.match([7, 8])
    assert match is not None
    assert match.slot.index == 1
    filled(cache, [1, 2], [3, 4])
    cache.take(cache.slots[0], "again", [1, 2], 2)
    cache.release(cache.slots[0])
    match = cache.match([7, 8])
    assert match is not None
    assert match.slot.index == 1


def test_no_match_while_every_slot_is_busy() -> None:
    cache = PrefixCache(1, 100)
    cache.take(cache.slots[0], "busy", [1], 0)
    assert cache.match([1, 2]) is None


def test_release_keeps_what_was_read_only() -> None:
    cache = PrefixCache(1, 100)
    slot = cache.slots[0]
    cache.take(slot, "r", [1, 2, 3, 4], 2)
    cache.release(slot)
    assert slot.tokens == [1, 2]
    assert slot.is_idle
    cache.check_integrity()


def test_eviction_takes_the_oldest_idle_and_spares_the_busy() -> None:
    cache = filled(PrefixCache(4, 100), [1] * 10, [2] * 10, [3] * 10)
    cache.take(cache.slots[0], "busy", [1] * 10, 10)
    assert [slot.index for slot in cache.to_evict(5)] == [1]
    assert [slot.index for slot in cache.to_evict(15)] == [1, 2]
    assert [slot.index for slot in cache.to_evict(1_000)] == [1, 2]
    assert [slot.index for slot in cache.to_evict(5, keep=[cache.slots[1]])] == [2]
    assert cache.to_evict(0) == []


def test_a_busy_slot_claims_the_cells_it_will_need() -> None:
    cache = PrefixCache(2, 100)
    cache.take(cache.slots[0], "busy", [1] * 30, 5)
    assert cache.n_claimed == 31
    cache.release(cache.slots[0])
    assert cache.n_claimed == 5


def test_integrity_check_notices_wrong_books() -> None:
    cache = filled(PrefixCache(2, 100), [1, 2, 3])
    cache.slots[0].n_held = 5
    with pytest.raises(AssertionError, match="holds too much"):
        cache.check_integrity()
    cache.slots[0].n_held = 2
    with pytest.raises(AssertionError, match="unread"):
        cache.check_integrity()


@given(st.lists(st.integers(0, 2)), st.lists(st.integers(0, 2)), st.integers(-1, 20))
def test_common_prefix_is_what_counting_one_by_one_gives(
    a: list[int], b: list[int], limit: int
) -> None:
    expected = 0
    for left, right in zip(a, b, strict=False):
        if left != right or expected >= limit:
            break
        expected += 1
    assert common_prefix(a, b, limit) == max(0, expected)
