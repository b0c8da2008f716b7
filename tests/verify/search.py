"""The planner's search against brute force: `python -m tests.verify.search --count 1000 --seed N`.

Random small models on random machines. Every layout, context, type and step is tried, and the
best must be the one that the search found; more memory must never give a worse key, and twice the
same question the same answer. With `--control` a worse planner must be caught.
"""

from __future__ import annotations

import argparse
import itertools
import random
import sys
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

from app.gguf.facts import ModelFacts
from app.hardware.profile import Device, MachineProfile
from app.planner.key import Key
from app.planner.layout import Layout
from app.planner.plan import Wish, plan_for
from app.planner.search import Point, Search
from tests.fixtures.machines import GIB, llama_8b, machine

MIB = 1 << 20


@dataclass(frozen=True)
class Case:
    """One question to the planner."""

    machine: MachineProfile
    facts: ModelFacts
    wish: Wish


def random_case(dice: random.Random) -> Case:
    """A machine with up to two devices, a model of up to five layers, few contexts."""
    facts = _model(dice)
    weights = facts.weight_bytes / GIB
    cards = tuple(_device(dice, number, weights) for number in range(dice.choice((0, 1, 1, 2, 2))))
    total = dice.choice((2.0, 4.0, 8.0, 16.0, 64.0))
    here = machine(total * dice.random(), total, cards=cards)
    speed = dice.choice((20e9, 60e9, 200e9))
    memory = replace(here.memory, bandwidth_bytes_per_s=speed * dice.uniform(0.8, 1.2))
    return Case(replace(here, memory=memory), facts, _wish(dice, facts, cards))


def _device(dice: random.Random, number: int, weights: float) -> Device:
    """With about as much free as the model needs; as fast as main memory or faster."""
    total = dice.choice((2.0, 4.0, 8.0))
    free = min(total, max(0.0, 1 + weights * dice.uniform(-0.2, 1.3)))
    kind = dice.choice(("gpu", "gpu", "igpu"))
    return Device(
        f"Vulkan{number}",
        "A card",
        kind,
        "Vulkan",
        int(total * GIB),
        int(free * GIB),
        has_display=dice.random() < 0.5,
        bandwidth_bytes_per_s=dice.choice((250e9, 250e9, 500e9, 1000e9)),
        flops=dice.choice((8e12, 20e12)),
    )


def _model(dice: random.Random) -> ModelFacts:
    n_layers = dice.randint(1, 5)
    layers = [dice.randint(20, 900) * MIB for _ in range(n_layers)]
    has_experts = dice.random() < 0.5
    dense_first = dice.random() < 0.3
    experts = [round(size * dice.uniform(0.5, 0.95)) if has_experts else 0 for size in layers]
    if dense_first:
        experts[0] = 0
    window = dice.choice((0, 0, 1024))
    heads = dice.choice((2, 8, 32))
    changes: dict[str, Any] = {
        "architecture": dice.choice(("llama", "gemma3", "qwen3moe")),
        "n_layers": n_layers,
        "n_head": (32,) * n_layers,
        "n_head_kv": (heads,) * n_layers,
        "n_ff": (14336,) * n_layers,
        "n_expert": 16 if has_experts else 0,
        "n_expert_used": dice.choice((1, 2, 4)) if has_experts else 0,
        "n_ff_expert": 1024 if has_experts else 0,
        "sliding_window": window,
        "head_dim_k_swa": 128 if window else 0,
        "head_dim_v_swa": 128 if window else 0,
        "swa_layers": tuple(bool(window) and layer % 3 != 2 for layer in range(n_layers)),
        "cached_layers": (True,) * n_layers,
        "recurrent_layers": (False,) * n_layers,
        "layer_bytes": tuple(layers),
        "expert_layer_bytes": tuple(experts),
        "output_bytes": dice.randint(1, 400) * MIB,
        "tied_output_bytes": dice.choice((0, 0, 200 * MIB)),
        "n_params": sum(layers) * 2,
        "n_ctx_train": dice.choice((1000, 4096, 131_072)),
    }
    return llama_8b(**changes)


def _wish(dice: random.Random, facts: ModelFacts, cards: tuple[Device, ...]) -> Wish:
    changes: dict[str, Any] = {
        "n_ctx_wanted": dice.choice((None, 3000, 6144, 20_000)),
        "least_tokens_per_second": dice.choice((0.0, 6.0, 25.0, 80.0)),
    }
    if dice.random() < 0.2:
        changes["n_ctx"] = dice.choice((512, 5000, 32_768))
    if dice.random() < 0.2:
        changes["cache_type_k"] = changes["cache_type_v"] = "f16"
    if dice.random() < 0.2:
        changes["n_seq_max"] = dice.choice((1, 2))
    if facts.n_expert and dice.random() < 0.2:
        changes["n_cpu_moe"] = dice.randint(0, facts.n_layers)
    if cards and dice.random() < 0.15:
        changes["n_gpu_layers"] = dice.randint(0, facts.n_layers + 1)
    return Wish(**changes)


def brute_force(case: Case) -> Point | None:
    """The best of everything that fits well or, if nothing does, tightly; None otherwise."""
    search = Search(case.machine, case.facts, case.wish)
    best: dict[str, Point] = {}
    for layout in _layouts(search):
        for rung, n_ctx in itertools.product(search.choices.rungs, search.choices.contexts):
            point = search.point(rung, n_ctx, layout, "tight")
            if point is None or (point.fit == "tight" and not _may_be_tight(search, point)):
                continue
            if point.fit not in best or point.key > best[point.fit].key:
                best[point.fit] = point
    return best.get("well") or best.get("tight")


def _may_be_tight(search: Search, point: Point) -> bool:
    """Only main memory may, with the least context: a card past its reserve fails."""
    if point.configuration.n_ctx != search.choices.least:
        return False
    if search.wish.n_gpu_layers is not None:
        return True
    found = search.ledger.needs(point.configuration)
    used = (search.pools[number] for number in point.layout.devices)
    return all(found[pool.name].total_bytes <= pool.budget_bytes for pool in used)


def _layouts(search: Search) -> Iterator[Layout]:
    """Every start of each device, every number of experts; the fastest device comes last."""
    n_units = search.ledger.n_units
    pinned = search.wish.n_gpu_layers
    firsts = range(n_units + 1) if pinned is None else (n_units - min(pinned, n_units),)
    experts = search.spans.pinned_experts
    counts = range(n_units) if experts is None else (experts,)
    numbers = range(1, len(search.pools))
    for first, kept in itertools.product(firsts, counts):
        if first == n_units:
            yield Layout((), (), 0, n_units)
            continue
        for count in range(1, len(numbers) + 1):
            for order in itertools.permutations(numbers, count):
                speeds = [search.timing.rates[number].bytes_per_s for number in order]
                if speeds != sorted(speeds):
                    continue
                for others in itertools.combinations(range(first + 1, n_units), count - 1):
                    starts = (first, *others)
                    yield Layout(order, starts, kept if kept > first else 0, n_units)


def wrongs_of(case: Case, *, is_control: bool = False) -> list[str]:
    """What the planner does wrong in this case, in words.

    The control is a planner that may not use devices: it must be caught.
    """
    found = []
    wish = replace(case.wish, devices=()) if is_control else case.wish
    plan = plan_for(case.machine, case.facts, wish)
    best = brute_force(case)
    if best is None and plan.fits != "no":
        found.append(f"fits {plan.fits}, though nothing does")
    elif best is not None and _rough(best.key) != _rough(plan.key):
        found.append(f"found {plan.key}\n  best  {best.key}")
    if plan != plan_for(case.machine, case.facts, wish):
        found.append("another plan the second time")
    for larger in _larger(case.machine):
        other = plan_for(larger, case.facts, wish)
        if plan.fits != "no" and _rough(other.key) < _rough(plan.key):
            found.append(f"with more memory {other.key}\n  instead of {plan.key}")
    return found


def _rough(key: Key) -> Key:
    """Speeds in the last digits differ by the order in which they were added up."""
    return key._replace(exact_speed=round(key.exact_speed, 6))


def _larger(here: MachineProfile) -> Iterator[MachineProfile]:
    """The same machine with more free in main memory, or on one of its devices."""
    memory, devices = here.memory, here.devices
    assert isinstance(memory.available_bytes, int)
    assert isinstance(devices, tuple)
    for more in (64 * MIB, GIB):
        yield replace(here, memory=replace(memory, available_bytes=memory.available_bytes + more))
        for number, device in enumerate(devices):
            freed = replace(device, free_bytes=device.free_bytes + more)
            yield replace(here, devices=(*devices[:number], freed, *devices[number + 1 :]))


def main(words: list[str]) -> int:
    """Try many cases; 1 where one went wrong."""
    parser = argparse.ArgumentParser(prog="python -m tests.verify.search")
    parser.add_argument("--count", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--control", action="store_true", help="a worse planner must be caught")
    given = parser.parse_args(words)
    n_wrong, fits = 0, dict.fromkeys(("well", "tight", "no"), 0)
    for number in range(given.count):
        case = random_case(random.Random(given.seed * 1_000_003 + number))
        fits[plan_for(case.machine, case.facts, case.wish).fits] += 1
        wrongs = wrongs_of(case, is_control=given.control)
        n_wrong += bool(wrongs)
        for text in wrongs if not given.control else ():
            print(f"case {number}: {text}", flush=True)
    told = ", ".join(f"{count} {fit}" for fit, count in fits.items())
    print(f"seed {given.seed}: {given.count} cases ({told}), {n_wrong} wrong")
    return 1 if bool(n_wrong) != given.control else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
