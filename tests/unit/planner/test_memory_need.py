"""Bytes by pool: against numbers that were measured, and against what must hold for any model."""

from __future__ import annotations

import dataclasses

import pytest

from app.planner.layout import layout_of, places_of
from app.planner.ledger import measured_needs, needs
from app.planner.memory import (
    MAIN,
    Configuration,
    DryRun,
    Pool,
    compute_bytes,
    outputs_bytes,
    overhead_bytes,
)
from app.planner.pools import main_reserve, pools_of
from tests.fixtures.machines import GIB, card, llama_8b, machine, moe_30b

MIB = 1 << 20


def pool(name: str, free_gib: float) -> Pool:
    return Pool(name, int(free_gib * GIB), int(free_gib * GIB), GIB)


def test_the_cache_of_a_known_model() -> None:
    # 32 layers x 2 x 8 heads x 128 x 32,768 cells x 2 bytes, as llama.cpp allocated it.
    found = needs(llama_8b(), Configuration(32_768), (pool(MAIN, 16),))
    assert found[MAIN].kv_bytes == 4096 * MIB


@pytest.mark.parametrize(
    ("n_ubatch", "n_seq_max", "measured_mib"), [(512, 512, 266.5), (512, 1, 148.0)]
)
def test_the_compute_buffer_of_a_known_model(
    n_ubatch: int, n_seq_max: int, measured_mib: float
) -> None:
    shape = Configuration(32_768, n_seq_max=n_seq_max, n_ubatch=n_ubatch)
    assert compute_bytes(llama_8b(), shape) == pytest.approx(measured_mib * MIB, rel=0.16)


def test_a_mixture_of_experts_computes_with_those_it_uses() -> None:
    shape = Configuration(32_768, n_seq_max=1, n_ubatch=512)
    assert compute_bytes(moe_30b(), shape) == pytest.approx(120 * MIB, rel=0.2)


def placement(n_layers: int, n_gpu_layers: int, pools: tuple[Pool, ...]) -> tuple[str, ...]:
    shape = Configuration(256, n_gpu_layers=n_gpu_layers)
    return places_of(layout_of(shape, pools, n_layers), pools)


def test_layers_go_to_devices_from_the_back() -> None:
    pools = (pool(MAIN, 16), pool("CUDA0", 8))
    assert placement(4, 0, pools) == (MAIN,) * 5
    assert placement(4, 2, pools) == (MAIN, MAIN, MAIN, "CUDA0", "CUDA0")
    assert placement(4, 5, pools) == ("CUDA0",) * 5
    assert placement(4, 99, pools) == ("CUDA0",) * 5
    assert placement(4, 5, pools[:1]) == (MAIN,) * 5


def test_two_cards_share_layers_by_their_free_memory() -> None:
    pools = (pool(MAIN, 16), pool("CUDA0", 6), pool("CUDA1", 2))
    places = placement(31, 32, pools)
    assert places.count("CUDA0") == 24
    assert places.count("CUDA1") == 8
    assert places == tuple(sorted(places))


@pytest.mark.parametrize("n_gpu_layers", [0, 1, 7, 32, 33])
def test_nothing_is_lost_between_pools(n_gpu_layers: int) -> None:
    facts, shape = llama_8b(), Configuration(8192, n_gpu_layers=n_gpu_layers)
    found = needs(facts, shape, (pool(MAIN, 16), pool("CUDA0", 8)))
    assert sum(need.weights_bytes for need in found.values()) == facts.weight_bytes
    assert sum(need.kv_bytes for need in found.values()) == facts.kv_bytes(8192, 4)
    assert bool(found["CUDA0"].total_bytes) == bool(n_gpu_layers)


def test_a_tied_output_on_a_card_is_held_twice() -> None:
    facts = llama_8b(output_bytes=1000, tied_output_bytes=295_477_248)
    pools = pools_of(machine(cards=(card(8, 8),)))
    there = needs(facts, Configuration(8192, n_gpu_layers=1), pools)
    here = needs(facts, Configuration(8192), pools)
    assert there["CUDA0"].weights_bytes == 1000 + 295_477_248
    assert here[MAIN].weights_bytes == facts.weight_bytes
    # Stored anew for the processor, it does not replace the input's: 18 bytes for 32 weights.
    repacked = dataclasses.replace(facts, tied_output_bytes=4096 * 128_256 * 18 // 32)
    twice = needs(repacked, Configuration(8192), pools)[MAIN].weights_bytes
    assert twice == facts.weight_bytes + repacked.tied_output_bytes


def test_what_is_always_left_to_the_person() -> None:
    assert main_reserve(4 * GIB) == GIB
    assert main_reserve(16 * GIB) == 2 * GIB
    assert main_reserve(100 * GIB) == 12 * GIB
    assert main_reserve(0) == 0


def test_fits() -> None:
    found = Pool(MAIN, 8 * GIB, 16 * GIB, 2 * GIB)
    assert found.fit_of(6 * GIB) == "well"
    assert found.fit_of(6 * GIB + 1) == "tight"
    assert found.fit_of(8 * GIB - 500 * MIB) == "tight"
    assert found.fit_of(8 * GIB - 100 * MIB) == "no"


def test_the_memory_of_a_container_is_its_limit() -> None:
    here = machine(12, 16)
    memory = dataclasses.replace(here.memory, limit_bytes=4 * GIB, available_bytes=3 * GIB)
    main = pools_of(dataclasses.replace(here, memory=memory))[0]
    assert (main.total_bytes, main.free_bytes, main.reserve_bytes) == (4 * GIB, 3 * GIB, GIB)


def test_a_chip_counts_only_without_a_card_and_shares_main_memory() -> None:
    chip, gpu = card(20, 12, "igpu", "Vulkan0"), card(7, 8)
    assert [found.name for found in pools_of(machine(cards=(chip, gpu)))] == [MAIN, "CUDA0"]
    main, shared = pools_of(machine(8, 16, cards=(chip,)))
    assert shared.shares_main
    assert shared.free_bytes == main.free_bytes == 8 * GIB
    assert not pools_of(machine(cards=(gpu,)))[1].shares_main
    assert [p.name for p in pools_of(machine(cards=(gpu,)), cpu_only=True)] == [MAIN]
    # A backend that says nothing of its memory is not counted on.
    assert len(pools_of(machine(cards=(card(0, 0),)))) == 1


def counted(shape: Configuration, exact: bool = True) -> DryRun:
    entry = {"model": 5000, "repacked": 3000, "context": 700, "compute": 60, "output": 5}
    if not exact:
        entry = {**entry, "model": None, "repacked": 0}  # type: ignore[dict-item]
    return DryRun.from_answer(shape, {"exact": exact, "devices": {"CPU": entry}})


def test_a_dry_run_replaces_the_formulas() -> None:
    facts, shape, pools = llama_8b(), Configuration(4096), pools_of(machine())
    found = measured_needs(facts, shape, pools, counted(shape))[MAIN]
    assert (found.weights_bytes, found.kv_bytes) == (5000, 700)
    assert found.compute_bytes == 65 + overhead_bytes(facts)
    mapped = dataclasses.replace(shape, load_mode="mmap")
    assert counted(shape).is_of(mapped)
    assert measured_needs(facts, mapped, pools, counted(shape))[MAIN].weights_bytes == 8000


def test_where_the_books_are_closed_weights_are_the_headers() -> None:
    facts, shape, pools = llama_8b(), Configuration(4096), pools_of(machine())
    run = counted(shape, exact=False)
    found = measured_needs(facts, shape, pools, run)[MAIN]
    assert found.weights_bytes == facts.weight_bytes
    assert found.kv_bytes == 700
    assert found.compute_bytes == 65 + overhead_bytes(facts)
    assert run.repacked_share is None


def test_logits_are_in_the_sum() -> None:
    facts, shape = llama_8b(), Configuration(4096, n_seq_max=4)
    assert outputs_bytes(facts, shape) == 4 * 128_256 * 4
