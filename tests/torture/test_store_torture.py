"""The short forms of the torture of the store; the long forms are commands."""

from __future__ import annotations

from pathlib import Path

from tests.torture import damage, kills


def test_sixty_kills_lose_nothing_that_was_acknowledged(tmp_path: Path) -> None:
    tally = kills.run(60, seed=20261123, folder=tmp_path)
    assert (tally.lost, tally.corrupt) == ([], [])
    assert tally.acknowledged > tally.kills == 60


def test_both_controls_are_caught(tmp_path: Path) -> None:
    assert kills.control(tmp_path, seed=1) == []


def test_damaged_databases_open_and_give_everything_back(tmp_path: Path) -> None:
    tally = damage.run(3 * len(damage.KINDS), seed=20261123, folder=tmp_path)
    assert tally.wrong == []
    assert tally.opened == 3 * len(damage.KINDS)
    assert tally.noticed >= tally.broken_for_sqlite > 0
