"""TABLE.md is what the planner says now, so that every change of it shows up as a diff."""

from __future__ import annotations

import pytest

from tests.zoo.__main__ import main
from tests.zoo.keeper import machine_files
from tests.zoo.table import TABLE, page


def test_the_table_is_what_the_planner_says_now() -> None:
    kept, now = TABLE.read_text("utf-8").splitlines(), page().splitlines()
    changed = [line for line in now if line not in set(kept)]
    assert kept == now, "\n".join(
        ["read these rows; are they better? then: python -m tests.zoo --write", *changed]
    )


def test_every_machine_has_a_row_in_each_part() -> None:
    text = TABLE.read_text("utf-8")
    for path in machine_files():
        assert text.count(f"\n| {path.stem} |") == 3


def test_one_machine_is_shown_in_full(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--machine", "steam-deck-16gb"]) == 0
    shown = capsys.readouterr().out
    assert "Steam" in shown
    assert "Why:" in shown
    assert shown.count("Not this:") == 2
