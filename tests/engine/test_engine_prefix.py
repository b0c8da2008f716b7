"""A reused prefix gives the same answer as a fresh read, and the next turn reads only its own."""

from __future__ import annotations

import pytest

from app.engine.client import EngineClient
from tests.engine.conftest import Serve
from tests.fixtures.engine_runs import Run
from tests.fixtures.tiny_models import CHAT_KINDS, RECURRENT_KINDS

FIRST = "Tell me about the fox and the dog. "
SECOND = " And what did they do on the next day?"


@pytest.mark.parametrize("kind", CHAT_KINDS)
def test_the_next_turn_reads_only_its_new_tokens(serve: Serve, kind: str) -> None:
    bench = serve(kind)
    first = bench.tokens(FIRST)
    # Only the prompt is put in, so that what the memory holds is known exactly.
    bench.ask(first, 0).wait()
    second = (*first, *bench.tokens(SECOND, special=False))
    reused = bench.ask(second, 16)
    assert reused.finished.usage.cached_tokens == len(first)
    assert reused.started.cached_tokens == len(first)
    fresh = serve(kind).ask(second, 16)
    assert fresh.finished.usage.cached_tokens == 0
    assert reused.text == fresh.text


@pytest.mark.parametrize("kind", CHAT_KINDS)
def test_a_third_turn_after_answers_gives_what_a_fresh_read_gives(serve: Serve, kind: str) -> None:
    bench = serve(kind)
    history = bench.tokens(FIRST)
    n_cached = []
    for turn in range(3):
        run = bench.ask(history, 8)
        n_cached.append(run.finished.usage.cached_tokens)
        history = (*history, *bench.tokens(run.text + f" turn {turn} ", special=False))
    last = bench.ask(history, 16)
    assert last.text == serve(kind).ask(history, 16).text
    if kind not in RECURRENT_KINDS:
        assert n_cached[2] > n_cached[1] > 0


@pytest.mark.parametrize("kind", CHAT_KINDS)
def test_asking_again_reads_one_token_where_the_memory_can_be_cut(serve: Serve, kind: str) -> None:
    bench = serve(kind)
    prompt = bench.tokens(FIRST * 4)
    first = bench.ask(prompt, 6)
    text = first.text
    again = bench.ask(prompt, 6)
    assert again.text == text
    expected = 0 if kind in RECURRENT_KINDS else len(prompt) - 1
    assert again.finished.usage.cached_tokens == expected


def test_two_conversations_keep_their_prefixes_side_by_side(serve: Serve) -> None:
    bench = serve()
    one, two = bench.tokens("one " * 30), bench.tokens("two and three " * 20)
    for prompt in (one, two, one, two):
        bench.ask(prompt, 4).wait()
    for prompt in (one, two):
        assert bench.ask(prompt, 4).finished.usage.cached_tokens == len(prompt) - 1


def test_a_common_beginning_is_lent_to_another_request(serve: Serve) -> None:
    bench = serve()
    system = bench.tokens("You are a helpful assistant who knows everything. " * 4)
    one = (*system, *bench.tokens("What is a fox? " * 20, special=False))
    two = (*system, *bench.tokens("Where is the dog?", special=False))
    bench.ask(one, 4).wait()
    lent = bench.ask(two, 8)
    assert lent.finished.usage.cached_tokens >= len(system)
    assert lent.text == serve().ask(two, 8).text
    # The lender still has all of its own.
    bench = serve()
    bench.ask(one, 4).wait()
    bench.ask(two, 8).wait()
    assert bench.ask(one, 4).finished.usage.cached_tokens == len(one) - 1


def test_a_lender_may_be_busy(serve: Serve) -> None:
    bench = serve()
    system = bench.tokens("You are a helpful assistant who knows everything. " * 4)
    prompts = [(*system, *bench.tokens(f"Question {n}", special=False)) for n in range(4)]
    first = bench.ask(prompts[0], 60)
    rest = [bench.ask(prompt, 10) for prompt in prompts[1:]]
    texts = [run.text for run in rest]
    assert first.finished.reason == "length"
    assert [serve().ask(prompt, 10).text for prompt in prompts[1:]] == texts


def test_beyond_a_sliding_window_the_prompt_is_read_again_and_right(serve: Serve) -> None:
    # The window of the tiny gemma is 64 tokens: going back further than that is impossible.
    bench = serve("gemma3", n_ctx=2_048)
    start = bench.tokens("The first part of a long story. " * 3)
    long = (*start, *bench.tokens("It goes on and on. " * 60, special=False))
    bench.ask(long, 4).wait()
    branch = (*start, *bench.tokens("But it ends here.", special=False))
    again = bench.ask(branch, 12)
    assert again.text == serve("gemma3", n_ctx=2_048).ask(branch, 12).text


def test_short_of_cells_everybody_is_served_in_full(serve: Serve, client: EngineClient) -> None:
    bench = serve(n_ctx=256)
    prompts = [bench.tokens(f"story {n} " * 12)[:60] for n in range(4)]
    alone: list[str] = []
    for prompt in prompts:
        alone.append(bench.ask(prompt, 90).text)
    fresh = serve(n_ctx=256)
    runs: list[Run] = [fresh.ask(prompt, 90) for prompt in prompts]
    for run, text in zip(runs, alone, strict=True):
        assert run.finished.reason in ("length", "stop")
        assert run.text == text
        run.check_order()


def test_idle_prefixes_give_way_to_a_large_prompt(serve: Serve) -> None:
    bench = serve(n_ctx=512)
    small = [bench.tokens(f"{word} " * 60)[:120] for word in ("one", "two", "three")]
    for prompt in small:
        bench.ask(prompt, 2).wait()
    large = bench.tokens("large " * 600)[:500]
    assert bench.ask(large, 4).finished.reason == "length"
    assert bench.ask(small[0], 2).finished.usage.cached_tokens == 0
