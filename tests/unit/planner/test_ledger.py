"""Sums by layer against adding up layer by layer, and the formulas against llama.cpp's figures."""

from __future__ import annotations

import dataclasses
import random

import pytest

from app.gguf.facts import ModelFacts
from app.planner.layout import Layout, layout_of, places_of
from app.planner.ledger import Ledger, needs
from app.planner.memory import MAIN, Configuration, DryRun, Pool, compute_bytes
from app.planner.plan import plan_for
from app.planner.pools import pools_of
from app.planner.wish import Wish
from tests.fixtures.machines import GIB, card, llama_8b, machine, moe_30b
from tests.verify.search import random_case

MIB = 1 << 20

GEMMA_3_4B = llama_8b(
    architecture="gemma3",
    n_layers=34,
    n_embd=2560,
    n_head=(8,) * 34,
    n_head_kv=(4,) * 34,
    head_dim_k=256,
    head_dim_v=256,
    head_dim_k_swa=256,
    head_dim_v_swa=256,
    n_ff=(10_240,) * 34,
    n_vocab=262_144,
    sliding_window=1024,
    swa_layers=tuple(layer % 6 != 5 for layer in range(34)),
    cached_layers=(True,) * 34,
    recurrent_layers=(False,) * 34,
    layer_bytes=(60 * MIB,) * 34,
    expert_layer_bytes=(0,) * 34,
)
LLAMA, MOE = llama_8b(), moe_30b()


@pytest.mark.parametrize(
    ("facts", "n_ctx", "n_outputs", "n_ubatch", "counted_mib"),
    [
        (LLAMA, 32_768, 512, 512, 266.5),
        (LLAMA, 4096, 1, 512, 120.0),
        (LLAMA, 32_768, 1, 512, 148.0),
        (GEMMA_3_4B, 4096, 512, 512, 527.0),
        (GEMMA_3_4B, 4096, 1, 512, 84.5),
        (GEMMA_3_4B, 32_768, 1, 512, 112.5),
        (MOE, 4096, 1, 512, 92.0),
        (MOE, 32_768, 1, 512, 120.0),
    ],
)
def test_the_compute_buffer_that_llama_cpp_counted(
    facts: ModelFacts, n_ctx: int, n_outputs: int, n_ubatch: int, counted_mib: float
) -> None:
    shape = Configuration(n_ctx, n_seq_max=n_outputs, n_ubatch=n_ubatch)
    if facts is GEMMA_3_4B and n_outputs > 1:
        # There one sequence had all outputs: the window's cells are those of one.
        shape = dataclasses.replace(shape, n_seq_max=512)
    assert compute_bytes(facts, shape) == pytest.approx(counted_mib * MIB, rel=0.15)


@pytest.mark.parametrize(
    ("facts", "kind", "counted_mib"),
    [(LLAMA, "f16", 4096), (LLAMA, "q8_0", 2176), (GEMMA_3_4B, "f16", 814)],
)
def test_the_cache_that_llama_cpp_counted(facts: ModelFacts, kind: str, counted_mib: float) -> None:
    shape = Configuration(32_768, 0, 1, 512, 512, kind, kind)
    found = needs(facts, shape, pools_of(machine(64, 64)))[MAIN].kv_bytes
    assert found == counted_mib * MIB


def added_up(
    facts: ModelFacts, configuration: Configuration, pools: tuple[Pool, ...]
) -> dict[str, tuple[int, int]]:
    """Weights and KV by pool, one layer after the other."""
    layout = layout_of(configuration, pools, facts.n_layers)
    places = places_of(layout, pools)
    chosen = configuration
    kept = facts.layer_kv_bytes(
        chosen.n_ctx, chosen.n_seq_max, chosen.cache_type_k, chosen.cache_type_v, chosen.n_ubatch
    )
    weights = dict.fromkeys((pool.name for pool in pools), 0)
    cells = dict(weights)
    weights[MAIN] += facts.input_bytes
    for layer in range(facts.n_layers):
        experts = facts.expert_layer_bytes[layer]
        away = MAIN if layer < layout.n_cpu_moe else places[layer]
        weights[places[layer]] += facts.layer_bytes[layer] - experts
        weights[away] += experts
        cells[places[layer]] += kept[layer]
    weights[places[-1]] += facts.output_bytes
    if places[-1] != MAIN:
        weights[places[-1]] += facts.tied_output_bytes
    return {name: (weights[name], cells[name]) for name in weights}


@pytest.mark.parametrize("seed", range(60))
def test_sums_are_what_adding_up_gives(seed: int) -> None:
    dice = random.Random(seed)
    case = random_case(dice)
    facts = dataclasses.replace(case.facts, tied_output_bytes=0)
    pools = pools_of(machine(16, 32, cards=(card(4, 8), card(6, 8, name="CUDA1"))))
    configuration = Configuration(
        dice.choice((512, 4096, 30_208)),
        n_gpu_layers=dice.randint(0, facts.n_layers + 1),
        n_seq_max=dice.randint(1, 4),
        n_ubatch=dice.choice((32, 512)),
        cache_type_k=dice.choice(("f16", "q8_0")),
        n_cpu_moe=dice.randint(0, facts.n_layers),
        tensor_split=dice.choice(((), (1.0, 3.0))),
    )
    found = needs(facts, configuration, pools)
    expected = added_up(facts, configuration, pools)
    assert {n: (need.weights_bytes, need.kv_bytes) for n, need in found.items()} == expected


def test_counts_of_llama_cpps_layer_split_are_kept() -> None:
    pools = pools_of(machine(cards=(card(4, 8), card(6, 8, name="CUDA1"))))
    for first in range(1, 33):
        shape = Configuration(
            256,
            n_gpu_layers=33,
            devices=("CUDA0", "CUDA1"),
            tensor_split=(float(first), 33.0 - first),
        )
        assert layout_of(shape, pools, 32) == Layout((1, 2), (0, first), 0, 33)


def test_a_dry_run_of_one_layout_moves_the_others() -> None:
    facts, pools = llama_8b(), pools_of(machine(cards=(card(6, 8),)))
    counted = Configuration(4096, n_gpu_layers=20, devices=("CUDA0",))
    by_formula = needs(facts, counted, pools)
    more = 100 * MIB
    devices = {
        name: {
            "model": need.weights_bytes + more,
            "repacked": 0,
            "context": need.kv_bytes,
            "compute": need.compute_bytes,
            "output": 0,
        }
        for name, need in by_formula.items()
    }
    ledger = Ledger(facts, pools, DryRun(counted, True, devices))
    assert ledger.needs(counted)["CUDA0"].weights_bytes == devices["CUDA0"]["model"]
    other = Configuration(8192, n_gpu_layers=10, devices=("CUDA0",))
    found, plain = ledger.needs(other), needs(facts, other, pools)
    for name in (MAIN, "CUDA0"):
        assert found[name].weights_bytes == plain[name].weights_bytes + more
    # What lies on no device is not moved there by an error found on it.
    assert ledger.needs(Configuration(8192))["CUDA0"].total_bytes == 0


def test_what_loads_took_beyond_the_prediction_is_counted_in() -> None:
    facts, pools = llama_8b(), pools_of(machine())
    plain = Ledger(facts, pools).needs(Configuration(4096))[MAIN]
    learnt = Ledger(facts, pools, more_main_bytes=GIB).needs(Configuration(4096))[MAIN]
    assert learnt.total_bytes == plain.total_bytes + GIB


def test_what_is_held_beside_a_model_is_counted_in_main_memory_and_said() -> None:
    facts, here = llama_8b(), machine(32, 32, cards=(card(20, 24),))
    plain = plan_for(here, facts)
    seeing = plan_for(here, facts, Wish(beside_bytes=2 * GIB))
    assert seeing.memory[0].need.total_bytes - plain.memory[0].need.total_bytes == 2 * GIB
    assert seeing.configuration == plain.configuration
    assert "beside" in {reason.code for reason in seeing.reasons}
    assert "beside_bytes" not in seeing.pinned
    assert plan_for(machine(6, 8), facts, Wish(beside_bytes=4 * GIB)).fits == "no"
