"""Memory that runs short while a model is held: noticed, told once, followed in turn."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from app.foundation.errors import LoadFailed
from app.hardware.pressure import Moment, moment, stalled_percent
from app.inference.advice import Advice, Adviser
from app.inference.host import HostSnapshot
from app.inference.placement import Placement
from app.inference.pressure import AGAIN_S, Judge, PressureWatcher, deed_for, is_short
from app.inference.rungs import MAIN, Rung
from app.planner.threads import Threads
from app.protocol.generation import Failed, Finished, FinishReason, Sink, Timings, Usage
from app.protocol.model_ref import ModelRef
from tests.fixtures.machines import card, machine
from tests.fixtures.plans import PATH, placed, plan_8b, plan_on_card

GIB, MIB = 1 << 30, 1 << 20
CALM = Moment(32 * GIB, 10 * GIB, 0.0, "mains")
SHORT = replace(CALM, available_bytes=300 * MIB)


@pytest.mark.parametrize(
    ("state", "short"),
    [
        (CALM, False),
        (SHORT, True),
        (replace(CALM, stalled_percent=50.0), False),  # waits, but not for want of memory
        (replace(CALM, available_bytes=2 * GIB), False),
        (replace(CALM, available_bytes=2 * GIB, stalled_percent=50.0), True),
        (replace(SHORT, stalled_percent=None), True),
        (Moment(0, 0), False),  # a system that does not say
        (Moment(2 * GIB, 200 * MIB), True),
        (Moment(2 * GIB, 400 * MIB), False),
    ],
)
def test_when_memory_is_short(state: Moment, short: bool) -> None:
    assert is_short(state) is short


def judged(states: list[tuple[float, Moment]], placement: Placement, **free: int) -> list[Advice]:
    judge = Judge()
    found = (judge.look(at_s, state, placement, free) for at_s, state in states)
    return [advice for advice in found if advice is not None]


def test_one_short_look_is_no_reason() -> None:
    looks = [(0.0, SHORT), (5.0, CALM), (10.0, SHORT), (15.0, CALM)]
    assert judged(looks, placed(plan_8b())) == []


def test_a_spell_is_told_once_and_a_later_one_again() -> None:
    placement = placed(plan_8b())
    spell = [(5.0 * n, SHORT) for n in range(400)]
    assert len(judged(spell, placement)) == 1
    soon = [(0.0, SHORT), (5.0, SHORT), (10.0, CALM), (15.0, SHORT), (20.0, SHORT)]
    assert len(judged(soon, placement)) == 1
    later = [(AGAIN_S + at_s, state) for at_s, state in soon[3:]]
    assert len(judged([*soon[:3], *later, (2 * AGAIN_S, SHORT)], placement)) == 2


def test_what_is_offered_gives_enough_back() -> None:
    (advice,) = judged([(0, SHORT), (5, SHORT)], placed(plan_8b()))
    assert advice.path == PATH
    assert advice.deed == "smaller_context"
    assert "nearly full" in advice.title
    assert deed_for(plan_8b(n_ctx=2048), MAIN) == "unload"
    assert deed_for(plan_8b(n_ctx=65536), MAIN) == "unload"  # pinned
    assert deed_for(plan_on_card(), "CUDA0") == "less_on_card"
    assert deed_for(plan_on_card(n_gpu_layers=33, n_ctx=2048), "CUDA0") == "unload"


def test_a_card_that_another_program_takes_is_noticed() -> None:
    placement, judge = placed(plan_on_card()), Judge()
    looks = [
        judge.look(5.0 * number, CALM, placement, {"CUDA0": free})
        for number, free in enumerate([2 * GIB, 50 * MIB, 40 * MIB, 40 * MIB])
    ]
    (advice,) = [advice for advice in looks if advice is not None]
    assert "CUDA0" in advice.title
    assert advice.deed == "less_on_card"
    # Full from the first: nobody took anything.
    looks = [Judge().look(5.0 * n, CALM, placement, {"CUDA0": 40 * MIB}) for n in range(5)]
    assert looks == [None] * 5


def test_what_a_card_had_free_is_counted_from_the_last_load() -> None:
    judge, whole, less = Judge(), placed(plan_on_card()), placed(plan_on_card(n_gpu_layers=20))
    looks = [
        judge.look(5.0 * number, CALM, whole, {"CUDA0": free})
        for number, free in enumerate([300 * MIB, 30 * MIB, 30 * MIB])
    ]
    assert looks[-1] is not None
    looks = [
        judge.look(2 * AGAIN_S + 5.0 * number, CALM, less, {"CUDA0": free})
        for number, free in enumerate([2 * GIB, 100 * MIB, 100 * MIB])
    ]
    assert looks[-1] is not None


def test_a_card_that_did_not_answer_at_first_is_watched_all_the_same() -> None:
    judge, placement = Judge(), placed(plan_on_card())
    answers = [{}, {"CUDA0": 2 * GIB}, {}, {"CUDA0": 50 * MIB}, {"CUDA0": 50 * MIB}]
    looks = [judge.look(5.0 * n, CALM, placement, free) for n, free in enumerate(answers)]
    assert looks[-1] is not None


def test_a_placement_without_a_plan_is_let_be() -> None:
    assert judged([(0, SHORT), (5, SHORT)], Placement(placed(plan_8b()).settings)) == []


class House:
    """Host, service and planner in one, as the watcher sees them; and what they were asked."""

    def __init__(self) -> None:
        self.held: Placement | None = placed(plan_8b())
        self.free: dict[str, int] = {}
        self.threads: list[tuple[int, int]] = []
        self.rungs: list[tuple[Path, Rung]] = []
        self.unloads: list[bool] = []
        self.loads: list[ModelRef] = []
        self.failure: LoadFailed | None = None
        self.reason: FinishReason = "stop"
        self.answers = False

    def snapshot(self) -> HostSnapshot:
        return HostSnapshot("ready", None, None, 0, 0, ModelRef("llama"))

    def placement(self) -> Placement | None:
        return self.held

    def device_memory(self, deadline_s: float) -> dict[str, int]:
        if not self.free:
            raise TimeoutError
        return self.free

    def use_threads(self, n_threads: int, n_threads_batch: int) -> None:
        self.threads.append((n_threads, n_threads_batch))

    def threads_now(self) -> Threads:
        return Threads(4, 8, "battery", 4)

    def step_down(self, path: Path, rung: Rung) -> None:
        self.rungs.append((path, rung))

    def load(self, ref: ModelRef, sink: Sink) -> str:
        self.loads.append(ref)
        if self.failure is not None:
            sink(Failed("r1", self.failure))
        else:
            sink(Finished("r1", self.reason, Usage(0, 0, 0), Timings(0, 0, 0, 0)))
        return "r1"

    def unload(self, *, when_idle: bool = False) -> Future[None]:
        self.unloads.append(when_idle)
        done: Future[None] = Future()
        done.set_result(None)
        return done


class Watched:
    """A watcher that looks every few milliseconds at what the test says."""

    def __init__(self) -> None:
        self.house, self.state, self.told = House(), CALM, list[Advice]()
        self.n_looks = 0
        self.looked = threading.Condition()
        adviser = Adviser()
        adviser.subscribe(self.told.append)
        self.watcher = PressureWatcher(
            self.house, self.house, lambda: self.house, adviser, look=self._look, look_s=0.002
        )

    def _look(self) -> Moment:
        with self.looked:
            self.n_looks += 1
            self.looked.notify_all()
            state: Any = self.state
        if isinstance(state, Exception):
            raise state
        assert isinstance(state, Moment)
        return state

    def looks(self, n: int = 3) -> None:
        """Wait for that many more looks."""
        with self.looked:
            end = self.n_looks + n
            assert self.looked.wait_for(lambda: self.n_looks >= end, 30)


@pytest.fixture
def watched() -> Iterator[Watched]:
    made = Watched()
    yield made
    assert made.watcher.close(30)


def until(holds: Callable[[], bool]) -> None:
    end = time.monotonic() + 30
    while not holds():
        assert time.monotonic() < end
        time.sleep(0.002)


def test_the_watcher_tells_and_goes_on(watched: Watched) -> None:
    watched.watcher.start()
    watched.watcher.start()  # one thread, however often
    watched.looks()
    assert watched.told == []
    watched.state = RuntimeError("no /proc here")  # type: ignore[assignment]
    watched.looks()
    watched.state = SHORT
    until(lambda: len(watched.told) == 1)
    watched.looks(5)
    assert len(watched.told) == 1


def test_without_a_model_nothing_is_looked_at(watched: Watched) -> None:
    watched.house.held = None
    watched.state = SHORT
    watched.watcher.start()
    time.sleep(0.05)
    assert watched.n_looks == 0
    watched.house.held = placed(plan_8b())
    watched.looks()


def test_a_watcher_that_never_started_or_was_closed_first_ends(watched: Watched) -> None:
    assert watched.watcher.close(5)
    watched.watcher.start()
    assert watched.watcher.close(5)


def test_another_power_source_changes_the_threads_at_once(watched: Watched) -> None:
    watched.watcher.start()
    watched.looks()
    assert watched.house.threads == []
    watched.state = replace(CALM, power="battery")
    until(lambda: watched.house.threads == [(4, 4)])
    watched.state = replace(CALM, power="")  # not known: no change
    watched.looks()
    assert len(watched.house.threads) == 1


def test_pinned_threads_stay(watched: Watched) -> None:
    watched.house.held = placed(plan_8b(n_threads=7))
    watched.watcher.start()
    watched.looks()
    watched.state = replace(CALM, power="battery")
    watched.looks(4)
    assert watched.house.threads == []


def follow(watched: Watched, advice: Advice) -> str:
    return watched.watcher.follow(advice).result(5)


def test_a_smaller_context_is_loaded_in_turn(watched: Watched) -> None:
    house = watched.house
    assert follow(watched, Advice("", "", "smaller_context", PATH)) == "less"
    ((path, rung),) = house.rungs
    assert path == Path(PATH)
    assert rung.n_ctx is not None
    assert house.loads == [ModelRef("llama")]
    assert house.unloads == []


def test_a_failed_reload_is_told(watched: Watched) -> None:
    watched.house.failure = LoadFailed("No.")
    with pytest.raises(LoadFailed):
        watched.watcher.follow(Advice("", "", "smaller_context", PATH)).result(5)


def test_unloading_waits_for_the_answer(watched: Watched) -> None:
    assert follow(watched, Advice("", "", "unload", PATH)) == "unloaded"
    assert watched.house.unloads == [True]
    watched.house.held = placed(plan_8b(n_ctx=4096))  # nothing may be changed: put it away
    assert follow(watched, Advice("", "", "smaller_context", PATH)) == "unloaded"
    assert watched.house.unloads == [True, True]


def test_a_reload_that_is_cancelled_changed_nothing(watched: Watched) -> None:
    watched.house.reason = "cancelled"
    assert follow(watched, Advice("", "", "smaller_context", PATH)) == "nothing"


def test_old_advice_is_not_followed_for_another_model(watched: Watched) -> None:
    assert follow(watched, Advice("", "", "unload", "/models/other.gguf")) == "nothing"
    watched.house.held = None
    assert follow(watched, Advice("", "", "unload", PATH)) == "nothing"
    assert (watched.house.unloads, watched.house.loads) == ([], [])


def test_less_on_a_card(watched: Watched) -> None:
    watched.house.held = placed(plan_on_card(n_ctx=4096))
    watched.watcher.follow(Advice("", "", "less_on_card", PATH, "CUDA0")).result(5)
    ((_, rung),) = watched.house.rungs
    assert dict(rung.set_aside)["CUDA0"] > 0


def test_of_two_cards_the_one_that_is_short_gives(watched: Watched) -> None:
    cards = (card(3.5, 4), card(3.5, 4, name="CUDA1"))
    placement = placed(plan_8b(machine(24, 32, cards=cards), n_ctx=4096))
    assert {share.pool.name for share in placement.plan.memory} == {MAIN, "CUDA0", "CUDA1"}
    watched.house.held, judge = placement, Judge()
    for number, free in enumerate([2 * GIB, 50 * MIB, 40 * MIB]):
        told = judge.look(5.0 * number, CALM, placement, {"CUDA0": free, "CUDA1": GIB})
    assert told is not None
    watched.watcher.follow(told).result(5)
    ((_, rung),) = watched.house.rungs
    assert set(dict(rung.set_aside)) == {"CUDA0"}


@pytest.mark.parametrize(
    ("text", "percent"),
    [
        ("some avg10=12.34 avg60=1.00 avg300=0.00 total=1\nfull avg10=9.00 avg60=0\n", 12.34),
        ("full avg10=9.00\n", None),
        ("some avg10=... \n", None),
        ("", None),
        (None, None),
    ],
)
def test_linux_tells_how_long_programs_wait_for_memory(
    tmp_path: Path, text: str | None, percent: float | None
) -> None:
    if text is not None:
        (tmp_path / "proc/pressure").mkdir(parents=True)
        (tmp_path / "proc/pressure/memory").write_text(text)
    assert stalled_percent(tmp_path) == percent


def test_this_computer_can_be_looked_at() -> None:
    now = moment()
    assert 0 < now.available_bytes <= now.total_bytes
    assert now.power in ("mains", "battery", "")


def test_a_listener_that_fails_does_not_cost_the_others() -> None:
    adviser, heard = Adviser(), list[Advice]()

    def broken(_: Advice) -> None:
        raise RuntimeError

    stop = adviser.subscribe(broken)
    adviser.subscribe(heard.append)
    adviser.tell(Advice("One.", ""))
    stop()
    stop()
    adviser.tell(Advice("Two.", ""))
    assert [advice.title for advice in heard] == ["One.", "Two."]
    assert adviser.last == heard[-1]
