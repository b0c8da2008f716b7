"""The search finds what brute force finds; more memory never gives a worse plan (short form)."""

from __future__ import annotations

import random

import pytest

from tests.verify.search import random_case, wrongs_of

SEED = 20261125


@pytest.mark.parametrize("number", range(60))
def test_no_choice_is_better_than_the_one_found(number: int) -> None:
    assert wrongs_of(random_case(random.Random(SEED + number))) == []


def test_brute_force_catches_a_worse_planner() -> None:
    cases = [random_case(random.Random(SEED + number)) for number in range(20)]
    assert any(wrongs_of(case, is_control=True) for case in cases)
