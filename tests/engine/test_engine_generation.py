"""Answers of real tiny models: the same alone and together, and ended for the right reason."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest

from app.protocol.generation import PromptRead, SamplingParams, Started, TokensArrived
from tests.engine.conftest import Serve
from tests.fixtures.engine_runs import GREEDY, Bench
from tests.fixtures.tiny_models import CHAT_KINDS, RECURRENT_KINDS

PROMPTS = (
    "Hello world, how are you?",
    "A quick brown fox jumps over",
    "What is the meaning of all of this? " * 20,
    "no",
)


def eos_token(bench: Bench) -> int:
    (token,) = bench.tokens(bench.model.eos_text, special=False)
    return token


def texts(bench: Bench) -> list[str]:
    with bench.client.vocabulary() as vocabulary:
        return [vocabulary.token_text(token) for token in range(vocabulary.n_vocab)]


def no_half_characters(bench: Bench) -> tuple[tuple[int, float], ...]:
    """Forbids every token that is not plain ASCII, so also the bytes that spell the rest."""
    return tuple(
        (token, -math.inf) for token, text in enumerate(texts(bench)) if not text.isascii()
    )


@pytest.mark.parametrize("kind", CHAT_KINDS)
def test_four_answers_at_once_are_the_same_as_each_alone(serve: Serve, kind: str) -> None:
    bench = serve(kind)
    alone = [bench.ask(prompt, 24) for prompt in PROMPTS[:1]]
    alone[0].wait()
    for prompt in PROMPTS[1:]:
        alone.append(bench.ask(prompt, 24))
        alone[-1].wait()
    together = serve(kind)
    runs = [together.ask(prompt, 24) for prompt in PROMPTS]
    for one, other in zip(alone, runs, strict=True):
        assert one.text == other.text
        assert one.finished.usage.completion_tokens == other.finished.usage.completion_tokens
        other.check_order()
    assert len({run.text for run in runs}) == len(runs)


def test_events_come_in_order_and_add_up(serve: Serve) -> None:
    bench = serve()
    run = bench.ask(PROMPTS[0], 20)
    run.check_order()
    prompt = bench.tokens(PROMPTS[0])
    assert run.started == Started(run.request_id, len(prompt), 0, bench.model.n_ctx)
    usage = run.finished.usage
    assert (usage.prompt_tokens, usage.cached_tokens) == (len(prompt), 0)
    assert usage.completion_tokens == 20
    said = sum(event.n_tokens for event in run.events if isinstance(event, TokensArrived))
    assert said <= 20
    timings = run.finished.timings
    assert timings.ttft_ms > 0
    assert timings.prompt_tokens_per_second > 0
    assert timings.generated_tokens_per_second > 0
    assert run.finished.model == bench.model.name


def test_progress_of_a_long_prompt_grows(serve: Serve) -> None:
    bench = serve(n_ctx=4_096, n_ubatch=32)
    prompt = bench.tokens("many words to read here " * 500)[:3_000]
    run = bench.ask(prompt, 1)
    reads = [event for event in run.events if isinstance(event, PromptRead)]
    assert [event.read for event in reads] == sorted(event.read for event in reads)
    assert all(0 < event.read <= event.total == len(prompt) for event in reads)


def test_greedy_is_deterministic_and_seeds_repeat(serve: Serve) -> None:
    bench = serve()
    assert bench.ask(PROMPTS[0]).text == bench.ask(PROMPTS[0]).text
    hot = SamplingParams(temperature=1.5, top_k=0, top_p=1.0, min_p=0.0, seed=7)
    same = [bench.ask(PROMPTS[0], sampling=hot).text for _ in range(2)]
    assert same[0] == same[1]
    other = SamplingParams(temperature=1.5, top_k=0, top_p=1.0, min_p=0.0, seed=8)
    assert bench.ask(PROMPTS[0], sampling=other).text != same[0]
    fresh = SamplingParams(temperature=1.5, top_k=0, top_p=1.0, min_p=0.0)
    assert len({bench.ask(PROMPTS[0], sampling=fresh).text for _ in range(4)}) > 1


def test_the_end_token_ends_the_answer_and_is_not_said(serve: Serve) -> None:
    bench = serve()
    sampling = SamplingParams(temperature=0.0, logit_bias=((eos_token(bench), 1_000.0),))
    run = bench.ask(PROMPTS[0], sampling=sampling)
    assert run.finished.reason == "stop"
    assert run.text == ""
    assert run.finished.usage.completion_tokens == 0


def test_the_token_limit_ends_with_length(serve: Serve) -> None:
    run = serve().ask(PROMPTS[0], 3)
    assert run.finished.reason == "length"
    assert run.finished.usage.completion_tokens == 3


def test_a_full_context_ends_with_context_after_exactly_as_many_tokens(serve: Serve) -> None:
    bench = serve(n_ctx=256)
    prompt = bench.tokens("word " * 300)[:200]
    run = bench.ask(prompt, None, sampling=bench.endless)
    assert run.finished.reason == "context"
    assert run.finished.usage.completion_tokens == 56
    assert bench.ask("still alive?", 3).finished.reason == "length"


def test_a_stop_text_ends_the_answer_and_is_not_said(serve: Serve) -> None:
    bench = serve()
    whole = bench.ask(PROMPTS[0], 20).text
    for start, end in ((5, 8), (6, 7), (9, 14)):
        stop = whole[start:end]
        run = bench.ask(PROMPTS[0], 20, stop=("never said", stop))
        assert run.finished.reason == "stop"
        assert run.text == whole[: whole.index(stop)]


def test_a_biased_token_is_drawn_and_a_forbidden_one_is_not(serve: Serve) -> None:
    bench = serve()
    (wanted,) = bench.tokens("w", special=False)[-1:]
    with bench.client.vocabulary() as vocabulary:
        text = vocabulary.token_text(wanted)
    sampling = SamplingParams(temperature=0.0, logit_bias=((wanted, 1_000.0),))
    assert bench.ask(PROMPTS[0], 5, sampling=sampling).text == text * 5
    hot = SamplingParams(temperature=1.0, seed=1, logit_bias=((wanted, 1_000.0),))
    assert bench.ask(PROMPTS[0], 5, sampling=hot).text == text * 5
    letter = next(char for char in bench.ask(PROMPTS[0], 30).text if char.isalpha())
    forbidden = tuple(
        (token, -math.inf) for token, text in enumerate(texts(bench)) if letter in text
    )
    without = SamplingParams(temperature=0.0, logit_bias=forbidden)
    assert letter not in bench.ask(PROMPTS[0], 30, sampling=without).text


def test_penalties_keep_the_answer_from_repeating(serve: Serve) -> None:
    bench = serve("mamba")
    plain = bench.ask("aaaa", 40)
    penalized = SamplingParams(temperature=0.0, repeat_penalty=5.0, repeat_last_n=256)
    varied = bench.ask("aaaa", 40, sampling=penalized)
    assert len(set(varied.text)) > len(set(plain.text))


@pytest.mark.parametrize("temperature", [0.0, 1.0])
def test_a_grammar_is_kept(serve: Serve, temperature: float) -> None:
    bench = serve()
    sampling = SamplingParams(
        temperature=temperature, seed=3, grammar='root ::= ("yes" | "no") ", " [0-9]{3} "."'
    )
    run = bench.ask(PROMPTS[0], 40, sampling=sampling)
    answer, _, digits = run.text.partition(", ")
    assert answer in ("yes", "no")
    assert digits[:3].isdigit()
    assert digits[3:] == "."
    assert run.finished.reason == "stop"


@pytest.mark.parametrize("temperature", [0.0, 1.0])
def test_a_grammar_that_allows_everything_changes_nothing(serve: Serve, temperature: float) -> None:
    bench = serve()
    plain = SamplingParams(temperature=temperature, seed=5, logit_bias=no_half_characters(bench))
    free = replace(plain, grammar="root ::= .*")
    expected = bench.ask(PROMPTS[3], 30, sampling=plain).text
    assert bench.ask(PROMPTS[3], 30, sampling=free).text == expected


def test_a_grammar_without_a_way_out_fails_that_request_only(serve: Serve) -> None:
    bench = serve()
    known = texts(bench)
    missing = next(char for char in "漢ЖΩ☃ツ" if not any(char in text for text in known))
    spelled = no_half_characters(bench)
    sampling = SamplingParams(temperature=0.0, grammar=f'root ::= "{missing}"', logit_bias=spelled)
    other = bench.ask(PROMPTS[1], 40)
    run = bench.ask(PROMPTS[0], sampling=sampling)
    assert run.error.code == "request_failed"
    assert "grammar" in run.error.title
    assert other.finished.reason == "length"


def test_no_tokens_wanted_reads_the_prompt_for_later(serve: Serve) -> None:
    bench = serve()
    warm = bench.ask(PROMPTS[2], 0)
    assert warm.finished.reason == "length"
    assert warm.text == ""
    prompt = bench.tokens(PROMPTS[2])
    later = bench.ask((*prompt, *bench.tokens("and so", special=False)), 3)
    assert later.started.cached_tokens == len(prompt)


def test_more_requests_than_sequences_are_served_in_order(serve: Serve) -> None:
    bench = serve(n_seq_max=2)
    ended: list[str] = []
    runs = [
        bench.ask(f"{index} and more", 5, on_event=lambda event: _note(event, ended))
        for index in range(7)
    ]
    for run in runs:
        assert run.finished.reason == "length"
    assert ended == sorted(ended, key=lambda name: int(name.rpartition("-")[2]))


def _note(event: object, ended: list[str]) -> None:
    if isinstance(event, Started):
        ended.append(event.request_id)


@pytest.mark.parametrize("kind", RECURRENT_KINDS)
def test_recurrent_models_say_so(serve: Serve, kind: str) -> None:
    assert serve(kind).model.is_recurrent


def test_default_sampling_writes(serve: Serve) -> None:
    run = serve().ask(PROMPTS[0], 30, sampling=SamplingParams())
    assert run.finished.reason in ("length", "stop")
    assert GREEDY.temperature == 0
