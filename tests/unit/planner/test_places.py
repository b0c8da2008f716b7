"""Experts, several devices, types, sequences and margins: what is given up for what."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest

from app.gguf.facts import ModelFacts
from app.hardware.profile import Device, MachineProfile
from app.planner.candidates import may_halve_context
from app.planner.plan import Plan, Wish, plan_for
from app.planner.reading import reading_words
from tests.fixtures.machines import GIB, card, llama_8b, machine, moe_30b

MIB = 1 << 20


def codes(plan: Plan) -> set[str]:
    return {reason.code for reason in plan.reasons}


def pool_bytes(plan: Plan, name: str) -> int:
    return next(s.need.total_bytes for s in plan.memory if s.pool.name == name)


def fast(device: Device, bandwidth: float, **changes: Any) -> Device:
    return dataclasses.replace(device, bandwidth_bytes_per_s=bandwidth, flops=2e13, **changes)


def test_experts_stay_in_main_memory_before_layers_do() -> None:
    here = machine(30, 32, cards=(card(7, 8),))
    plan = plan_for(here, moe_30b())
    assert plan.configuration.n_gpu_layers == 49
    assert 0 < plan.n_cpu_moe < 48
    assert plan.fits == "well"
    assert {"experts", "layers_of_experts"} <= codes(plan)
    assert "they cost least speed there" in "\n".join(plan.lines())
    # With one layer's experts less in main memory the card would be too full.
    fewer = Wish(n_gpu_layers=-1, n_cpu_moe=plan.n_cpu_moe - 1, n_ctx=plan.n_ctx)
    assert plan_for(here, moe_30b(), dataclasses.replace(fewer, cache_type_k="f16")).fits != "well"
    without = plan_for(here, moe_30b(), Wish(n_cpu_moe=0))
    assert without.expected.generated_tokens_per_second < (
        plan.expected.generated_tokens_per_second
    )


def test_pinned_experts_are_kept_and_a_dense_model_has_none() -> None:
    here = machine(30, 32, cards=(card(20, 24),))
    plan = plan_for(here, moe_30b(), Wish(n_cpu_moe=10))
    assert (plan.n_cpu_moe, plan.configuration.n_gpu_layers) == (10, 49)
    assert "You chose how many layers keep their experts" in "\n".join(plan.lines())
    assert plan_for(here, llama_8b(), Wish(n_cpu_moe=10)).n_cpu_moe == 0


def test_one_device_is_better_than_two_where_it_is_enough() -> None:
    two = (card(10, 12), card(10, 12, name="CUDA1"))
    plan = plan_for(machine(cards=two), llama_8b())
    assert len(plan.devices) == 1
    assert plan.tensor_split == ()


def test_two_devices_share_what_one_cannot_hold_and_the_fastest_comes_last() -> None:
    slow, quick = fast(card(4.2, 8), 200e9), fast(card(4.2, 8, name="CUDA1"), 800e9)
    for cards in ((slow, quick), (quick, slow)):
        plan = plan_for(machine(cards=cards), llama_8b())
        assert plan.devices == ("CUDA0", "CUDA1")
        assert sum(plan.tensor_split) == plan.configuration.n_gpu_layers == 33
        assert plan.memory[-1].pool.name == "CUDA1"
        assert pool_bytes(plan, "CUDA1") > pool_bytes(plan, "CUDA0")


def test_devices_can_be_pinned_and_named_ones_that_are_missing_are_said() -> None:
    two = (card(10, 12), card(10, 12, name="CUDA1"))
    here = machine(cards=two)
    for name in ("CUDA0", "CUDA1"):
        assert plan_for(here, llama_8b(), Wish(devices=(name,))).devices == (name,)
    nowhere = plan_for(here, llama_8b(), Wish(devices=("CUDA7",)))
    assert nowhere.devices == ()
    assert "You chose the device CUDA7" in "\n".join(nowhere.lines())
    processor = plan_for(here, llama_8b(), Wish(devices=()))
    assert (processor.devices, processor.settings("m").devices) == ((), ())
    assert "devices_pinned_none" in codes(processor)


def test_a_device_slower_than_the_processor_is_used_only_when_it_is_chosen() -> None:
    here = machine(cards=(fast(card(10, 12), 5e9),))
    plan = plan_for(here, llama_8b())
    assert plan.devices == ()
    assert "card_slow" in codes(plan)
    assert plan_for(here, llama_8b(), Wish(devices=("CUDA0",))).devices == ("CUDA0",)
    assert plan_for(here, llama_8b(), Wish(n_gpu_layers=5)).configuration.n_gpu_layers == 5


def test_the_context_is_halved_only_where_that_is_known_to_work() -> None:
    here = machine(7.6, 16)
    plan = plan_for(here, llama_8b())
    assert plan.configuration.cache_type_k == plan.configuration.cache_type_v == "q8_0"
    assert plan.n_ctx == 8192
    assert "context_halved" in codes(plan)
    other = plan_for(here, llama_8b(architecture="deepseek4"))
    assert other.configuration.cache_type_k == "f16"
    assert other.n_ctx < 8192
    assert "context_memory" in codes(other)
    assert plan_for(machine(12, 16), llama_8b()).configuration.cache_type_k == "f16"


@pytest.mark.parametrize(
    "changes", [{"architecture": "gemma3"}, {"head_dim_k": 80}, {"is_mla": True}]
)
def test_what_may_not_be_halved(changes: dict[str, Any]) -> None:
    assert may_halve_context(llama_8b())
    assert not may_halve_context(llama_8b(**changes))


def windowed() -> ModelFacts:
    return llama_8b(
        architecture="gemma3",
        sliding_window=1024,
        swa_layers=tuple(layer % 6 != 5 for layer in range(32)),
        head_dim_k_swa=128,
        head_dim_v_swa=128,
    )


def test_sequences_are_given_up_before_the_context_is() -> None:
    plans = [plan_for(machine(hundredths / 100, 16), windowed()) for hundredths in range(680, 780)]
    plans = [plan for plan in plans if plan.fits == "well"]
    fewer = [plan for plan in plans if plan.configuration.n_seq_max < 4]
    assert {plan.n_ctx for plan in plans if plan.configuration.n_seq_max == 4} == {8192}
    assert fewer[-1].n_ctx == 8192
    assert fewer[0].n_ctx < 8192
    assert all("fewer_sequences" in codes(plan) for plan in fewer)


def test_a_wish_for_more_context_is_followed_as_far_as_it_fits() -> None:
    here = machine(12, 16)
    assert plan_for(here, llama_8b(), Wish(n_ctx_wanted=20_000)).n_ctx == 20_224
    far = plan_for(here, llama_8b(), Wish(n_ctx_wanted=1 << 30))
    assert 20_224 < far.n_ctx < 131_072
    assert far.fits == "well"
    assert far.n_ctx % 1024 == 0


def test_a_plan_that_would_leave_a_sliver_does_with_less_and_says_so() -> None:
    facts = windowed()
    thin = plan_for(machine(6.05, 16), facts)
    assert thin.fits == "tight"
    margins = {}
    for hundredths in range(490, 620):
        plan = plan_for(machine(hundredths / 100, 16), facts)
        if plan.fits == "tight":
            margins[hundredths] = plan.memory[0].margin_bytes
            stepped = "stepped_down" in codes(plan)
            assert not (stepped and margins[hundredths] < 256 * MIB)
            assert ("margin_thin" in codes(plan)) == (margins[hundredths] < 256 * MIB)
    found = [
        plan_for(machine(hundredths / 100, 16), facts)
        for hundredths in margins
        if "stepped_down" in codes(plan_for(machine(hundredths / 100, 16), facts))
    ]
    assert found
    assert all(plan.configuration.n_seq_max == 1 for plan in found)


def test_a_file_goes_straight_to_a_card_where_main_memory_is_taken() -> None:
    cards = (card(20, 24),)
    taken = plan_for(machine(5, 32, cards=cards), llama_8b())
    assert (taken.configuration.load_mode, taken.configuration.n_gpu_layers) == ("none", 33)
    assert "read_to_card" in codes(taken)
    free = plan_for(machine(20, 32, cards=cards), llama_8b())
    assert free.configuration.load_mode == "mmap"
    pinned = plan_for(machine(20, 32), llama_8b(), Wish(load_mode="mmap"))
    assert pinned.configuration.load_mode == "mmap"
    assert "load_mode_pinned" in codes(pinned)


def test_a_slow_plan_is_a_plan_and_says_so() -> None:
    large = llama_8b(layer_bytes=(1 << 30,) * 32, n_params=60_000_000_000)
    plan = plan_for(machine(60, 64), large)
    assert (plan.fits, plan.is_slow) == ("well", True)
    assert "slow" in codes(plan)
    assert not plan_for(machine(60, 64), large, Wish(least_tokens_per_second=0.5)).is_slow


def test_a_wish_over_another_keeps_what_it_leaves_open() -> None:
    general = Wish(n_threads=3, n_ctx=4096, least_quality="B", n_ctx_wanted=9000)
    own = Wish(n_ctx=1024, quant="Q8_0")
    both = own.over(general)
    assert both == Wish(n_threads=3, n_ctx=1024, quant="Q8_0", least_quality="B", n_ctx_wanted=9000)
    assert set(both.pinned) == {"n_threads", "n_ctx", "quant"}


@pytest.mark.parametrize(
    ("speed", "pace"),
    [(0.0, "much_slower"), (3.0, "slower"), (5.5, "as_fast"), (10, "faster"), (99, "much_faster")],
)
def test_a_speed_as_a_person_reads_along(speed: float, pace: str) -> None:
    assert reading_words(speed).pace == pace


def at_depth(here: MachineProfile, n_layers: int) -> float:
    plan = plan_for(here, llama_8b(), Wish(n_gpu_layers=n_layers, n_ctx=4096))
    return plan.expected.generated_tokens_per_second


def test_every_layer_on_a_fast_card_makes_writing_faster() -> None:
    here = machine(30, 32, cards=(card(20, 24),))
    speeds = [at_depth(here, n_layers) for n_layers in range(1, 34)]
    assert speeds == sorted(speeds)
    assert speeds[-1] > 3 * speeds[0]


def test_unified_memory_counts_once() -> None:
    chip = card(12, 12, "gpu", "MTL0")
    here = machine(12, 16, cards=(chip,))
    here = dataclasses.replace(here, memory=dataclasses.replace(here.memory, is_unified=True))
    plan = plan_for(here, llama_8b())
    assert plan.needed_bytes == sum(share.need.total_bytes for share in plan.memory)
    assert plan.needed_bytes <= 12 * GIB
