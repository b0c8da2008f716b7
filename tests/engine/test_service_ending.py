"""Whatever happens to a request, it ends exactly once: cancelled anywhere, a dead engine, a bug."""

from __future__ import annotations

import random
import threading
from pathlib import Path
from typing import Any

import pytest

from app.engine.context import Context
from app.engine.messages import LoadCancelled
from app.foundation.cancellation import Cancellation
from app.foundation.errors import EngineDead, RequestFailed
from app.protocol.chat import Message
from app.protocol.generation import (
    Event,
    Failed,
    Finished,
    GenerationRequest,
    Loading,
    PromptRead,
    SamplingParams,
    Started,
    TokensArrived,
)
from app.protocol.model_ref import ModelRef
from tests.fixtures.services import PATIENCE_S, Bench, Inbox, make_bench, starter
from tests.fixtures.tiny_models import make

LONG = GenerationRequest(
    (Message("user", "Count for me, please, as far as you can. " * 9),),
    sampling=SamplingParams(temperature=0.0),
    max_tokens=200,
)
SHORT = GenerationRequest(
    (Message("user", "Hello"),), sampling=SamplingParams(temperature=0.0), max_tokens=2
)


def is_terminal(event: object) -> bool:
    return isinstance(event, Finished | Failed)


def answer(bench: Bench, request: GenerationRequest = SHORT) -> Finished | Failed:
    inbox = Inbox()
    bench.service.generate(request, inbox)
    end = inbox.until(Finished, Failed)
    assert inbox.rest() == []
    return end


class CancelOn:
    """A sink that cancels its own request at the n-th event of a kind."""

    def __init__(self, bench: Bench, kind: type[Event], n: int = 1) -> None:
        self.inbox = Inbox()
        self._service, self._kind, self._left = bench.service, kind, n
        self._id = ""
        self._known = threading.Event()

    def __call__(self, event: Any) -> None:
        self.inbox(event)
        if isinstance(event, self._kind):
            self._left -= 1
            if self._left == 0:
                assert self._known.wait(PATIENCE_S)
                self._service.cancel(self._id)

    def run(self, request: GenerationRequest) -> Finished | Failed:
        self._id = self._service.generate(request, self)
        self._known.set()
        return self.inbox.until(Finished, Failed)


@pytest.mark.parametrize("kind", [Loading, Started, PromptRead, TokensArrived])
def test_cancel_ends_a_request_in_every_phase(
    bench: Bench, kind: type[Event], monkeypatch: pytest.MonkeyPatch
) -> None:
    # Tiny prompts are read faster than the engine usually says so.
    monkeypatch.setattr("app.engine.answer.PROGRESS_INTERVAL_S", 0.0)
    run = CancelOn(bench, kind)
    end = run.run(LONG)
    assert isinstance(end, Finished)
    assert end.reason == "cancelled"
    assert end.usage.completion_tokens < 200
    after = answer(bench)
    assert isinstance(after, Finished)
    assert after.reason != "cancelled"
    assert run.inbox.rest() == []


def test_cancel_right_away_never_reaches_the_engine(bench: Bench) -> None:
    inbox = Inbox()
    bench.service.cancel(bench.service.generate(LONG, inbox))
    end = inbox.until(Finished, Failed)
    assert isinstance(end, Finished)
    assert end.reason == "cancelled"
    assert bench.recorder.snapshot().counters["requests_cancelled"] == 1


def test_unknown_and_ended_ids_are_ignored(bench: Bench) -> None:
    inbox = Inbox()
    request_id = bench.service.generate(SHORT, inbox)
    inbox.until(Finished)
    bench.service.cancel(request_id)
    bench.service.cancel("never")
    assert inbox.rest() == []


def test_many_requests_cancelled_anywhere_end_once_each(bench: Bench, tiny_models: Path) -> None:
    chance = random.Random(20)
    other = ModelRef(str(make("qwen2", tiny_models)))
    inboxes = []
    for number in range(40):
        model = other if number % 7 == 6 else ModelRef()
        request = GenerationRequest(LONG.messages, model, LONG.sampling, chance.randint(1, 40))
        inbox = Inbox()
        request_id = bench.service.generate(request, inbox)
        inboxes.append(inbox)
        if chance.random() < 0.5:
            if inboxes and chance.random() < 0.5:
                inboxes[chance.randrange(len(inboxes))].rest()
            bench.service.cancel(request_id)
    for inbox in inboxes:
        while not any(map(is_terminal, inbox.seen)):
            inbox.until(Finished, Failed)
    for inbox in inboxes:
        inbox.rest()
        assert sum(map(is_terminal, inbox.seen)) == 1
        assert is_terminal(inbox.seen[-1])
        assert not inbox.of(Failed)


def test_request_for_another_model_waits_for_its_turn(bench: Bench, tiny_models: Path) -> None:
    other = ModelRef(str(make("qwen2", tiny_models)))
    first, second, third = Inbox(), Inbox(), Inbox()
    bench.service.generate(LONG, first)
    first.until(TokensArrived)
    bench.service.generate(GenerationRequest(SHORT.messages, other, max_tokens=2), second)
    second.until(Loading)
    bench.service.generate(SHORT, third)
    assert first.until(Finished).reason in ("length", "stop")
    assert second.until(Finished).reason in ("length", "stop")
    assert third.until(Finished).timings.load_ms > 0
    assert any("Waiting" in event.sentence for event in second.of(Loading))


def test_dead_engine_is_started_again_once(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """The far side of the native seam breaks: the engine thread meets what it cannot handle."""

    def broken(*_args: object, **_fields: object) -> int:
        raise OSError("the driver went away")

    for _ in range(2):
        assert isinstance(answer(bench), Finished)
        with monkeypatch.context() as patch:
            patch.setattr(Context, "decode", broken)
            end = answer(bench)
        assert isinstance(end, Failed)
        assert isinstance(end.error, EngineDead)
    end = answer(bench)
    assert isinstance(end, Failed)
    assert isinstance(end.error, EngineDead)
    assert "twice" in end.error.title
    assert bench.service.snapshot().state == "dead"
    assert len(bench.engines) == 2


def test_bug_in_between_fails_the_request_with_its_code(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr("app.gguf.split.read_model", lambda path: path.no_such_thing)
        end = answer(bench)
    assert isinstance(end, Failed)
    assert type(end.error) is RequestFailed
    assert end.error.code == "request_failed"
    assert "no_such_thing" in caplog.text
    assert isinstance(answer(bench), Finished)


def test_sink_that_raises_costs_only_its_own_events(
    bench: Bench, caplog: pytest.LogCaptureFixture
) -> None:
    done = threading.Event()

    def sink(event: Event) -> None:
        if is_terminal(event):
            done.set()
        raise ValueError("a bug of the face")

    bench.service.generate(SHORT, sink)
    assert done.wait(PATIENCE_S)
    assert "a bug of the face" in caplog.text
    assert isinstance(answer(bench), Finished)


def test_close_ends_a_count_that_waits_for_a_trial(tmp_path: Path, tiny_models: Path) -> None:
    bench = make_bench(starter(tmp_path / "starter", make("llama", tiny_models)))
    begun = threading.Event()

    class Endless:
        def check(self, _settings: object, cancellation: Cancellation, **_more: object) -> None:
            begun.set()
            assert cancellation.wait(PATIENCE_S)
            raise LoadCancelled

    bench.host._loader._preflight = Endless()
    other = ModelRef(str(make("qwen2", tiny_models)))
    counted = bench.service.count_tokens(SHORT.messages, other)
    assert begun.wait(PATIENCE_S)
    assert bench.service.close(PATIENCE_S)
    with pytest.raises(LoadCancelled):
        counted.result(PATIENCE_S)


def test_close_ends_what_is_under_way(tmp_path: Path, tiny_models: Path) -> None:
    bench = make_bench(starter(tmp_path / "starter", make("llama", tiny_models)))
    running, waiting = Inbox(), Inbox()
    bench.service.generate(LONG, running)
    running.until(TokensArrived)
    for _ in range(6):
        bench.service.generate(LONG, waiting)
    assert bench.service.close(PATIENCE_S)
    assert running.until(Finished).reason == "cancelled"
    assert [waiting.until(Finished).reason for _ in range(6)] == ["cancelled"] * 6
    late = Inbox()
    bench.service.generate(SHORT, late)
    assert late.until(Finished).reason == "cancelled"
    with pytest.raises(RequestFailed):
        bench.service.count_tokens(SHORT.messages, ModelRef()).result(PATIENCE_S)
