"""The short form of the stop torture, and the proof that it would notice a death or a hang."""

from __future__ import annotations

from tests.torture.stops import run, run_control


def test_random_stops_quits_and_unloads_end_in_order() -> None:
    tally = run(12, seed=7)
    assert tally.deaths == []
    assert tally.rounds == 12
    assert tally.actions["submit"] > 0
    assert sum(tally.endings.values()) > 0


def test_a_native_abort_is_noticed() -> None:
    (death,) = run_control("abort", 120.0).deaths
    assert "signal 6" in death or "exit" in death
    assert "on purpose" in death


def test_a_hang_is_noticed() -> None:
    (death,) = run_control("hang", 3.0).deaths
    assert "hang" in death
