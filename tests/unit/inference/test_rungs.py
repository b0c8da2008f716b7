"""One rung down: less context, then less on a card, never what is pinned."""

from __future__ import annotations

import pytest

from app.hardware.profile import known
from app.inference.rungs import (
    LEAST_CONTEXT,
    MAIN,
    Rung,
    both,
    machine_under,
    rung_below,
    wish_under,
)
from app.planner.plan import Plan, Wish, plan_for
from tests.fixtures.machines import card, llama_8b, machine
from tests.fixtures.plans import plan_8b, plan_on_card

GIB = 1 << 30


def test_main_memory_gives_context_down_to_the_least() -> None:
    plan, seen = plan_8b(), []
    rung: Rung | None = None
    while (below := rung_below(plan, MAIN, "Why.")) is not None:
        rung = both(rung, below)
        plan = plan_for(machine(24, 32), llama_8b(), wish_under(Wish(), rung))
        seen.append(plan.n_ctx)
        assert len(seen) < 20
    assert seen == sorted(seen, reverse=True)
    assert len(seen) == len(set(seen))
    assert plan.n_ctx == LEAST_CONTEXT


def test_a_pinned_context_is_not_touched() -> None:
    assert rung_below(plan_8b(n_ctx=16384), MAIN, "") is None


def on_card(rung: Rung | None, wish: Wish | None = None) -> Plan:
    here = machine_under(machine(24, 32, cards=(card(11.5, 12),)), rung)
    return plan_for(here, llama_8b(), wish_under(wish or Wish(), rung))


def test_a_card_gives_context_first_and_layers_then() -> None:
    plan, rung = plan_on_card(), None
    held = [plan.memory[1].need.total_bytes]
    for _ in range(12):
        below = rung_below(plan, "CUDA0", "Why.")
        assert below is not None
        rung = both(rung, below)
        plan = on_card(rung)
        if len(plan.memory) == 1:
            break
        held.append(plan.memory[1].need.total_bytes)
    assert held == sorted(held, reverse=True)
    assert held[-1] < held[0]
    assert plan.fits != "no"


def test_pinned_layers_leave_only_the_context() -> None:
    plan = plan_on_card(n_gpu_layers=33)
    below = rung_below(plan, "CUDA0", "")
    assert below is not None
    assert below.set_aside == ()
    assert rung_below(plan_on_card(n_gpu_layers=33, n_ctx=4096), "CUDA0", "") is None


def test_what_is_missing_is_set_aside() -> None:
    plan = plan_on_card(n_ctx=8192)
    below = rung_below(plan, "CUDA0", "Why.", short_bytes=2 * GIB)
    assert below is not None
    assert dict(below.set_aside)["CUDA0"] > 2 * GIB


def test_rungs_add_up() -> None:
    one, two = Rung(8192, (("A", 1), ("B", 2)), "One."), Rung(4096, (("B", 3),), "Two.")
    assert both(None, None) is None
    assert both(one, None) == both(None, one) == one
    assert both(one, two) == Rung(4096, (("A", 1), ("B", 5)), "Two.")
    assert both(two, Rung(None, (), "Three.")) == Rung(4096, (("B", 3),), "Three.")


def test_a_rung_changes_only_what_it_names() -> None:
    here = machine(cards=(card(7, 8), card(3, 4, name="CUDA1")))
    under = machine_under(here, Rung(4096, (("CUDA1", GIB), ("gone", GIB))))
    free = [device.free_bytes for device in known(under.devices, ())]
    assert free == [7 * GIB, 2 * GIB]
    assert machine_under(here, Rung(4096)) == machine_under(here, None) == here
    assert wish_under(Wish(n_ctx=999), Rung(4096)) == Wish(n_ctx=999)
    assert wish_under(Wish(n_ctx_wanted=2000), Rung(4096)) == Wish(n_ctx_wanted=2000)
    assert wish_under(Wish(), Rung(4096)) == Wish(n_ctx_wanted=4096)


@pytest.mark.parametrize("rung", [Rung(), Rung(4096, (("CUDA0", 5),), "Why.")])
def test_a_rung_is_read_back(rung: Rung) -> None:
    assert Rung.of(rung.as_dict()) == rung
