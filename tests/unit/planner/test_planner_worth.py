"""What slowness costs a model: nothing above comfort, less than its rank below, more the slower."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from app.planner.key import worth_of

FLOOR = 6.0
RANKS = st.integers(1, 100)
SPEEDS = st.floats(0.0, 1000.0)


@given(RANKS, st.floats(20.0, 1e6), st.floats(40.0, 1e6))
def test_from_comfort_on_a_faster_model_is_no_better(
    rank: int, written: float, read: float
) -> None:
    assert worth_of(rank, written, read, FLOOR) == rank


@given(RANKS, SPEEDS, SPEEDS, SPEEDS, SPEEDS)
def test_slower_is_never_worth_more(rank: int, a: float, b: float, c: float, d: float) -> None:
    slow = worth_of(rank, min(a, b), min(c, d), FLOOR)
    assert 0 <= slow <= worth_of(rank, max(a, b), max(c, d), FLOOR) <= rank


def test_a_little_better_is_not_worth_ten_times_the_wait() -> None:
    dense, experts = worth_of(78, 8.0, 250.0, FLOOR), worth_of(73, 77.0, 330.0, FLOOR)
    assert experts > dense


def test_much_better_is_worth_half_the_speed() -> None:
    assert worth_of(15, 8.0, 11.0, FLOOR) > worth_of(6, 16.0, 21.0, FLOOR)


def test_who_asks_for_less_speed_is_sooner_content() -> None:
    assert worth_of(78, 7.0, 100.0, 2.0) == 78
    assert worth_of(78, 0.1, 0.1, 0.0) == 78
