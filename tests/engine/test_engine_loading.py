"""Loading: what is reported, what is refused, and why."""

from __future__ import annotations

import dataclasses
import logging
from collections.abc import Callable
from concurrent.futures import Future
from pathlib import Path

import pytest

from app.engine.client import EngineClient
from app.engine.messages import LoadedModel
from app.foundation.cancellation import Cancellation
from app.foundation.errors import (
    HearthError,
    InvalidInput,
    LoadFailed,
    ModelNotFound,
    ModelUnsupported,
)
from app.protocol.generation import SamplingParams
from tests.engine.conftest import Serve
from tests.fixtures.engine_runs import GREEDY, WAIT_S, load, settings_for
from tests.fixtures.tiny_models import CHAT_KINDS
from tests.fixtures.tiny_vocabulary import byte_pair


def start(client: EngineClient, path: Path, **values: object) -> Future[LoadedModel]:
    return client.load(
        settings_for(path, **values), on_progress=lambda _: None, cancellation=Cancellation()
    )


@pytest.mark.parametrize("kind", CHAT_KINDS)
def test_facts_of_the_loaded_model(serve: Serve, tiny: Callable[..., Path], kind: str) -> None:
    bench = serve(kind)
    model = bench.model
    assert model.path == str(tiny(kind))
    assert model.name == f"Tiny {kind}"
    assert model.architecture == {"mixtral": "llama"}.get(kind, kind)
    assert (model.n_ctx, model.n_ctx_train) == (1024, 32_768)
    assert model.n_vocab > 100
    assert model.n_layers >= 2
    assert model.chat_template
    assert model.eos_text
    assert model.load_ms > 0
    assert set(model.memory) == {"weights_bytes", "kv_bytes", "compute_bytes", "output_bytes"}
    assert all(size > 0 for size in model.memory.values())
    assert bench.client.snapshot().model == model


def test_progress_runs_from_nothing_to_one(client: EngineClient, tiny: Callable[..., Path]) -> None:
    fractions: list[float] = []
    client.load(
        settings_for(tiny()), on_progress=fractions.append, cancellation=Cancellation()
    ).result(WAIT_S)
    assert fractions == sorted(fractions)
    assert fractions[-1] == 1.0
    assert all(0 <= fraction <= 1 for fraction in fractions)


def test_a_progress_callback_that_raises_does_not_stop_the_load(
    client: EngineClient, tiny: Callable[..., Path]
) -> None:
    def broken(fraction: float) -> None:
        raise OSError("the window is gone")

    client.load(settings_for(tiny()), on_progress=broken, cancellation=Cancellation()).result(
        WAIT_S
    )


def test_a_file_that_is_not_there(client: EngineClient, tmp_path: Path) -> None:
    with pytest.raises(ModelNotFound):
        start(client, tmp_path / "no.gguf").result(WAIT_S)
    assert client.snapshot().state == "empty"


def test_a_broken_file_says_why(
    client: EngineClient, tiny: Callable[..., Path], tmp_path: Path
) -> None:
    broken = tmp_path / "broken.gguf"
    broken.write_bytes(tiny().read_bytes()[:20_000])
    with pytest.raises(LoadFailed) as caught:
        start(client, broken).result(WAIT_S)
    assert caught.value.detail
    foreign = tmp_path / "foreign.gguf"
    foreign.write_text("this is no model")
    with pytest.raises(LoadFailed) as caught:
        start(client, foreign).result(WAIT_S)
    assert "magic" in caught.value.detail or "gguf" in caught.value.detail.lower()


def test_an_embedding_model_is_refused_for_chat(
    client: EngineClient, tiny: Callable[..., Path]
) -> None:
    with pytest.raises(ModelUnsupported):
        start(client, tiny("bert")).result(WAIT_S)


def test_settings_out_of_range_are_refused(client: EngineClient, tiny: Callable[..., Path]) -> None:
    with pytest.raises(InvalidInput):
        start(client, tiny(), n_threads=0).result(WAIT_S)


def test_a_quantized_cache_without_flash_attention_is_a_sentence_not_a_crash(
    client: EngineClient, tiny: Callable[..., Path]
) -> None:
    with pytest.raises(HearthError) as caught:
        start(client, tiny(), cache_type_v="q8_0", flash_attn="off").result(WAIT_S)
    assert isinstance(caught.value, LoadFailed)
    assert load(client, tiny()).ask("hello", 2).finished.reason == "length"


def test_a_failed_load_leaves_the_engine_empty_and_usable(
    client: EngineClient, tiny: Callable[..., Path], tmp_path: Path
) -> None:
    bench = load(client, tiny())
    with pytest.raises(ModelNotFound):
        start(client, tmp_path / "no.gguf").result(WAIT_S)
    assert bench.ask((1, 2, 3), 2).error.code == "model_error"
    assert load(client, tiny("qwen2")).ask("hello", 2).finished.reason == "length"


def test_loading_another_model_cancels_what_is_open(
    client: EngineClient, tiny: Callable[..., Path]
) -> None:
    bench = load(client, tiny(), n_ctx=4_096)
    run = bench.ask("a long story " * 10, 3_000, sampling=bench.endless)
    assert run.started.n_ctx == 4_096
    other = load(client, tiny("qwen3"))
    assert run.finished.reason == "cancelled"
    assert other.ask("hello", 3).finished.reason == "length"


@pytest.mark.parametrize(
    "values", [{"load_mode": "none"}, {"n_ubatch": 7}, {"n_batch": 64, "n_ubatch": 64}]
)
def test_other_settings_give_the_same_answer(serve: Serve, values: dict[str, object]) -> None:
    expected = serve().ask("Hello world, how are you?", 20).text
    assert serve(**values).ask("Hello world, how are you?", 20).text == expected


def test_refusals_come_as_failed_and_nothing_is_decoded(serve: Serve) -> None:
    bench = serve(n_ctx=256)
    too_long = bench.ask(tuple([5] * 256), 5)
    assert too_long.error.code == "context_length_exceeded"
    assert "256" in too_long.error.detail
    assert bench.ask(tuple([5] * 255), 5).finished.reason == "context"
    for run in (
        bench.ask((), 5),
        bench.ask((bench.model.n_vocab,), 5),
        bench.ask((-1,), 5),
        bench.ask((1, 2), -1),
        bench.ask((1, 2), 5, stop=("",)),
        bench.ask((1, 2), 5, sampling=SamplingParams(temperature=float("nan"))),
        bench.ask((1, 2), 5, sampling=SamplingParams(logit_bias=((bench.model.n_vocab, 1.0),))),
        bench.ask((1, 2), 5, sampling=SamplingParams(grammar="root ::= nope")),
    ):
        run.check_order()
        assert run.error.code == "invalid_input"
    refused = dataclasses.replace(GREEDY, grammar='root ::= (|"a")* "b"')
    assert bench.ask((1, 2), 5, sampling=refused).error.code == "request_failed"
    busy = bench.ask((1, 2), 100, request_id="twice")
    again = bench.ask((1, 2), 5, request_id="twice")
    assert again.error.code == "invalid_input"
    assert busy.finished.reason in ("length", "stop")


def test_tokenizing_any_text_gives_it_back(serve: Serve) -> None:
    bench = serve()
    texts = ["", "plain", "ü € 😀 漢字", "a\0b", "\ud800 lone", "\n\t  \r\n", "x" * 3_000]
    with bench.client.vocabulary() as vocabulary:
        for text in texts:
            tokens = vocabulary.tokenize(text, add_special=False, parse_special=False)
            back = b"".join(vocabulary.piece(token) for token in tokens).decode()
            expected = text.replace("\0", "\ufffd").replace("\ud800", "\ufffd")
            assert back.strip(" ") == expected.strip(" ")
        assert vocabulary.token_text(-5) == ""
        assert vocabulary.token_text(10**6) == ""


@pytest.mark.parametrize(("char", "count"), [("a", 1_000_000), *((c, 100_000) for c in "!7 \n")])
def test_a_megabyte_of_one_character_is_tokenized(
    client: EngineClient, tiny: Callable[..., Path], char: str, count: int
) -> None:
    # This vocabulary's way of cutting recurses once a character in native code.
    path = tiny("qwen2", vocabulary=byte_pair(pre="deepseek-llm"), name="recursive-cutting")
    bench = load(client, path)
    with bench.client.vocabulary() as vocabulary:
        tokens = vocabulary.tokenize(char * count, add_special=True, parse_special=True)
        text = b"".join(vocabulary.piece(token) for token in tokens).decode()
    assert text == char * count


def test_native_log_lines_reach_our_log(serve: Serve, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG, "app.llama"):
        serve()
    assert any("n_ctx" in record.message for record in caplog.records)
