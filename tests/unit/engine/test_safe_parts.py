"""Overlong runs are cut before a recursive matcher sees them; the text stays the text."""

from __future__ import annotations

import random
import re

from app.engine.model import MAX_RUN_CHARS, MAX_WORD_CHARS, safe_parts


def test_ordinary_text_is_not_cut() -> None:
    assert safe_parts("") == []
    assert safe_parts("The quick brown fox. " * 5_000) == []
    assert safe_parts("x" * MAX_RUN_CHARS) == []
    assert safe_parts("\n".join("汉字，" * 300 for _ in range(100))) == []


def test_a_long_run_is_cut_into_runs_that_fit() -> None:
    for char in "a !7\n漢":
        parts = safe_parts(char * 10_500)
        assert [len(part) for part in parts] == [MAX_RUN_CHARS] * 10 + [500]


def test_parts_join_to_the_text_and_hold_no_long_run() -> None:
    rng = random.Random(4)
    for _ in range(200):
        lengths = (1, 3, 400, 999, 1_000, 1_001, 2_500)
        text = "".join(rng.choice("a! 7") * rng.choice(lengths) for _ in range(30))
        parts = safe_parts(text) or [text]
        assert "".join(parts) == text
        for part in parts:
            assert all(len(word) <= MAX_WORD_CHARS for word in re.findall(r"\S+", part))
            runs = re.findall(r"\w+|\s+|[^\w\s]+", part)
            assert all(len(run) <= MAX_RUN_CHARS for run in runs)
