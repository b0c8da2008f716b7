"""Stop ends a request wherever it is, loses nothing of the others, and never the thread."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from app.engine.client import EngineClient
from app.engine.context import Context, Decoded
from app.engine.messages import LoadCancelled
from app.foundation.cancellation import Cancellation
from app.foundation.errors import EngineDead, ModelError
from app.protocol.generation import Event, Started, TokensArrived
from tests.engine.conftest import Serve
from tests.fixtures.engine_runs import WAIT_S, load, settings_for
from tests.fixtures.tiny_models import CHAT_KINDS

PROMPT = "What is the meaning of all of this? " * 20


def test_stop_while_reading_ends_the_decode_and_keeps_the_books_right(serve: Serve) -> None:
    bench = serve(n_ctx=8_192)
    prompt = bench.tokens("many words to read " * 2_000)[:4_000]

    def stop(event: Event) -> None:
        if isinstance(event, Started):
            bench.client.cancel(event.request_id)

    run = bench.ask(prompt, 10, on_event=stop)
    assert run.finished.reason == "cancelled"
    assert run.text == ""
    assert run.finished.usage.completion_tokens == 0
    after = bench.ask(PROMPT, 10)
    assert after.finished.reason == "length"
    assert after.text == serve(n_ctx=8_192).ask(PROMPT, 10).text


@pytest.mark.parametrize("kind", CHAT_KINDS)
def test_stop_while_writing_keeps_what_was_read_for_the_next_turn(serve: Serve, kind: str) -> None:
    bench = serve(kind)
    n_arrived = 0

    def stop(event: Event) -> None:
        nonlocal n_arrived
        n_arrived += isinstance(event, TokensArrived)
        if n_arrived == 5:
            bench.client.cancel(event.request_id)

    run = bench.ask(PROMPT, 500, on_event=stop, sampling=bench.endless)
    assert run.finished.reason == "cancelled"
    assert run.finished.usage.completion_tokens < 500
    prompt = bench.tokens(PROMPT)
    follow = (*prompt, *bench.tokens(run.text + " and?", special=False))
    assert bench.ask(follow, 10).text == serve(kind).ask(follow, 10).text


@pytest.mark.parametrize("kind", CHAT_KINDS)
def test_stopping_one_changes_nothing_for_the_others(serve: Serve, kind: str) -> None:
    bench = serve(kind)
    alone = [bench.ask(f"number {n} please", 30).text for n in range(3)]
    bench = serve(kind)

    def stop(event: Event) -> None:
        bench.client.cancel("victim")

    runs = [
        bench.ask(f"number {n} please", 30, on_event=stop if n == 1 else None) for n in range(3)
    ]
    victim = bench.ask(PROMPT, 200, request_id="victim")
    assert victim.wait()
    assert [run.text for run in runs] == alone


def test_stop_while_waiting(serve: Serve) -> None:
    bench = serve(n_seq_max=1)
    busy = bench.ask(PROMPT, 200, request_id="busy")
    waiting = bench.ask("me too", 5, request_id="waiting")
    bench.client.cancel("waiting")
    assert waiting.finished.reason == "cancelled"
    bench.client.cancel("busy")
    assert busy.finished.reason in ("cancelled", "length")


def test_stopping_the_unknown_and_the_ended_is_no_error(serve: Serve) -> None:
    bench = serve()
    bench.client.cancel("nobody")
    run = bench.ask("hello", 3)
    assert run.finished.reason == "length"
    bench.client.cancel(run.request_id)
    assert bench.ask("hello", 3).finished.reason == "length"


def test_stop_while_loading(client: EngineClient, tiny: Callable[..., Path]) -> None:
    cancellation = Cancellation()
    fractions: list[float] = []

    def progress(fraction: float) -> None:
        fractions.append(fraction)
        cancellation.cancel()

    future = client.load(settings_for(tiny()), on_progress=progress, cancellation=cancellation)
    with pytest.raises(LoadCancelled):
        future.result(WAIT_S)
    assert len(fractions) == 1
    assert client.snapshot().state == "empty"
    assert load(client, tiny()).ask("hello", 2).finished.reason == "length"


def test_unload_closes_the_load_before_it(client: EngineClient, tiny: Callable[..., Path]) -> None:
    begun, go_on = threading.Event(), threading.Event()

    def progress(fraction: float) -> None:
        begun.set()
        go_on.wait(WAIT_S)

    future = client.load(settings_for(tiny()), on_progress=progress, cancellation=Cancellation())
    assert begun.wait(WAIT_S)
    unloaded = client.unload()
    go_on.set()
    with pytest.raises(LoadCancelled):
        future.result(WAIT_S)
    unloaded.result(WAIT_S)
    assert client.snapshot().state == "empty"


def test_a_later_load_makes_an_earlier_one_pointless(
    client: EngineClient, tiny: Callable[..., Path]
) -> None:
    begun, go_on = threading.Event(), threading.Event()

    def progress(fraction: float) -> None:
        begun.set()
        go_on.wait(WAIT_S)

    first = client.load(settings_for(tiny()), on_progress=progress, cancellation=Cancellation())
    assert begun.wait(WAIT_S)
    second = client.load(
        settings_for(tiny("qwen2")), on_progress=lambda _: None, cancellation=Cancellation()
    )
    go_on.set()
    with pytest.raises(LoadCancelled):
        first.result(WAIT_S)
    assert second.result(WAIT_S).architecture == "qwen2"


def test_unloading_cancels_what_is_open_and_waits_for_the_vocabulary(serve: Serve) -> None:
    bench = serve(n_ctx=4_096)
    runs = [bench.ask(PROMPT, 2_000, sampling=bench.endless) for _ in range(3)]
    with bench.client.vocabulary() as vocabulary:
        unloaded = bench.client.unload()
        assert [run.finished.reason for run in runs] == ["cancelled"] * 3
        assert vocabulary.tokenize("still here", add_special=True, parse_special=False)
        assert not unloaded.done()
    unloaded.result(WAIT_S)
    with pytest.raises(ModelError), bench.client.vocabulary():
        pass
    assert bench.ask((1, 2, 3), 5).error.code == "model_error"


def test_closing_cancels_refuses_and_ends_the_thread(
    client: EngineClient, tiny: Callable[..., Path]
) -> None:
    bench = load(client, tiny(), n_ctx=4_096)
    runs = [bench.ask(PROMPT, 2_000, sampling=bench.endless) for _ in range(6)]
    assert client.close(WAIT_S)
    assert {run.finished.reason for run in runs} == {"cancelled"}
    with pytest.raises(EngineDead):
        bench.ask((1, 2), 5)
    with pytest.raises(EngineDead):
        client.unload()
    client.cancel("whoever")
    assert client.close(WAIT_S)
    assert client.snapshot().model is None


def test_closing_an_engine_that_never_started(client: EngineClient) -> None:
    assert client.close(1.0)
    with pytest.raises(EngineDead):
        client.unload()


def test_closing_while_loading(client: EngineClient, tiny: Callable[..., Path]) -> None:
    begun, go_on = threading.Event(), threading.Event()

    def progress(fraction: float) -> None:
        begun.set()
        go_on.wait(WAIT_S)

    future = client.load(settings_for(tiny()), on_progress=progress, cancellation=Cancellation())
    assert begun.wait(WAIT_S)
    assert not client.close(0.0)
    go_on.set()
    with pytest.raises(LoadCancelled):
        future.result(WAIT_S)
    assert client.close(WAIT_S)


def test_a_sink_that_raises_harms_nobody(serve: Serve) -> None:
    bench = serve()

    def broken(event: Event) -> None:
        raise OSError("the window is gone")

    run = bench.ask("hello", 5, on_event=broken)
    other = bench.ask("hello there", 5)
    assert run.finished.reason == "length"
    assert other.finished.reason == "length"


def test_a_failed_decode_fails_its_requests_and_the_engine_lives(
    serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    bench = serve()
    expected = bench.ask(PROMPT, 8).text
    with monkeypatch.context() as patch:
        patch.setattr(Context, "decode", lambda self, batch: Decoded.FAILED)
        failed = bench.ask("hello", 5)
        assert failed.error.code == "request_failed"
    assert bench.ask(PROMPT, 8).text == expected


def test_without_native_space_idle_prefixes_go_and_then_the_answer_ends(
    serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    bench = serve()
    bench.ask(PROMPT, 3).wait()
    outcomes = [Decoded.NO_SPACE]
    decode = Context.decode

    def short_of_space(self: Context, batch: object) -> Decoded:
        return outcomes.pop() if outcomes else decode(self, batch)  # type: ignore[arg-type]

    with monkeypatch.context() as patch:
        patch.setattr(Context, "decode", short_of_space)
        assert bench.ask("hello", 3).finished.reason == "length"
        # All but the beginning token that it has in common with the last request.
        assert bench.ask(PROMPT, 3).finished.usage.cached_tokens <= 1
        patch.setattr(Context, "decode", lambda self, batch: Decoded.NO_SPACE)
        runs = [bench.ask(f"hello {n}", 3) for n in range(3)]
        assert {run.finished.reason for run in runs} == {"context"}
    assert bench.ask("hello", 3).finished.reason == "length"


def test_a_bug_on_the_engine_thread_fails_everybody_with_a_sentence(
    tiny: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    client = EngineClient(check_integrity=True)
    bench = load(client, tiny())

    begun, all_in = threading.Event(), threading.Event()

    def broken(self: Context, batch: object) -> Decoded:
        begun.set()
        assert all_in.wait(WAIT_S)
        raise RuntimeError("a bug")

    monkeypatch.setattr(Context, "decode", broken)
    prompt = bench.tokens("hello")
    runs = [bench.ask(prompt, 5)]
    assert begun.wait(WAIT_S)
    runs += [bench.ask(prompt, 5) for _ in range(2)]
    unloaded = client.unload()
    all_in.set()
    assert {run.error.code for run in runs} == {"engine_dead"}
    assert client.snapshot().state == "dead"
    with pytest.raises(EngineDead):
        unloaded.result(WAIT_S)
    with pytest.raises(EngineDead):
        bench.client.submit(None, lambda event: None)  # type: ignore[arg-type]
    with pytest.raises(ModelError), client.vocabulary():
        pass
    assert client.close(WAIT_S)
