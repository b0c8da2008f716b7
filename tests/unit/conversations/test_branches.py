from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from app.conversations.branches import active_path, newest_leaf


def ids(turns: list[tuple[str, str | None]], head: str | None) -> list[str]:
    return [turns[position][0] for position, _, _ in active_path(turns, head)]


def test_a_chain_is_its_own_path() -> None:
    assert ids([("a", None), ("b", "a"), ("c", "b")], "c") == ["a", "b", "c"]
    assert ids([], "c") == []


def test_versions_are_counted_where_they_stand() -> None:
    turns = [("q", None), ("a1", "q"), ("a2", "q"), ("r", "a1"), ("a3", "q")]
    assert active_path(turns, "r") == [(0, 1, 0), (1, 3, 0), (3, 1, 0)]
    assert active_path(turns, "a3") == [(0, 1, 0), (4, 3, 2)]


def test_a_lost_turn_in_the_middle_does_not_hide_what_came_before() -> None:
    turns = [("a", None), ("b", "a"), ("d", "lost"), ("e", "d")]
    assert ids(turns, "e") == ["a", "b", "d", "e"]


def test_a_lost_head_is_the_turn_born_last() -> None:
    turns = [("a", None), ("b", "a"), ("c", "a")]
    assert ids(turns, None) == ids(turns, "lost") == ["a", "c"]


def test_a_cycle_ends() -> None:
    turns = [("a", "c"), ("b", "a"), ("c", "b")]
    assert sorted(ids(turns, "c")) == ["a", "b", "c"]
    assert newest_leaf([("a", "b"), ("b", "a")], "a") == "b"
    assert newest_leaf([("a", "a")], "a") == "a"


def test_the_newest_leaf_follows_the_youngest_version() -> None:
    turns = [("q", None), ("a1", "q"), ("r1", "a1"), ("a2", "q"), ("r2", "a1"), ("s", "r2")]
    assert newest_leaf(turns, "a1") == "s"
    assert newest_leaf(turns, "q") == "a2"
    assert newest_leaf(turns, "s") == "s"


@given(st.data(), st.integers(1, 30))
def test_any_set_of_turns_has_a_path_without_repetition(data: st.DataObject, n: int) -> None:
    names = [f"t{number}" for number in range(n)]
    anything = st.one_of(st.none(), st.sampled_from([*names, "lost"]))
    turns = [(name, data.draw(anything)) for name in names]
    head = data.draw(anything)
    path = active_path(turns, head)
    positions = [position for position, _, _ in path]
    assert len(set(positions)) == len(positions) > 0
    assert all(0 <= index < n_siblings for _, n_siblings, index in path)
    assert turns[positions[-1]][0] == (head if head in names else names[-1])


@given(st.lists(st.integers(0, 1000), max_size=60), st.integers(0, 1000))
def test_a_sound_tree_has_the_path_that_its_parents_say(picks: list[int], pick: int) -> None:
    turns: list[tuple[str, str | None]] = []
    for number, choice in enumerate(picks):
        above = choice % (number + 1) - 1
        turns.append((f"t{number}", f"t{above}" if above >= 0 else None))
    if not turns:
        return
    parents = dict(turns)
    head = turns[pick % len(turns)][0]
    expected = [head]
    while (above_name := parents[expected[0]]) is not None:
        expected.insert(0, above_name)
    assert ids(turns, head) == expected
