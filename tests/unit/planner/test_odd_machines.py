"""Machines that lie, hide or lack something: always a plan with reasons, or a refusal that says
what would help."""

from __future__ import annotations

import dataclasses
import math
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.engine.messages import LoadSettings
from app.hardware.profile import Device, MachineProfile, Memory, Power, Processor, Unknown
from app.planner.choose import Candidate, choose
from app.planner.explain import sentence
from app.planner.plan import Plan, Wish, plan_for
from app.planner.pools import MAIN, pools_of
from app.planner.quality import quality_of
from app.planner.rates import rates_of
from app.planner.threads import threads_for
from tests.fixtures.machines import GIB, card, llama_8b, machine, moe_30b

MIB = 1 << 20
LOST = Unknown("nobody said")
MODELS = (llama_8b(), moe_30b())

NUMBERS = st.one_of(
    st.integers(-(1 << 70), 1 << 70),
    st.integers(0, 64).map(lambda gib: gib * GIB),
    st.sampled_from([0, 1, -1, (1 << 64) - 4096, 1 << 63]),
)
COUNTS = st.one_of(st.just(LOST), st.integers(-8, 300), st.integers(-(1 << 40), 1 << 40))
FLOATS = st.one_of(
    st.just(LOST), st.floats(allow_nan=True, allow_infinity=True), st.floats(1e8, 1e12)
)
DEVICES = st.builds(
    Device,
    name=st.one_of(st.sampled_from(["CUDA0", "Vulkan0", "MTL0", "CPU", ""]), st.text(max_size=8)),
    description=st.text(max_size=8),
    kind=st.sampled_from(["gpu", "igpu", "cpu", "accelerator", "npu", ""]),
    backend=st.sampled_from(["CUDA", "Vulkan", "Metal", ""]),
    total_bytes=NUMBERS,
    free_bytes=NUMBERS,
    id=st.sampled_from(["", "0000:01:00.0"]),
    has_display=st.one_of(st.booleans(), st.just(LOST)),
    used_by_others_bytes=st.one_of(st.just(LOST), NUMBERS),
    bandwidth_bytes_per_s=FLOATS,
    flops=FLOATS,
    verdict=st.sampled_from(["verified", "unverified", "rejected: it hung", ""]),
)
MACHINES = st.builds(
    MachineProfile,
    system=st.one_of(st.just(LOST), st.text(max_size=4)),
    architecture=st.just("x86_64"),
    processor=st.builds(
        Processor,
        model=st.one_of(st.just(LOST), st.text(max_size=4)),
        logical_cores=COUNTS,
        physical_cores=COUNTS,
        performance_cores=COUNTS,
        usable_cores=COUNTS,
        quota_cores=st.one_of(st.none(), FLOATS),
        instruction_sets=st.one_of(st.just(LOST), st.just(()), st.just(("AVX2",))),
        efficiency_cores=COUNTS,
        core_flops=FLOATS,
    ),
    memory=st.builds(
        Memory,
        total_bytes=st.one_of(st.just(LOST), NUMBERS),
        available_bytes=st.one_of(st.just(LOST), NUMBERS),
        limit_bytes=st.one_of(st.none(), st.just(LOST), NUMBERS),
        bandwidth_bytes_per_s=FLOATS,
        is_unified=st.booleans(),
    ),
    devices=st.one_of(st.just(LOST), st.lists(DEVICES, max_size=3).map(tuple)),
    disk=st.just(machine().disk),
    power=st.builds(
        Power,
        source=st.one_of(st.just(LOST), st.sampled_from(["mains", "battery", ""])),
        battery_percent=st.none(),
    ),
)
WISHES = st.builds(
    Wish,
    n_ctx=st.none() | st.integers(1, 1 << 20),
    n_gpu_layers=st.none() | st.integers(-1, 99),
    n_cpu_moe=st.none() | st.integers(0, 99),
    n_batch=st.none() | st.integers(64, 4096),
    n_seq_max=st.none() | st.integers(1, 8),
    load_mode=st.none() | st.sampled_from(["mmap", "none"]),
    devices=st.none()
    | st.lists(st.sampled_from(["CUDA0", "Vulkan0", "XX"]), max_size=2).map(tuple),
    n_ctx_wanted=st.none() | st.integers(1, 1 << 24),
    least_tokens_per_second=st.floats(0, 1e6),
)


def is_honest(plan: Plan) -> None:
    """Loadable, told in whole sentences, and never said to fit past what is free."""
    settings_ = plan.settings("model.gguf")
    settings_.check()
    assert isinstance(settings_, LoadSettings)
    assert plan.reasons
    for reason in (*plan.reasons, *plan.alternatives):
        assert sentence(reason).endswith(".")
    assert math.isfinite(plan.expected.generated_tokens_per_second)
    assert math.isfinite(plan.expected.prompt_tokens_per_second)
    plan.as_dict()
    plan.lines()
    if plan.fits == "no":
        assert plan.alternatives
    for share in plan.memory:
        assert 0 <= share.pool.free_bytes <= max(share.pool.total_bytes, share.pool.free_bytes)
        if plan.fits != "no" and share.pool.is_known:
            assert share.margin_bytes >= 0


@settings(max_examples=150, deadline=None)
@given(MACHINES, WISHES, st.sampled_from(MODELS))
def test_nonsense_costs_the_fact_and_never_the_plan(
    here: MachineProfile, wish: Wish, facts: Any
) -> None:
    plan = plan_for(here, facts, wish)
    is_honest(plan)
    assert plan == plan_for(here, facts, wish)


@settings(max_examples=40, deadline=None)
@given(MACHINES, WISHES)
def test_a_choice_among_files_is_always_made(here: MachineProfile, wish: Wish) -> None:
    candidates = tuple(
        Candidate(facts.name, rank, facts, "file", quality_of(facts.quant))
        for rank, facts in enumerate(MODELS)
    )
    choice = choose(here, candidates, wish)
    is_honest(choice.plan)
    for rejected in choice.rejected:
        is_honest(rejected.plan)
        assert sentence(rejected.reason).endswith(".")


def with_memory(**changes: Any) -> MachineProfile:
    here = machine(12, 16)
    return dataclasses.replace(here, memory=dataclasses.replace(here.memory, **changes))


def test_a_hidden_amount_is_taken_for_half_and_never_fits_well() -> None:
    plan = plan_for(with_memory(available_bytes=LOST), llama_8b())
    assert (plan.free_bytes, plan.fits) == (8 * GIB, "tight")
    assert "nobody said" in "\n".join(plan.lines())


@pytest.mark.parametrize(
    "changes",
    [
        {"total_bytes": 0, "available_bytes": 0},
        {"available_bytes": 0},
        {"available_bytes": -5},
        {"limit_bytes": 0},
        {"limit_bytes": 0, "available_bytes": LOST},
        {"limit_bytes": -1, "total_bytes": LOST},
        {"limit_bytes": 64 * MIB},
    ],
)
def test_no_memory_is_a_refusal_with_a_remedy(changes: dict[str, Any]) -> None:
    plan = plan_for(with_memory(**changes), llama_8b())
    assert plan.fits == "no"
    assert "closing other programs" in "\n".join(plan.lines())


@pytest.mark.parametrize("total", [0, -1])
def test_a_total_of_nothing_is_no_hidden_amount(total: int) -> None:
    plan = plan_for(with_memory(total_bytes=total, available_bytes=LOST), llama_8b())
    assert plan.fits == "no"


@pytest.mark.parametrize("total", [0, LOST])
def test_an_absurd_limit_limits_nothing(total: int | Unknown) -> None:
    for available in (LOST, 1 << 45):
        changes = {"total_bytes": total, "available_bytes": available}
        without = pools_of(with_memory(**changes))[0]
        (with_limit,) = pools_of(with_memory(**changes, limit_bytes=1 << 63))
        assert with_limit == without
    assert plan_for(with_memory(total_bytes=0, limit_bytes=1 << 63), llama_8b()).fits == "no"


def one_card(**changes: Any) -> MachineProfile:
    return machine(cards=(dataclasses.replace(card(6, 8), **changes),))


def test_a_card_that_reports_nothing_or_too_much_is_left_alone_with_a_reason() -> None:
    for changes, code in (
        ({"total_bytes": 0, "free_bytes": 0}, "device_silent"),
        ({"total_bytes": 1 << 62}, "device_absurd"),
        ({"verdict": "rejected: wrong words"}, "device_rejected"),
    ):
        here = one_card(**changes)
        plan = plan_for(here, llama_8b())
        assert [pool.name for pool in pools_of(here)] == [MAIN]
        assert code in {reason.code for reason in plan.reasons}
        assert plan.devices == ()
        # Choosing it by name does not make it sound.
        assert plan_for(here, llama_8b(), Wish(devices=("CUDA0",))).devices == ()


def test_free_bytes_are_bounded_by_what_can_be() -> None:
    def free(**changes: Any) -> int:
        return pools_of(one_card(**changes))[1].free_bytes

    assert free(free_bytes=9 * GIB) == 8 * GIB
    assert free(free_bytes=(1 << 64) - 4096) == 0  # counted below zero by a driver
    assert free(free_bytes=-1) == 0
    assert free(free_bytes=8 * GIB, used_by_others_bytes=3 * GIB) == 5 * GIB
    assert free(used_by_others_bytes=99 * GIB) == 0


def test_a_card_seen_by_two_backends_counts_once() -> None:
    first = dataclasses.replace(card(6, 8), id="0000:01:00.0")
    second = dataclasses.replace(card(6, 8, name="Vulkan0"), id="0000:01:00.0")
    assert [pool.name for pool in pools_of(machine(cards=(first, second)))] == [MAIN, "CUDA0"]


def test_a_display_needs_its_part_of_a_large_card() -> None:
    def reserve(has_display: bool | Unknown) -> int:
        here = machine(cards=(dataclasses.replace(card(30, 40), has_display=has_display),))
        return pools_of(here)[1].reserve_bytes

    assert reserve(True) == reserve(LOST) == 2 * GIB
    assert reserve(False) == GIB


@pytest.mark.parametrize(
    ("changes", "count", "reading"),
    [
        ({"physical_cores": 12, "performance_cores": 4, "usable_cores": 16}, 4, 11),
        ({"physical_cores": 12, "performance_cores": 8, "quota_cores": 3.9}, 3, 3),
        ({"usable_cores": -3, "performance_cores": -3, "physical_cores": 0}, 1, 1),
        ({"usable_cores": 10**9, "performance_cores": 10**9, "physical_cores": 10**9}, 511, 511),
        ({"quota_cores": float("nan")}, 7, 7),
    ],
)
def test_threads_stay_within_what_can_be(changes: dict[str, Any], count: int, reading: int) -> None:
    threads = threads_for(machine(**changes))
    assert (threads.count, threads.reading) == (count, reading)


def test_on_battery_fewer_threads_unless_they_are_pinned() -> None:
    here = dataclasses.replace(machine(), power=Power("battery", 50))
    plan = plan_for(here, llama_8b())
    assert (plan.n_threads, plan.n_threads_batch) == (4, 4)
    assert "choose the number of threads yourself" in "\n".join(plan.lines())
    pinned = plan_for(here, llama_8b(), Wish(n_threads=8))
    assert (pinned.n_threads, pinned.n_threads_batch) == (8, 8)
    assert "on battery" not in "\n".join(pinned.lines())


def test_measured_speeds_replace_the_usual_ones_unless_they_cannot_be() -> None:
    def rate(value: float | Unknown) -> float:
        here = with_memory(bandwidth_bytes_per_s=value)
        return rates_of(here, pools_of(here), 7, 7)[0].bytes_per_s

    assert rate(21e9) == 21e9
    assert rate(LOST) == rate(math.inf) == rate(math.nan) == rate(-1.0) == rate(0.0) == 40e9
