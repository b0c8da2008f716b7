"""What is chosen, what is said about it, and what must hold for every machine and every wish."""

from __future__ import annotations

import dataclasses
import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.gguf.facts import ModelFacts
from app.hardware.profile import MachineProfile, Memory, Power, Unknown
from app.planner.explain import sentence
from app.planner.memory import FITS, MAIN, Configuration, DryRun
from app.planner.plan import LEAST_CONTEXT, Plan, Wish, plan_for
from app.planner.speed import ubatch_for
from app.planner.threads import threads_for
from tests.fixtures.machines import GIB, card, llama_8b, machine, moe_30b

MODELS = {
    "dense": llama_8b(),
    "experts": moe_30b(),
    "tied": llama_8b(output_bytes=1000, tied_output_bytes=295_477_248, n_ctx_train=4096),
    "window": llama_8b(
        sliding_window=1024,
        swa_layers=tuple(layer % 6 != 5 for layer in range(32)),
        head_dim_k_swa=128,
        head_dim_v_swa=128,
    ),
}


def codes(plan: Plan) -> set[str]:
    return {reason.code for reason in plan.reasons}


def words(plan: Plan) -> str:
    return "\n".join(plan.lines())


def test_a_model_that_fits_well() -> None:
    plan = plan_for(machine(12, 16), llama_8b())
    assert plan.fits == "well"
    assert plan.n_ctx == 8192
    assert (plan.configuration.n_gpu_layers, plan.n_threads) == (0, 7)
    assert codes(plan) >= {"memory_well", "no_card", "context_usual", "threads_left_one"}
    assert any(other.code == "larger_context" for other in plan.alternatives)


def test_a_chosen_context_that_is_rounded_up_is_said_with_both_numbers() -> None:
    plan = plan_for(machine(12, 16), llama_8b(), Wish(n_ctx=5000))
    assert plan.n_ctx == 5120
    assert "The context is 5,120 tokens" in words(plan)
    assert "you chose 5,000." in words(plan)
    exact = plan_for(machine(12, 16), llama_8b(), Wish(n_ctx=5120))
    assert "context_pinned" in codes(exact)


PLAIN = Wish(cache_type_k="f16", cache_type_v="f16")
"""Without the saving that would otherwise come before a smaller context."""


def test_the_context_shrinks_until_it_fits() -> None:
    plan = plan_for(machine(7.6, 16), llama_8b(), PLAIN)
    assert plan.fits == "well"
    assert LEAST_CONTEXT <= plan.n_ctx < 8192
    assert "context_memory" in codes(plan)


def test_what_is_tight_says_so() -> None:
    plan = plan_for(machine(6, 16), llama_8b())
    assert (plan.fits, plan.n_ctx) == ("tight", LEAST_CONTEXT)
    assert "fits, with little to spare" in words(plan)


def test_what_does_not_fit_says_the_numbers_and_what_would() -> None:
    plan = plan_for(machine(4, 8), llama_8b())
    assert plan.fits == "no"
    assert plan.needed_bytes > plan.free_bytes == 4 * GIB
    assert "only 4.3 GB are free" in words(plan)
    assert "smaller_model" in {other.code for other in plan.alternatives}


def test_a_smaller_quant_is_named_where_it_would_fit() -> None:
    large = llama_8b(quant="F16", layer_bytes=(436_000_000,) * 32, output_bytes=1_050_000_000)
    plan = plan_for(machine(13, 16), large)
    assert plan.fits == "no"
    assert any("as Q8_0 is about 8.5 GB" in sentence(other) for other in plan.alternatives)


def test_the_context_is_no_larger_than_the_model_was_trained_for() -> None:
    plan = plan_for(machine(), llama_8b(n_ctx_train=4096))
    assert plan.n_ctx == 4096
    assert "context_trained" in codes(plan)
    assert plan_for(machine(), llama_8b(n_ctx_train=1000)).n_ctx == 768
    assert plan_for(machine(), llama_8b(n_ctx_train=100)).n_ctx == 256
    assert plan_for(machine(), llama_8b(n_ctx_train=0)).n_ctx == 8192


def test_all_layers_go_to_a_card_that_holds_them() -> None:
    plan = plan_for(machine(cards=(card(10, 12),)), llama_8b())
    assert plan.configuration.n_gpu_layers == 33
    assert [share.pool.name for share in plan.memory] == [MAIN, "CUDA0"]
    assert "layers" in codes(plan)
    assert plan.expected.generated_tokens_per_second > 20


def test_some_layers_go_to_a_card_that_holds_some() -> None:
    here, facts = machine(cards=(card(4, 6),)), llama_8b()
    plan = plan_for(here, facts, dataclasses.replace(PLAIN, n_ctx=8192))
    n_layers = plan.configuration.n_gpu_layers
    assert 0 < n_layers < 33
    assert plan.fits == "well"
    # One more would eat into what the driver needs.
    step = plan.configuration.n_ubatch
    more = dataclasses.replace(PLAIN, n_ctx=8192, n_gpu_layers=n_layers + 1, n_ubatch=step)
    assert plan_for(here, facts, more).fits != "well"


def test_a_card_too_small_for_one_layer_is_left_alone() -> None:
    plan = plan_for(machine(cards=(card(1, 2),)), llama_8b())
    assert plan.configuration.n_gpu_layers == 0
    assert "card_too_small" in codes(plan)


def test_shared_memory_is_charged_once_to_main_memory() -> None:
    chip = card(10, 12, "igpu", "Vulkan0")
    plan = plan_for(machine(10, 16, cards=(chip,)), llama_8b())
    assert plan.configuration.n_gpu_layers == 33
    assert plan.needed_bytes == sum(share.need.total_bytes for share in plan.memory)
    assert plan.fits == "well"
    assert plan_for(machine(5, 16, cards=(chip,)), llama_8b()).fits != "well"


def test_safe_mode_leaves_the_card_alone() -> None:
    here = machine(cards=(card(10, 12),))
    plan = plan_for(here, llama_8b(), Wish(n_gpu_layers=20), cpu_only="safe_mode")
    assert plan.configuration.n_gpu_layers == 0
    assert codes(plan) >= {"safe_mode", "layers_not_followed"}


def test_pinned_layers_without_a_card_are_said_not_to_be_used() -> None:
    plan = plan_for(machine(), llama_8b(), Wish(n_gpu_layers=20))
    assert plan.configuration.n_gpu_layers == 0
    assert codes(plan) >= {"no_card", "layers_not_followed"}


def test_pinned_values_win_and_are_said() -> None:
    wish = Wish(
        n_ctx=30_000,
        n_gpu_layers=33,
        n_threads=3,
        n_ubatch=48,
        cache_type_k="q8_0",
        cache_type_v="q8_0",
    )
    plan = plan_for(machine(4, 8, cards=(card(2, 4),)), llama_8b(n_ctx_train=8192), wish)
    chosen = plan.configuration
    assert (plan.n_ctx, chosen.n_gpu_layers, plan.n_threads) == (30_208, 33, 3)
    assert (chosen.n_ubatch, chosen.cache_type_k, chosen.cache_type_v) == (48, "q8_0", "q8_0")
    assert plan.fits == "no"
    assert codes(plan) >= {"context_pinned_beyond", "layers_pinned", "threads_pinned", "pinned"}
    assert "device_short" in codes(plan)


def test_unknown_memory_is_no_reason_to_refuse() -> None:
    lost = Unknown("nobody said")
    here = dataclasses.replace(machine(), memory=Memory(lost, lost, None))
    plan = plan_for(here, llama_8b())
    assert plan.fits == "tight"
    assert "nobody said" in words(plan)


def test_unknown_devices_are_said() -> None:
    here = dataclasses.replace(machine(), devices=Unknown("the driver died"))
    assert "the driver died" in words(plan_for(here, llama_8b()))


def test_a_dry_run_of_the_plan_makes_it_exact() -> None:
    here, facts = machine(), llama_8b()
    chosen = plan_for(here, facts).configuration
    run = dry_run(chosen, 5_000_000_000)
    plan = plan_for(here, facts, dry_run=run)
    assert plan.confidence == "dry-run"
    assert plan.memory[0].need.weights_bytes == 5_000_000_000
    assert plan.configuration.load_mode == "none"
    assert "read_repacked" in codes(plan)


def test_a_dry_run_that_counts_more_moves_the_plan() -> None:
    here, facts = machine(8.5, 16), llama_8b()
    first = plan_for(here, facts, PLAIN)
    second = plan_for(here, facts, PLAIN, dry_run=dry_run(first.configuration, 5_900_000_000))
    assert first.fits == second.fits == "well"
    assert second.n_ctx < first.n_ctx
    assert second.confidence == "formula"


def dry_run(configuration: Configuration, model_bytes: int, repacked: float = 0.6) -> DryRun:
    entry = {
        "model": model_bytes,
        "repacked": int(model_bytes * repacked),
        "context": llama_8b().kv_bytes(configuration.n_ctx, configuration.n_seq_max),
        "compute": 100_000_000,
        "output": 2_000_000,
    }
    return DryRun(configuration, True, {"CPU": entry})


def test_a_file_is_mapped_unless_it_would_be_held_twice() -> None:
    here, facts = machine(), llama_8b()
    assert plan_for(here, facts).configuration.load_mode == "none"
    assert plan_for(here, llama_8b(quant="Q8_0")).configuration.load_mode == "mmap"
    chosen = plan_for(here, facts).configuration
    plan = plan_for(here, facts, dry_run=dry_run(chosen, 4_900_000_000, repacked=0.0))
    assert (plan.configuration.load_mode, plan.confidence) == ("mmap", "dry-run")


@pytest.mark.parametrize(
    ("here", "count", "why"),
    [
        (machine(), 7, "left_one"),
        (machine(physical_cores=4, performance_cores=4), 4, ""),
        (machine(physical_cores=14, performance_cores=6, usable_cores=20), 5, "left_one"),
        (machine(usable_cores=2), 2, ""),
        (machine(quota_cores=1.5), 1, "quota"),
        (machine(quota_cores=0.5), 1, "quota"),
        (machine(quota_cores=64.0), 7, "left_one"),
        (dataclasses.replace(machine(), power=Power("battery", 60)), 4, "battery"),
        (machine(physical_cores=Unknown("?"), performance_cores=Unknown("?")), 7, "left_one"),
    ],
)
def test_threads(here: MachineProfile, count: int, why: str) -> None:
    threads = threads_for(here)
    assert (threads.count, threads.why) == (count, why)


def test_a_step_shrinks_with_the_model_and_the_processor() -> None:
    small = llama_8b(n_embd=896, n_ff=(4864,) * 32, n_head=(14,) * 32, head_dim_k=64)
    slow = machine(instruction_sets=("SSE3",))
    assert ubatch_for(small, 2048, 4, machine()) == 256
    assert ubatch_for(small, 16_384, 4, machine()) == 128
    assert ubatch_for(llama_8b(), 8192, 4, machine()) < 256
    assert ubatch_for(llama_8b(), 8192, 1, slow) == 32


@pytest.mark.parametrize("facts", MODELS.values(), ids=MODELS)
def test_the_documented_fields_are_there(facts: ModelFacts) -> None:
    found = json.loads(json.dumps(plan_for(machine(), facts).as_dict()))
    assert set(found) >= {
        *("model", "quant", "file_bytes", "n_gpu_layers", "n_layers", "n_ctx", "n_batch"),
        *("n_ubatch", "n_threads", "cache_type_k", "cache_type_v", "memory", "expected", "fits"),
        *("reasons", "alternatives", "confidence", "n_cpu_moe", "devices", "tensor_split"),
        *("n_seq_max", "n_threads_batch", "load_mode", "is_slow", "pinned"),
    }
    assert set(found["memory"]["CPU"]) == {
        *("weights_bytes", "kv_bytes", "compute_bytes", "total_bytes", "free_bytes"),
        *("margin_bytes", "reserve_bytes", "others_bytes"),
    }
    assert set(found["expected"]) == {
        *("prompt_tokens_per_second", "generated_tokens_per_second"),
        *("prompt_range", "generated_range", "reading"),
    }
    for text in found["reasons"] + found["alternatives"]:
        assert text.endswith(".")
        assert text[0].isupper() or text[0].isdigit()


WISHES = st.builds(
    Wish,
    n_ctx=st.none() | st.integers(1, 200_000),
    n_gpu_layers=st.none() | st.integers(-1, 60),
    n_threads=st.none() | st.integers(1, 64),
    n_ubatch=st.none() | st.integers(4, 2048),
    cache_type_k=st.none() | st.sampled_from(["f16", "q8_0"]),
)
KINDS = st.sampled_from(sorted(MODELS))
SIZES = st.floats(0.0, 64.0)


def built(total: float, share: float, gpu: float | None, kind: str) -> MachineProfile:
    cards = () if gpu is None else (card(gpu, 24, kind),)
    return machine(total * share, total, cards=cards)


@settings(max_examples=60, deadline=None)
@given(KINDS, WISHES, SIZES, st.floats(0, 1), st.none() | st.floats(0, 24))
def test_every_plan_can_be_loaded_and_keeps_what_is_pinned(
    name: str, wish: Wish, total: float, share: float, gpu: float | None
) -> None:
    here = built(total, share, gpu, "gpu")
    plan = plan_for(here, MODELS[name], wish)
    assert plan == plan_for(here, MODELS[name], wish)
    settings_ = plan.settings("model.gguf")
    settings_.check()
    assert plan.n_ctx % 256 == 0
    assert plan.n_ctx - 256 < (wish.n_ctx or plan.n_ctx) <= plan.n_ctx
    assert plan.n_threads == (wish.n_threads or plan.n_threads)
    assert settings_.n_ubatch == min(wish.n_ubatch or settings_.n_ubatch, plan.n_ctx)
    assert settings_.cache_type_k == (wish.cache_type_k or settings_.cache_type_k)
    if wish.n_gpu_layers is not None and gpu is not None:
        most = plan.n_layers + 1
        wanted = most if wish.n_gpu_layers < 0 else min(wish.n_gpu_layers, most)
        assert settings_.n_gpu_layers == wanted
    if plan.fits != "no" and plan.memory[0].pool.total_bytes:
        assert plan.needed_bytes <= plan.free_bytes
        for part in plan.memory[1:]:
            assert part.need.total_bytes <= part.pool.free_bytes
    plan.as_dict()
    plan.lines()


@settings(max_examples=60, deadline=None)
@given(
    KINDS,
    st.floats(1, 64),
    st.tuples(st.floats(0, 1), st.floats(0, 1)).map(sorted),
    st.tuples(st.floats(0, 24), st.floats(0, 24)).map(sorted),
    st.sampled_from(["gpu", "igpu"]),
)
def test_more_memory_is_never_worse(
    name: str, total: float, shares: list[float], free: list[float], kind: str
) -> None:
    first = plan_for(built(total, shares[0], free[0], kind), MODELS[name])
    second = plan_for(built(total, shares[1], free[1], kind), MODELS[name])
    assert FITS.index(second.fits) >= FITS.index(first.fits)
    assert second.key >= first.key or second.fits == "no"
