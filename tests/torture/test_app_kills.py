"""The whole program killed while it answers, in short; the long form is a command."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from tests.torture import app_kills

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="POSIX signals")


def test_what_a_killed_window_had_shown_is_on_the_disk(tmp_path: Path) -> None:
    # The half second is for the long form, on a machine that does nothing else.
    tally = app_kills.run(3, 7, tmp_path, limit_s=10.0)
    assert tally.wrong == []
    assert (tally.kills, tally.cut > 0, tally.stored > 0) == (3, True, True)


def test_words_that_go_missing_are_noticed(tmp_path: Path) -> None:
    assert app_kills.control(tmp_path, 7) == []
