"""After a load and an answer: what is learnt, and when there is stepped down."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from app.inference.advice import Advice, Adviser
from app.inference.aftermath import MeasuredAftermath
from app.inference.learning import Learning
from app.inference.placement import Placement
from app.inference.rungs import LEAST_CONTEXT, MAIN, Rung
from app.protocol.generation import Finished, Timings, Usage
from tests.fixtures.plans import PATH, placed, plan_8b, plan_on_card

GIB, MIB = 1 << 30, 1 << 20


class Steps:
    """Takes rungs as `Planning` does."""

    def __init__(self) -> None:
        self.taken: list[tuple[Path, Rung]] = []

    def step_down(self, path: Path, rung: Rung) -> None:
        self.taken.append((path, rung))


class After:
    """An aftermath, what it measures with, and what came of it."""

    def __init__(self, folder: Path) -> None:
        self.available: int | None = 16 * GIB
        self.held = 200 * MIB
        self.learning = Learning(folder / "learnt.json")
        self.steps = Steps()
        self.told: list[Advice] = []
        adviser = Adviser()
        adviser.subscribe(self.told.append)
        self.aftermath = MeasuredAftermath(
            self.learning,
            lambda: self.steps,
            adviser,
            available=lambda: self.available,
            held=lambda: self.held,
        )

    def loaded(
        self, placement: Placement, took: int = 0, *, may_step_down: bool = True, **free: int
    ) -> str | None:
        self.aftermath.begins(placement)
        self.held += took
        return self.aftermath.loaded(placement, free, may_step_down=may_step_down)

    def answered(
        self, placement: Placement, speed: float, n_written: int = 200, *, alone: bool = True
    ) -> None:
        event = Finished("r", "stop", Usage(400, 0, n_written), Timings(0, 1, 90.0, speed))
        self.aftermath.answered(placement, event, undisturbed=alone)


@pytest.fixture
def after(tmp_path: Path) -> After:
    return After(tmp_path)


def test_with_room_left_nothing_happens(after: After) -> None:
    assert after.loaded(placed(plan_8b())) is None
    assert after.loaded(placed(plan_on_card()), CUDA0=2 * GIB) is None
    assert after.steps.taken == []
    assert after.told == []


def test_too_little_main_memory_steps_down_and_says_so(after: After) -> None:
    placement = placed(plan_8b())
    after.available = placement.plan.memory[0].need.compute_bytes + 255 * MIB
    words = after.loaded(placed(replace_mode(placement, "none")))
    assert words is not None
    assert "left" in words
    ((path, rung),) = after.steps.taken
    assert path == Path(PATH)
    assert rung.n_ctx == placement.plan.n_ctx // 2
    assert "After loading only" in rung.why


def replace_mode(placement: Placement, mode: str) -> Any:
    chosen = replace(placement.plan.configuration, load_mode=mode)
    return replace(placement.plan, configuration=chosen)


def test_pages_of_a_mapped_file_are_needed_too(after: After) -> None:
    placement = placed(replace_mode(placed(plan_8b()), "mmap"))
    need = placement.plan.memory[0].need
    after.available = need.weights_bytes + need.compute_bytes + 300 * MIB
    assert after.loaded(placement) is None
    after.available -= 100 * MIB
    assert after.loaded(placement) is not None


def test_a_full_card_steps_down(after: After) -> None:
    assert after.loaded(placed(plan_on_card()), CUDA0=100 * MIB) is not None
    ((_, rung),) = after.steps.taken
    assert rung.n_ctx is not None or rung.set_aside


def test_what_is_pinned_is_said_instead(after: After) -> None:
    plan = plan_8b(n_ctx=8192)
    after.available = 0
    assert after.loaded(placed(plan, pinned=True)) is None
    assert after.steps.taken == []
    (advice,) = after.told
    assert advice.deed == ""
    assert advice.title
    assert "pinned" in advice.detail


def test_what_cannot_be_less_is_not_called_pinned(after: After) -> None:
    after.available = 0
    assert after.loaded(placed(plan_8b(n_ctx_wanted=LEAST_CONTEXT))) is None
    (advice,) = after.told
    assert "pin" not in advice.detail
    assert "smaller model" in advice.detail


def test_what_the_person_wanted_anyway_is_loaded_so_again(after: After) -> None:
    after.available = 0
    assert after.loaded(placed(plan_8b()), may_step_down=False) is None
    assert after.steps.taken == []
    assert after.told == []


def test_memory_that_is_not_known_is_not_judged(after: After) -> None:
    after.available = None
    assert after.loaded(placed(plan_8b())) is None
    assert after.loaded(placed(plan_on_card())) is None
    assert after.told == []


def test_a_placement_without_a_plan_is_let_be(after: After) -> None:
    bare = Placement(placed(plan_8b()).settings)
    assert after.loaded(bare) is None
    after.aftermath.tried(bare, {"process_bytes": 1})
    after.answered(bare, 5.0)
    assert after.learning.records() == ()


def test_a_real_load_that_took_far_more_is_learnt(after: After) -> None:
    placement = placed(replace_mode(placed(plan_8b()), "none"))
    need = placement.plan.memory[0].need
    expected = need.total_bytes - need.compute_bytes
    after.loaded(placement, took=expected + 100 * MIB)  # the noise of a living program
    assert after.learning.records() == ()
    after.loaded(placement, took=expected + 900 * MIB)
    residual = after.learning.learnt().of("CPU", "", "llama")
    assert residual is not None
    assert residual.memory_bytes == 900 * MIB


def measured(busy: float | None, **more: Any) -> dict[str, Any]:
    return {
        "process_bytes": 6 * GIB,
        "devices_taken": {"CUDA0": 7 * GIB},
        "prompt_tokens_per_second": 300.0,
        "generated_tokens_per_second": 20.0,
        "others_busy_cores": busy,
        **more,
    }


@pytest.mark.parametrize(("busy", "counts"), [(0.1, True), (1.5, False), (None, False)])
def test_a_trial_teaches_memory_always_and_speed_when_idle(
    after: After, busy: float | None, counts: bool
) -> None:
    after.aftermath.tried(placed(plan_on_card()), measured(busy))
    (record,) = after.learning.records()
    assert [entry.newest for entry in record.memory] == [6 * GIB, 7 * GIB]
    assert [entry.newest for entry in record.speeds] == ([300.0, 20.0] if counts else [None, None])


def test_answers_teach_when_long_enough_and_undisturbed(after: After) -> None:
    placement = placed(plan_8b())
    after.answered(placement, 5.0, alone=False)
    assert after.learning.records() == ()
    after.answered(placement, 5.0, n_written=10)
    (record,) = after.learning.records()
    assert [entry.newest for entry in record.speeds] == [90.0, None]
    after.answered(placement, 5.0)
    (record,) = after.learning.records()
    assert record.memory[0].newest is None
    assert [entry.newest for entry in record.speeds] == [90.0, 5.0]
    assert placement.prediction is not None
    assert record.memory[0].backend == MAIN


def test_a_card_that_writes_at_less_than_half_is_told_and_gets_less(after: After) -> None:
    placement = placed(plan_on_card())
    said = placement.plan.expected.generated_tokens_per_second
    after.answered(placement, 0.3 * said)
    after.answered(placement, 0.9 * said)  # one slow answer is an accident
    after.answered(placement, 0.3 * said)
    assert after.told == []
    for _ in range(3):
        after.answered(placement, 0.3 * said)
    (advice,) = after.told  # once
    assert "driver" in advice.detail
    assert "main memory" in advice.detail
    rung = after.learning.rung(PATH)
    assert rung is not None
    assert "expected" in rung.why
    assert after.steps.taken == []  # the next plan, not this one


def test_a_slow_processor_is_only_learnt(after: After) -> None:
    placement = placed(plan_8b())
    for _ in range(3):
        after.answered(placement, 0.1)
    assert after.told == []
    assert after.learning.rung(PATH) is None
