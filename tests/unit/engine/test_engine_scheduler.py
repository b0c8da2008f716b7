"""The scheduler against a simulated native memory: everybody is served, exactly once."""

from __future__ import annotations

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.engine.messages import EngineRequest
from app.engine.prefix_cache import PrefixCache
from app.engine.scheduler import RETURN_ROOM, Scheduler, StepPlan
from app.engine.sequence import Sequence
from app.protocol.generation import SamplingParams


def sequence(name: str, n_prompt: int, *, order: int = 0, **options: int | None) -> Sequence:
    n_ctx = options.pop("n_ctx", 64) or 64
    request = EngineRequest(name, tuple(range(n_prompt)), SamplingParams(), **options)  # type: ignore[arg-type]
    return Sequence(request, order, n_ctx)


class Memory:
    """What native memory would hold: tokens by slot. Refuses what llama.cpp would refuse."""

    def __init__(self, scheduler: Scheduler, *, forgetful: random.Random | None = None) -> None:
        self.scheduler = scheduler
        self.cells: dict[int, list[int]] = {slot.index: [] for slot in scheduler.cache.slots}
        self.forgetful = forgetful
        self.ended: dict[str, str] = {}

    def admit(self) -> None:
        cache = self.scheduler.cache
        while (admission := self.scheduler.next_admission()) is not None:
            for slot in admission.evict:
                assert slot.is_idle, "a busy slot was to be cleared"
                self.cells[slot.index] = []
                cache.forget(slot)
            giver = admission.slot if admission.source is None else admission.source
            n_kept = admission.n_keep
            if admission.source is None and self.forgetful and self.forgetful.random() < 0.3:
                n_kept = 0
            kept = self.cells[giver.index][:n_kept]
            assert kept == admission.sequence.tokens[:n_kept], "kept tokens are not the prompt's"
            self.cells[admission.slot.index] = list(kept)
            self.scheduler.admit(admission, n_kept)

    def evaluate(self, plan: StepPlan, draw: random.Random | None = None) -> None:
        for slot in plan.evict:
            assert slot.is_idle
            self.cells[slot.index] = []
            self.scheduler.cache.forget(slot)
        for chunk in plan.chunks:
            running = chunk.sequence
            assert running.slot is not None
            held = self.cells[running.slot.index]
            assert len(held) == running.n_held
            new = running.tokens[running.n_held : running.n_held + chunk.n_tokens]
            assert len(new) == chunk.n_tokens > 0
            held += new
            running.slot.n_held += chunk.n_tokens
        assert sum(map(len, self.cells.values())) <= self.scheduler.cache.n_cells
        for chunk in plan.chunks:
            running = chunk.sequence
            if not chunk.wants_logits:
                if running.n_pending == 0:
                    self.end(running, "length")
                continue
            assert running.n_pending == 0, "a token is drawn before everything was read"
            if draw is not None and draw.random() < 0.02:
                self.end(running, "stop")
                continue
            running.tokens.append(1_000 + len(running.tokens))
            if reason := running.limit_reached():
                self.end(running, reason)

    def end(self, ended: Sequence, reason: str) -> None:
        assert ended.request_id not in self.ended, "ended twice"
        self.ended[ended.request_id] = reason
        self.scheduler.remove(ended)


def scheduler(n_slots: int = 4, n_cells: int = 256, n_step: int = 32, **options: bool) -> Scheduler:
    return Scheduler(PrefixCache(n_slots, n_cells, **options), n_step)


def run(subject: Scheduler, memory: Memory, limit: int = 5_000) -> int:
    for n_steps in range(limit):
        if subject.is_idle:
            return n_steps
        memory.admit()
        plan = subject.plan()
        assert plan.chunks, "somebody is open but nothing is to be done"
        memory.evaluate(plan)
        subject.check_integrity()
    raise AssertionError(f"not done after {limit} steps")


def test_prompt_is_read_in_chunks_of_the_budget_and_logits_come_with_the_last() -> None:
    subject = scheduler(n_step=10)
    subject.add(sequence("a", 25, max_tokens=2))
    memory = Memory(subject)
    memory.admit()
    sizes = []
    for _ in range(3):
        plan = subject.plan()
        sizes.append((plan.chunks[0].n_tokens, plan.chunks[0].wants_logits))
        memory.evaluate(plan)
    assert sizes == [(10, False), (10, False), (5, True)]
    memory.evaluate(subject.plan())
    assert memory.ended == {"a": "length"}


def test_running_answer_gets_a_token_in_every_step_while_another_prompt_is_read() -> None:
    subject = scheduler(n_cells=4_096, n_step=128)
    memory = Memory(subject)
    writer = sequence("writer", 4, order=0, max_tokens=30, n_ctx=2_048)
    subject.add(writer)
    memory.admit()
    memory.evaluate(subject.plan())
    reader = sequence("reader", 1_000, order=1, max_tokens=1, n_ctx=2_048)
    subject.add(reader)
    memory.admit()
    for _ in range(10):
        before = writer.n_generated
        plan = subject.plan()
        assert sum(chunk.n_tokens for chunk in plan.chunks) <= 1 + 128 // 4
        memory.evaluate(plan)
        assert writer.n_generated == before + 1
        assert reader.n_held > 0


def test_reading_goes_on_beside_more_writers_than_the_step_holds() -> None:
    subject = scheduler(n_slots=3, n_step=1)
    memory = Memory(subject)
    for index in range(3):
        subject.add(sequence(f"s{index}", 5, order=index, max_tokens=20))
    run(subject, memory)
    assert memory.ended == dict.fromkeys(("s0", "s1", "s2"), "length")


def test_first_come_first_served() -> None:
    subject = scheduler(n_slots=1)
    memory = Memory(subject)
    for index in range(3):
        subject.add(sequence(f"s{index}", 5, order=index, max_tokens=1))
    run(subject, memory)
    assert list(memory.ended) == ["s0", "s1", "s2"]


def test_a_request_waits_for_cells_instead_of_failing() -> None:
    subject = scheduler(n_slots=2, n_cells=64)
    memory = Memory(subject)
    subject.add(sequence("long", 50, order=0, max_tokens=5))
    subject.add(sequence("other", 50, order=1, max_tokens=5))
    memory.admit()
    assert [running.request_id for running in subject.running] == ["long"]
    run(subject, memory)
    assert memory.ended == {"long": "length", "other": "length"}


def test_short_of_cells_idle_prefixes_go_first_and_then_the_youngest_waits() -> None:
    subject = scheduler(n_slots=3, n_cells=64)
    memory = Memory(subject)
    idle = sequence("idle", 20, order=0, max_tokens=1)
    subject.add(idle)
    run(subject, memory)
    old, young = (
        sequence(name, 4, order=index, max_tokens=50) for index, name in ((1, "o"), (2, "y"))
    )
    old.tokens[0] = young.tokens[0] = 99
    subject.add(old)
    subject.add(young)
    memory.admit()
    while young in subject.running:
        memory.evaluate(subject.plan())
    assert old in subject.running
    assert all(slot.n_held == 0 or slot.owner == "o" for slot in subject.cache.slots[:1])
    assert young in subject.waiting
    n_written = young.n_generated
    assert n_written > 0
    run(subject, memory)
    assert memory.ended == {"idle": "length", "o": "length", "y": "length"}
    assert young.n_generated == 50
    assert young.n_cached == 0, "reading again after a return is no cache hit"


def test_a_returned_request_comes_in_only_with_room_to_get_on() -> None:
    subject = scheduler(n_slots=2, n_cells=RETURN_ROOM + 40)
    memory = Memory(subject)
    subject.add(sequence("a", 10, order=0, max_tokens=RETURN_ROOM, n_ctx=100))
    subject.add(sequence("b", 10, order=1, max_tokens=RETURN_ROOM, n_ctx=100))
    n_admissions = 0
    while not subject.is_idle:
        waiting = len(subject.waiting)
        memory.admit()
        n_admissions += waiting - len(subject.waiting)
        memory.evaluate(subject.plan())
    assert n_admissions <= 4
    assert memory.ended == {"a": "length", "b": "length"}


def test_the_context_of_one_request_ends_it() -> None:
    subject = scheduler(n_cells=64)
    memory = Memory(subject)
    ending = sequence("a", 60, max_tokens=None, n_ctx=64)
    subject.add(ending)
    run(subject, memory)
    assert memory.ended == {"a": "context"}
    assert len(ending.tokens) == 64


def test_no_tokens_wanted_only_reads_the_prompt() -> None:
    subject = scheduler()
    memory = Memory(subject)
    subject.add(sequence("warm", 40, order=0, max_tokens=0))
    run(subject, memory)
    follower = sequence("next", 41, order=1, max_tokens=1)
    subject.add(follower)
    run(subject, memory)
    assert follower.n_cached == 40


def test_removing_a_waiting_request_leaves_the_rest_alone() -> None:
    subject = scheduler(n_slots=1)
    memory = Memory(subject)
    first, second = sequence("a", 5, order=0, max_tokens=1), sequence("b", 5, order=1)
    subject.add(first)
    subject.add(second)
    memory.admit()
    subject.remove(second)
    assert subject.find("b") is None
    assert subject.find("a") is first
    run(subject, memory)
    assert memory.ended == {"a": "length"}


@settings(max_examples=150, deadline=None)
@given(
    seed=st.integers(0, 2**32 - 1),
    n_slots=st.integers(1, 5),
    n_cells=st.integers(16, 120),
    n_step=st.integers(1, 40),
    whole_only=st.booleans(),
    can_share=st.booleans(),
)
def test_every_accepted_request_ends_exactly_once(
    seed: int, n_slots: int, n_cells: int, n_step: int, whole_only: bool, can_share: bool
) -> None:
    rng = random.Random(seed)
    cache = PrefixCache(
        n_slots, n_cells, whole_only=whole_only, can_share=can_share and not whole_only
    )
    subject = Scheduler(cache, n_step)
    memory = Memory(subject, forgetful=rng)
    conversations = [[rng.randrange(4) for _ in range(n_cells)] for _ in range(3)]
    accepted: dict[str, Sequence] = {}
    n_to_come = rng.randrange(1, 15)
    for _ in range(20_000):
        if n_to_come and rng.random() < 0.3:
            n_to_come -= 1
            prompt = rng.choice(conversations)[: rng.randrange(1, n_cells)]
            limit = rng.choice([0, 1, 5, 30, None])
            name = f"r{len(accepted)}"
            request = EngineRequest(name, tuple(prompt), SamplingParams(), limit)
            accepted[name] = Sequence(request, len(accepted), n_cells)
            subject.add(accepted[name])
        if accepted and rng.random() < 0.02:
            name = rng.choice(list(accepted))
            if (found := subject.find(name)) is not None:
                memory.end(found, "cancelled")
        memory.admit()
        plan = subject.plan()
        assert bool(plan.chunks) == bool(subject.running)
        assert subject.running or not subject.waiting
        if plan.chunks and rng.random() < 0.02:
            # The decode was stopped or failed: some of the state is lost.
            lost = rng.choice(plan.chunks).sequence.slot
            assert lost is not None
            for slot in plan.evict:
                memory.cells[slot.index] = []
                cache.forget(slot)
            memory.cells[lost.index] = []
            cache.forget(lost)
        else:
            memory.evaluate(plan, draw=rng)
        subject.check_integrity()
        if not n_to_come and subject.is_idle:
            break
    assert set(memory.ended) == set(accepted)
    for name, ended in accepted.items():
        if memory.ended[name] == "length":
            assert ended.n_generated == ended.request.max_tokens
        if memory.ended[name] == "context":
            assert len(ended.tokens) == n_cells


def test_integrity_check_can_fail() -> None:
    subject = scheduler()
    memory = Memory(subject)
    subject.add(sequence("a", 5))
    memory.admit()
    subject.check_integrity()
    subject.running.clear()
    with pytest.raises(AssertionError):
        subject.check_integrity()
