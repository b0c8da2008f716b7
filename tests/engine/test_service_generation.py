"""generate() with a real engine and tiny models: events, figures, cancelling, refusals."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from app.foundation.errors import (
    ContextExceeded,
    InvalidInput,
    ModelFileInvalid,
    ModelNotFound,
    ModelUnsupported,
    NotEnoughMemory,
)
from app.protocol.chat import Message
from app.protocol.generation import (
    Failed,
    Finished,
    GenerationRequest,
    Loading,
    SamplingParams,
    Started,
    TokensArrived,
)
from app.protocol.model_ref import ModelRef
from tests.fixtures.services import PATIENCE_S, Bench, Inbox, make_bench, starter
from tests.fixtures.tiny_models import make
from tests.fixtures.tiny_vocabulary import byte_pair

GREEDY = SamplingParams(temperature=0.0)


@pytest.fixture
def bench(tmp_path: Path, tiny_models: Path) -> Iterator[Bench]:
    made = make_bench(starter(tmp_path / "starter", make("llama", tiny_models)))
    yield made
    assert made.service.close(PATIENCE_S)


def ask(text: str = "Hello there", **fields: object) -> GenerationRequest:
    fields = {"sampling": GREEDY, "max_tokens": 8, **fields}
    return GenerationRequest((Message("user", text),), **fields)  # type: ignore[arg-type]


def finished(bench: Bench, request: GenerationRequest) -> tuple[Finished, Inbox]:
    inbox = Inbox()
    bench.service.generate(request, inbox)
    end = inbox.until(Finished, Failed)
    assert isinstance(end, Finished), end
    return end, inbox


def refused(bench: Bench, request: GenerationRequest) -> Failed:
    inbox = Inbox()
    bench.service.generate(request, inbox)
    end = inbox.until(Finished, Failed)
    assert isinstance(end, Failed), end
    return end


def test_built_in_model_answers_with_figures(bench: Bench) -> None:
    end, inbox = finished(bench, ask())
    assert inbox.of(Loading)
    assert inbox.of(Started)
    assert sum(event.n_tokens for event in inbox.of(TokensArrived)) == 8
    assert end.reason == "length"
    assert end.usage.completion_tokens == 8
    assert end.usage.prompt_tokens == inbox.of(Started)[0].prompt_tokens
    assert end.timings.load_ms > 0
    assert end.timings.ttft_ms > 0
    assert end.model == bench.service.snapshot().model.name  # type: ignore[union-attr]
    assert bench.preflight.tried == []
    assert inbox.rest() == []


def test_second_request_loads_nothing(bench: Bench) -> None:
    finished(bench, ask())
    end, inbox = finished(bench, ask())
    assert end.timings.load_ms == 0
    assert not inbox.of(Loading)
    figures = bench.recorder.snapshot()
    assert figures.counters["requests_finished"] == 2
    assert figures.distributions["load_ms"].count == 1
    assert figures.distributions["ttft_ms"].count == 2


def test_next_turn_reads_only_what_is_new(bench: Bench) -> None:
    first, inbox = finished(bench, ask("Tell me about rivers and lakes."))
    answer = "".join(event.text for event in inbox.of(TokensArrived))
    messages = (
        Message("user", "Tell me about rivers and lakes."),
        Message("assistant", answer),
        Message("user", "And the sea?"),
    )
    second, _ = finished(bench, GenerationRequest(messages, sampling=GREEDY, max_tokens=4))
    # At least the whole first prompt was in memory; how much of the answer is depends on whether
    # a random model spells its text as the tokenizer would.
    assert second.usage.cached_tokens >= first.usage.prompt_tokens - 1


def test_continuing_an_answer_goes_on_where_it_was_cut(bench: Bench) -> None:
    whole, inbox = finished(bench, ask(max_tokens=12))
    text = "".join(event.text for event in inbox.of(TokensArrived))
    request = GenerationRequest(
        (Message("user", "Hello there"), Message("assistant", text[: len(text) // 2])),
        sampling=GREEDY,
        max_tokens=4,
        continue_last=True,
    )
    end, _ = finished(bench, request)
    assert end.usage.cached_tokens >= whole.usage.prompt_tokens - 1
    assert end.usage.prompt_tokens > whole.usage.prompt_tokens


def test_message_cannot_end_its_own_turn(bench: Bench) -> None:
    plain, _ = finished(bench, ask("Hello X"))
    model = bench.service.snapshot().model
    assert model is not None
    word = model.eos_text
    assert word
    spelled, _ = finished(bench, ask(f"Hello {word}"))
    # One special token would have replaced "X" one for one; spelled out it takes several.
    assert spelled.usage.prompt_tokens > plain.usage.prompt_tokens + 1


def test_another_file_takes_the_place_after_a_trial(bench: Bench, tiny_models: Path) -> None:
    path = make("qwen2", tiny_models)
    finished(bench, ask())
    end, inbox = finished(bench, ask(model=ModelRef(str(path))))
    assert bench.preflight.tried == [path.name]
    assert end.timings.load_ms > 0
    assert any(event.fraction == 1.0 for event in inbox.of(Loading))
    assert bench.service.is_ready(ModelRef(str(path)))
    assert not bench.service.is_ready(ModelRef())


def test_changed_wish_and_changed_file_load_anew(bench: Bench, tmp_path: Path) -> None:
    path = make("qwen2", tmp_path)
    request = ask(model=ModelRef(str(path)))
    finished(bench, request)
    bench.placing.n_ctx = 1024
    end, _ = finished(bench, request)
    assert end.timings.load_ms > 0
    assert bench.service.snapshot().model.n_ctx == 1024  # type: ignore[union-attr]
    assert finished(bench, request)[0].timings.load_ms == 0
    os.utime(path, (1.0, 1.0))
    assert finished(bench, request)[0].timings.load_ms > 0


@pytest.mark.parametrize("max_tokens", [None, 4])
def test_prompt_beyond_the_context_is_refused_with_the_numbers(
    bench: Bench, max_tokens: int | None
) -> None:
    error = refused(bench, ask("word " * 4000, max_tokens=max_tokens)).error
    assert isinstance(error, ContextExceeded)
    assert error.n_ctx == 512
    assert error.prompt_tokens > 512
    assert bench.recorder.snapshot().errors == {"context_length_exceeded": 1}
    finished(bench, ask())


@pytest.mark.parametrize("pre", ["qwen2", "deepseek-llm", "falcon"])
@pytest.mark.parametrize("text", ["a" * 1_000_000, "!" * 1_000_000])
def test_one_megabyte_is_refused_with_the_numbers(
    bench: Bench, tmp_path: Path, pre: str, text: str
) -> None:
    """Uncut, the last two overflow the stack of llama.cpp's regular expressions."""
    path = make("qwen2", tmp_path, vocabulary=byte_pair(pre=pre))
    ref = ModelRef(str(path))
    error = refused(bench, ask(text, model=ref)).error
    assert isinstance(error, ContextExceeded)
    assert error.prompt_tokens == 250_004
    bench.placing.n_ctx = 16384
    counted = bench.service.count_tokens((Message("user", text[:190_000]),), ref)
    assert counted.result(PATIENCE_S) > 1000


@pytest.mark.parametrize("text", ["", " \n", "x" * 3_000_000, "lone \ud800 surrogate"])
def test_text_that_makes_no_prompt_is_refused(bench: Bench, text: str) -> None:
    assert isinstance(refused(bench, ask(text)).error, InvalidInput)


def test_files_that_are_no_chat_models_are_refused(
    bench: Bench, tiny_models: Path, tmp_path: Path
) -> None:
    broken = tmp_path / "broken.gguf"
    broken.write_bytes(make("llama", tiny_models).read_bytes()[:3000])
    empty = tmp_path / "empty.gguf"
    empty.touch()
    cases = {
        tmp_path / "missing.gguf": ModelNotFound,
        tmp_path: ModelNotFound,
        broken: ModelFileInvalid,
        empty: ModelFileInvalid,
        make("bert", tiny_models): ModelUnsupported,
    }
    for path, kind in cases.items():
        error = refused(bench, ask(model=ModelRef(str(path)))).error
        assert isinstance(error, kind), (path, error)
        assert error.title
        assert error.remedy
    finished(bench, ask())


def test_model_too_large_is_refused_until_the_person_wants_it_anyway(
    bench: Bench, tiny_models: Path
) -> None:
    request = ask(model=ModelRef(str(make("qwen2", tiny_models))))
    bench.placing.fits = "no"
    error = refused(bench, request).error
    assert isinstance(error, NotEnoughMemory)
    assert "8.0 GB" in error.detail
    bench.placing.pinned = True
    error = refused(bench, request).error
    assert isinstance(error, NotEnoughMemory)
    assert "what you set" in error.title
    assert "anyway" in error.remedy
    bench.service.allow(request.model)
    finished(bench, request)
    other = ask(model=ModelRef(str(make("gemma3", tiny_models))))
    assert isinstance(refused(bench, other).error, NotEnoughMemory)


def test_a_model_put_away_when_idle_lets_the_answer_end(bench: Bench) -> None:
    inbox = Inbox()
    bench.service.generate(ask(max_tokens=40), inbox)
    inbox.until(Started)
    unloaded = bench.service.unload(when_idle=True)
    assert inbox.until(Finished, Failed).reason != "cancelled"
    unloaded.result(PATIENCE_S)
    assert bench.service.snapshot().model is None
    finished(bench, ask())


def test_load_makes_ready_and_unload_frees(bench: Bench) -> None:
    inbox = Inbox()
    bench.service.load(ModelRef(), inbox)
    end = inbox.until(Finished)
    assert end.reason == "stop"
    assert end.timings.load_ms > 0
    assert bench.service.snapshot().state == "ready"
    bench.service.unload().result(PATIENCE_S)
    assert bench.service.snapshot().model is None
    assert bench.service.snapshot().state == "empty"
    assert bench.recorder.snapshot().counters["requests_finished"] == 0


def test_count_tokens_is_what_a_request_reads(bench: Bench) -> None:
    messages = (Message("user", "How long is this?"),)
    counted = bench.service.count_tokens(messages, ModelRef()).result(PATIENCE_S)
    end, _ = finished(bench, GenerationRequest(messages, sampling=GREEDY, max_tokens=1))
    assert end.usage.prompt_tokens == counted
