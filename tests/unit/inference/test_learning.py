"""What loads and answers taught: residuals, bounds, and a file that may be damaged or lost."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from app.inference import learning as module
from app.inference.learning import Learning
from app.inference.prediction import SpeedGuess
from app.inference.rungs import KEPT_S, MAIN, Rung
from app.planner.learnt import NOTHING
from app.planner.plan import plan_for
from tests.fixtures.machines import card, llama_8b, machine
from tests.fixtures.plans import plan_8b, plan_on_card, predicted

MIB = 1 << 20


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "learnt.json"


@pytest.fixture
def learning(path: Path) -> Learning:
    return Learning(path)


def test_nothing_is_known_at_first(learning: Learning) -> None:
    assert learning.learnt() == NOTHING
    assert learning.records() == ()
    assert learning.take_notice() is None
    assert learning.rung("/a") is None


def test_what_was_measured_corrects_the_next_plan(learning: Learning) -> None:
    plan = plan_8b()
    said = plan.expected.generated_tokens_per_second
    prediction = predicted(plan)
    learning.loaded(prediction, {MAIN: plan.needed_bytes + 300 * MIB})
    for speed in (0.7, 0.6, 0.5):
        learning.answered(prediction, {"generated": said * speed})
    residual = learning.learnt().of("CPU", "", "llama")
    assert residual is not None
    assert residual.memory_bytes == 300 * MIB
    assert residual.generated_ratio == pytest.approx(0.6)
    assert residual.prompt_ratio == 0  # nothing was measured
    again = plan_for(machine(24, 32), llama_8b(), learnt=learning.learnt())
    assert again.needed_bytes == plan.needed_bytes + 300 * MIB
    assert again.expected.generated_tokens_per_second == pytest.approx(0.6 * said, rel=0.02)
    assert learning.learnt().of("CPU", "", "qwen3") is None


def test_a_correction_does_not_undo_itself(learning: Learning) -> None:
    """What is learnt is measured against the plan without it, however often it is right."""
    here, facts, raw = machine(24, 32), llama_8b(), plan_8b()
    true_speed = raw.expected.generated_tokens_per_second * 0.5
    for _ in range(6):
        plan = plan_for(here, facts, learnt=learning.learnt())
        learning.answered(predicted(plan, raw), {"generated": true_speed})
    residual = learning.learnt().of("CPU", "", "llama")
    assert residual is not None
    assert residual.generated_ratio == pytest.approx(0.5)
    assert plan.expected.generated_tokens_per_second == pytest.approx(true_speed, rel=0.02)


def test_memory_is_learnt_by_the_worst_and_speed_by_the_middle(learning: Learning) -> None:
    prediction = predicted(plan_8b())
    for extra in (10, 500, 20, 30):
        learning.loaded(prediction, {MAIN: prediction.memory[0].raw_bytes + extra * MIB})
    for factor in (1.0, 0.9, 0.02):
        learning.answered(prediction, {"prompt": prediction.speed("prompt").raw * factor})
    residual = learning.learnt().of("CPU", "", "llama")
    assert residual is not None
    assert residual.memory_bytes == 500 * MIB
    assert residual.prompt_ratio == pytest.approx(0.9)


def test_a_card_is_learnt_by_its_backend_and_driver(learning: Learning) -> None:
    plan = plan_on_card()
    prediction = predicted(plan)
    assert (prediction.backend, prediction.n_gpu_layers) == ("CUDA", 33)
    device = plan.memory[1]
    learning.loaded(prediction, {device.pool.name: device.need.total_bytes + 450 * MIB})
    residual = learning.learnt().of("CUDA", "", "llama")
    assert residual is not None
    assert residual.memory_bytes == 450 * MIB
    there = learning.learnt()
    corrected = plan_for(machine(24, 32, cards=(card(11.5, 12),)), llama_8b(), learnt=there)
    assert corrected.memory[1].pool.reserve_bytes < device.pool.reserve_bytes


def test_a_speed_alone_does_not_make_a_cards_margin_smaller(learning: Learning) -> None:
    plan = plan_on_card()
    learning.answered(predicted(plan), {"generated": 30.0})
    there = learning.learnt()
    corrected = plan_for(machine(24, 32, cards=(card(11.5, 12),)), llama_8b(), learnt=there)
    assert corrected.memory[1].pool.reserve_bytes == plan.memory[1].pool.reserve_bytes


def test_a_model_too_small_teaches_nothing(learning: Learning) -> None:
    prediction = predicted(plan_8b(), teaches=False)
    learning.loaded(prediction, {MAIN: 1})
    learning.answered(prediction, {"generated": 1.0})
    assert learning.records() == ()


def test_everything_is_there_after_a_restart(learning: Learning, path: Path) -> None:
    prediction = predicted(plan_8b())
    learning.loaded(prediction, {MAIN: 5 << 30})
    learning.answered(prediction, {"generated": 7.5, "prompt": 0.0})
    learning.step_down("/a", Rung(4096, (("CUDA0", 9),), "Because."))
    again = Learning(path)
    assert again.records() == learning.records()
    assert again.learnt() == learning.learnt()
    assert again.rung("/a") == Rung(4096, (("CUDA0", 9),), "Because.")
    assert again.take_notice() is None
    (record,) = again.records()
    assert record.memory[0].newest == 5 << 30
    assert {entry.name: entry.newest for entry in record.speeds} == {
        "generated": 7.5,
        "prompt": None,
    }


def test_a_day_later_a_model_may_have_all_of_it_again(path: Path) -> None:
    now = [1e9]
    learning = Learning(path, clock=lambda: now[0])
    learning.step_down("/a", Rung(4096))
    now[0] += KEPT_S - 1
    learning.step_down("/a", Rung(8192))
    now[0] += KEPT_S - 1
    for known in (learning, Learning(path, clock=lambda: now[0])):
        assert known.rung("/a") == Rung(4096)
    now[0] += 2
    for known in (learning, Learning(path, clock=lambda: now[0])):
        assert known.rung("/a") is None
    learning.step_down("/a", Rung(8192))
    assert learning.rung("/a") == Rung(8192)


def test_the_file_stays_bounded(
    learning: Learning, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_KEPT_LOADS", 3)
    monkeypatch.setattr(module, "_KEPT_RUNGS", 3)
    prediction = predicted(plan_8b())
    for number in range(6):
        for _ in range(40):
            learning.answered(replace(prediction, path=f"/m{number}"), {"generated": 7.0})
        learning.step_down(f"/m{number}", Rung(4096))
    records = learning.records()
    assert [record.key.partition("|")[0] for record in records] == ["/m5", "/m4", "/m3"]
    assert all(len(record.speeds[1].values) == module._KEPT_VALUES for record in records)
    assert [learning.rung(f"/m{n}") is None for n in (2, 3)] == [True, False]
    assert len(path.read_bytes()) < 20_000


def test_what_is_absurd_is_bounded_or_left_out(learning: Learning) -> None:
    prediction = predicted(plan_8b())
    learning.answered(prediction, {"generated": float("inf"), "prompt": float("nan")})
    assert learning.learnt() == NOTHING
    nothing = replace(
        prediction, speeds=(SpeedGuess("prompt", 0.0, 0.0), SpeedGuess("generated", 0.0, 0.0))
    )
    learning.answered(nothing, {"generated": 5.0})
    learning.answered(prediction, {"prompt": 1e12})
    residual = learning.learnt().of("CPU", "", "llama")
    assert residual is not None
    assert residual.prompt_ratio <= 20
    assert residual.generated_ratio == 0


@pytest.mark.parametrize(
    "spoil",
    [
        lambda text: b"",
        lambda text: b"\xff\xfe",
        lambda text: text[: len(text) // 2],
        lambda text: b"[" * 100_000,
        lambda text: text.replace(b'"version": 1', b'"version": 7'),
        lambda text: text.replace(b'"at"', b'"when"'),
        lambda text: text.replace(b'"n_ctx": 8192', b'"n_ctx": "many"'),
        lambda text: text.replace(b'"values": [[', b'"values": [[NaN, 1], ['),
        lambda text: b" " * (module.LIMIT_BYTES + 1),
    ],
)
def test_a_damaged_file_is_as_good_as_none_and_said_once(
    learning: Learning, path: Path, spoil: object
) -> None:
    learning.answered(predicted(plan_8b(n_ctx=8192)), {"generated": 7.0})
    text = path.read_bytes()
    spoilt = spoil(text)  # type: ignore[operator]
    assert spoilt != text
    path.write_bytes(spoilt)
    again = Learning(path)
    assert again.learnt() == NOTHING
    notice = again.take_notice()
    assert notice is not None
    assert notice.title
    assert notice.remedy
    assert again.take_notice() is None
    again.answered(predicted(plan_8b()), {"generated": 7.0})
    assert json.loads(path.read_bytes())["loads"]


def test_a_disk_that_cannot_be_written_costs_only_the_memory_of_it(
    learning: Learning, path: Path
) -> None:
    path.mkdir()
    learning.answered(predicted(plan_8b()), {"generated": 7.0})
    assert len(learning.records()) == 1


def test_a_command_beside_the_window_takes_nothing_away(path: Path) -> None:
    window, command = Learning(path), Learning(path)
    window.answered(predicted(plan_8b(n_ctx=2048)), {"generated": 7.0})
    command.answered(predicted(plan_8b(n_ctx=4096)), {"generated": 6.0})
    window.step_down("/a", Rung(4096))
    command.step_down("/b", Rung(2048))
    window.answered(predicted(plan_8b(n_ctx=8192)), {"generated": 5.0})
    for learning in (window, command, Learning(path)):
        assert {record.n_ctx for record in learning.records()} == {2048, 4096, 8192}
        assert (learning.rung("/a"), learning.rung("/b")) == (Rung(4096), Rung(2048))
        residual = learning.learnt().of("CPU", "", "llama")
        assert residual is not None
        assert residual.n_samples == 3
