"""The short form of the grammar torture, and the proof that it would notice a death."""

from __future__ import annotations

from tests.torture.grammars import run


def test_what_the_check_lets_through_is_borne_by_the_runtime() -> None:
    tally = run(300, seed=20_000)
    assert tally.deaths == []
    assert sum(tally.verdicts.values()) == 300
    assert tally.verdicts["refused"] > 0
    assert tally.verdicts["ended"] + tally.verdicts["went on"] > 0


def test_without_the_check_the_runtime_dies() -> None:
    assert run(4, seed=1, checked=False).deaths
