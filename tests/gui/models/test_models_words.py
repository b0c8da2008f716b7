"""Parts add up to the memory they are of, and words say what the numbers say."""

from __future__ import annotations

from dataclasses import replace

import pytest
from PySide6.QtCore import QLocale
from PySide6.QtWidgets import QApplication

from app.gui.models.known import catalogue_models
from app.gui.models.own_memory import without
from app.gui.models.parts import description_of, fillings_of
from app.gui.models.values_card import context_stops
from app.gui.models.words import (
    READING_TOKENS_PER_S,
    machine_words,
    page_words,
    sentence_of,
    speed_words,
    verdict_of,
)
from app.planner.plan import Wish, plan_for
from app.planner.pools import MAIN
from app.planner.reading import reading_words
from tests.fixtures.machines import card
from tests.fixtures.machines import machine as machine_of
from tests.fixtures.plans import plan_8b
from tests.gui.models.conftest import MACHINES, saved

pytestmark = pytest.mark.usefixtures("qapp")
ALL = sorted(path.stem for path in MACHINES.glob("*.json"))


@pytest.mark.parametrize("name", ALL)
def test_parts_fill_their_memory_exactly(name: str) -> None:
    machine = saved(name)
    for model in catalogue_models()[::4]:
        plan = plan_for(machine, model.variants[0].facts, Wish(n_ctx=4096))
        shared = sum(s.need.total_bytes for s in plan.memory if s.pool.shares_main)
        for share in plan.memory:
            filling = fillings_of(plan)[share.pool.name]
            need = share.need.total_bytes + (shared if share.pool.name == MAIN else 0)
            assert sum(part.n_bytes for part in filling.parts) == filling.scale_bytes
            assert filling.over_bytes == max(0, need - share.pool.free_bytes)
            assert all(part.n_bytes > 0 for part in filling.parts)
            said = description_of(filling, QLocale.c())
            assert all(part.size in said for part in filling.parts)
            assert ("do not fit" in said) == (filling.over_bytes > 0)


@pytest.mark.parametrize("name", ALL)
def test_every_model_has_a_verdict_that_agrees_with_its_sentence(name: str) -> None:
    machine = saved(name)
    assert machine_words(machine)
    for model in catalogue_models()[::3]:
        plan = plan_for(machine, model.variants[-1].facts)
        verdict, said = verdict_of(plan), sentence_of(plan)
        assert (verdict == "no") == (plan.fits == "no")
        assert (verdict == "no") == ("slow, or the load would fail" in said or "last of" in said)
        assert (verdict == "slow") == ("It fits, but" in said)
        if verdict == "slow":
            assert plan.fits == "well"
        if verdict == "well":
            assert not plan.is_slow
        if verdict == "slowish":
            # As fast as one reads, and still below what the settings ask for.
            assert plan.is_slow
            assert "slower" not in said
            assert "room for your other programs" in said
            assert plan.fits == "well"
            assert "room for your other programs" in said


def test_speed_is_said_beside_reading() -> None:
    assert speed_words(READING_TOKENS_PER_S) == "writes about as fast as you read"
    assert speed_words(3 * READING_TOKENS_PER_S) == "writes about three times as fast as you read"
    assert speed_words(0.1) == "writes only a word now and then"
    for rate in range(1, 100):
        pace = reading_words(float(rate)).pace
        assert ("slower" in speed_words(rate) or "half as fast as" in speed_words(rate)) == (
            pace in ("slower", "much_slower") and rate > 1
        )


def test_reading_a_page_is_said_in_time() -> None:
    locale = QLocale.c()
    assert page_words(1000.0, locale).endswith("about a second.")
    assert page_words(67.0, locale).endswith("about 10 seconds.")
    assert page_words(2.0, locale).endswith("about 6 minutes.")
    assert page_words(0.0, locale)


@pytest.mark.parametrize("trained", [0, 300, 1024, 4096, 5000, 32_768, 131_072, 10_000_000])
def test_contexts_grow_to_what_the_model_was_trained_for(trained: int) -> None:
    stops = context_stops(trained)
    assert stops == sorted(set(stops))
    assert stops[-1] == (trained or 32_768)
    assert len(stops) < 32


def test_the_memory_of_the_model_in_use_counts_as_free(qapp: QApplication) -> None:
    machine = saved("nvidia-12gb")
    plan = plan_for(machine, catalogue_models()[20].variants[0].facts)
    taken = {share.pool.name: share.need.total_bytes for share in plan.memory}
    freed = without(machine, plan)
    assert isinstance(machine.devices, tuple)
    assert isinstance(freed.devices, tuple)
    for before, after in zip(machine.devices, freed.devices, strict=True):
        if before.name in taken and before.kind != "cpu":
            assert after.free_bytes == min(
                before.total_bytes, before.free_bytes + taken[before.name]
            )
    assert isinstance(freed.memory.available_bytes, int)
    assert isinstance(machine.memory.available_bytes, int)
    gained = freed.memory.available_bytes - machine.memory.available_bytes
    assert 0 <= gained <= taken[MAIN]


def test_a_model_on_a_card_is_planned_as_if_it_were_not_there() -> None:
    """A driver counts what this process holds as taken by others."""
    empty = machine_of(24, 32, cards=(card(7.8, 8),))
    plan = plan_8b(empty)
    assert isinstance(empty.devices, tuple)
    (device,) = empty.devices
    free = device.free_bytes - plan.memory[1].need.total_bytes
    taken = replace(device, free_bytes=free, used_by_others_bytes=device.total_bytes - free)
    again = plan_8b(without(replace(empty, devices=(taken,)), plan))
    assert again.configuration == plan.configuration
