"""An engine that checks its books whenever idle, and a service that writes on and on; both must
close in time."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from app.engine.client import EngineClient
from tests.fixtures import services
from tests.fixtures.engine_runs import Bench, load
from tests.fixtures.tiny_models import make

Serve = Callable[..., Bench]


@pytest.fixture
def client() -> Iterator[EngineClient]:
    engine = EngineClient(check_integrity=True)
    yield engine
    state = engine.snapshot().state
    assert engine.close(60.0), "the engine did not close"
    assert state != "dead", "the engine died"


@pytest.fixture
def tiny(tiny_models: Path) -> Callable[..., Path]:
    """The path of a tiny F32 model, written on first use."""
    made: dict[str, Path] = {}

    def path_of(kind: str = "llama", **overrides: Any) -> Path:
        if overrides:
            name = f"{kind}-" + "-".join(f"{key}{value}" for key, value in overrides.items())
            return make(
                kind, tiny_models / "engine", **({"quant": "F32", "name": name} | overrides)
            )
        if kind not in made:
            path = tiny_models / "engine" / f"tiny-{kind}-F32.gguf"
            made[kind] = path if path.exists() else make(kind, path.parent, quant="F32")
        return made[kind]

    return path_of


@pytest.fixture
def serve(client: EngineClient, tiny: Callable[..., Path]) -> Serve:
    """Load a tiny model into the engine."""

    def serve_kind(kind: str = "llama", **values: Any) -> Bench:
        return load(client, tiny(kind), **values)

    return serve_kind


@pytest.fixture
def bench(tmp_path: Path, tiny_models: Path) -> Iterator[services.Bench]:
    """A service whose built-in model is a tiny one that does not end by itself."""
    model = services.endless(make("llama", tiny_models), tmp_path / "endless.gguf")
    made = services.make_bench(services.starter(tmp_path / "starter", model))
    yield made
    assert made.service.close(services.PATIENCE_S)
