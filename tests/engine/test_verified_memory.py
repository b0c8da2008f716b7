"""Short forms of `tests.verify.resident` and `tests.verify.limit`."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.fixtures.random_model import make_random
from tests.verify import limit, resident


def test_resident_memory_is_what_the_plan_says(tmp_path: Path) -> None:
    found = list(resident.cases(tmp_path, long=False))
    assert len(found) == 2
    assert [case.line() for case in found if not case.is_right] == []


@pytest.mark.parametrize(
    ("predicted_mib", "beyond_mib", "is_right"),
    [
        (1000, -16, True),
        (1000, -17, False),
        (1000, 64, True),
        (1000, 65, False),
        (10_000, -100, True),
        (10_000, -101, False),
        (10_000, 300, True),
        (10_000, 301, False),
    ],
)
def test_a_wrong_prediction_would_be_seen(
    predicted_mib: int, beyond_mib: int, is_right: bool
) -> None:
    case = resident.Case("", predicted_mib << 20, (predicted_mib + beyond_mib) << 20)
    assert case.is_right is is_right


def test_a_tenth_below_is_refused_and_a_tenth_above_answers(tmp_path: Path) -> None:
    model = make_random(tmp_path / "random-0.1b-Q8_0.gguf", shape="0.1b")
    for share in (1.1, 0.9):
        outcome = limit.tried(model, limit.SMALL_CONTEXT, share, tmp_path)
        if outcome is None:
            pytest.skip("no memory cgroup can be made by this user")
        assert outcome.is_right, outcome
