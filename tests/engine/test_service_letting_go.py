"""Files that are about to go are out of memory first, and stay out until they are gone."""

from __future__ import annotations

from pathlib import Path

import pytest

from app.bootstrap.runtime import Runtime
from app.foundation.errors import ModelNotFound
from app.foundation.paths import open_profile
from app.models.library import removing
from app.protocol.chat import Message
from app.protocol.generation import (
    Failed,
    Finished,
    GenerationRequest,
    SamplingParams,
    TokensArrived,
)
from app.protocol.model_ref import BUILT_IN, ModelRef
from app.settings.schema import ADOPT, MODEL_PATH
from tests.fixtures.services import PATIENCE_S, Bench, Inbox, endless
from tests.fixtures.tiny_models import make


@pytest.fixture
def own(tmp_path: Path, tiny_models: Path) -> Path:
    return endless(make("llama", tiny_models), tmp_path / "own.gguf")


def load(bench: Bench, path: Path) -> Inbox:
    inbox = Inbox()
    bench.service.load(ModelRef(str(path)), inbox)
    inbox.until(Finished, Failed)
    return inbox


def asked(path: Path | None, n_tokens: int) -> GenerationRequest:
    """For the built-in model where there is no path."""
    return GenerationRequest(
        (Message("user", "Hello"),),
        ModelRef() if path is None else ModelRef(str(path)),
        SamplingParams(temperature=0.0),
        max_tokens=n_tokens,
    )


def test_a_model_in_memory_is_put_away_and_can_be_opened_again(bench: Bench, own: Path) -> None:
    load(bench, own)
    assert bench.service.snapshot().model is not None
    with bench.service.letting_go((own,)):
        assert bench.service.snapshot().model is None
        own.rename(own.with_suffix(".away"))
    own.with_suffix(".away").rename(own)
    load(bench, own)
    loaded = bench.service.snapshot().model
    assert loaded is not None
    assert loaded.path == str(own)


def test_an_answer_that_it_writes_ends_as_stopped(bench: Bench, own: Path) -> None:
    inbox = Inbox()
    bench.service.generate(asked(own, 400), inbox)
    inbox.until(TokensArrived)
    with bench.service.letting_go((own,)):
        assert bench.service.snapshot().model is None
    end = inbox.until(Finished, Failed)
    assert isinstance(end, Finished)
    assert end.reason == "cancelled"


def test_an_answer_of_another_model_is_left_alone(bench: Bench, own: Path) -> None:
    inbox = Inbox()
    bench.service.generate(asked(None, 200), inbox)
    inbox.until(TokensArrived)
    with bench.service.letting_go((own,)):
        assert bench.service.snapshot().model is not None
    end = inbox.until(Finished, Failed)
    assert isinstance(end, Finished)
    assert end.reason == "length"


def test_who_asks_for_it_meanwhile_hears_that_it_is_gone(bench: Bench, own: Path) -> None:
    load(bench, own)
    inbox = Inbox()
    with bench.service.letting_go((own,)):
        bench.service.load(ModelRef(str(own)), inbox)
        own.unlink()
    end = inbox.until(Failed, Finished)
    assert isinstance(end, Failed)
    assert isinstance(end.error, ModelNotFound)
    assert bench.service.snapshot().model is None


def test_one_that_waits_for_its_turn_is_called_off(bench: Bench, own: Path) -> None:
    writing, waiting = Inbox(), Inbox()
    bench.service.generate(asked(None, 10_000), writing)
    writing.until(TokensArrived)
    bench.service.generate(asked(own, 4), waiting)
    with bench.service.letting_go((own,)):
        end = waiting.until(Finished, Failed)
    assert isinstance(end, Finished)
    assert end.reason == "cancelled"
    assert not any(isinstance(event, Finished | Failed) for event in writing.rest())


def test_a_link_to_it_is_the_same_model(bench: Bench, own: Path, tmp_path: Path) -> None:
    link = tmp_path / "link.gguf"
    link.symlink_to(own)
    load(bench, link)
    with bench.service.letting_go((own,)):
        assert bench.service.snapshot().model is None


def test_a_model_removed_from_the_library_is_out_of_memory(
    bench: Bench, tmp_path: Path, tiny_models: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bin_ = tmp_path / "bin"
    bin_.mkdir()
    runtime = Runtime(open_profile(tmp_path / "profile"))
    runtime.settings.set(ADOPT, False)
    runtime.__dict__["inference"] = bench.service  # as a start has it, with a tiny starter
    path = make("llama", runtime.models_folder() / "o/r")
    loaded_then: list[bool] = []

    def trash(file: Path) -> None:
        loaded_then.append(bench.service.snapshot().model is not None)
        file.rename(bin_ / file.name)

    monkeypatch.setattr(removing, "trash", trash)
    runtime.settings.set(MODEL_PATH, str(path))
    load(bench, path)
    (kept,) = runtime.library.look().models
    assert runtime.library.remove(kept.id)
    assert loaded_then == [False]
    assert bench.service.snapshot().model is None
    assert runtime.settings.get(MODEL_PATH) == BUILT_IN
    path.parent.mkdir(parents=True)
    (bin_ / path.name).rename(path)
    (again,) = runtime.library.look().models
    load(bench, again.path)
    assert bench.service.snapshot().model is not None
    assert runtime.close_library(PATIENCE_S)
    assert runtime.settings.close(PATIENCE_S)
