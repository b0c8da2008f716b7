"""What the runtime cannot load says so in words, from the header alone."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from app.gguf.header import Header, TensorInfo
from app.gguf.reader import read_header
from app.models.light import light
from app.models.support import RUNTIME, Supported, problem_of
from tests.fixtures.shelves import adapter, projector
from tests.fixtures.tiny_models import KINDS, make


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Header:
    return read_header(make("qwen2", tmp_path_factory.mktemp("made")))


@pytest.mark.parametrize("kind", KINDS)
def test_what_the_runtime_knows_has_no_problem(tmp_path: Path, kind: str) -> None:
    header = read_header(make(kind, tmp_path))
    assert problem_of(header) is None
    assert problem_of(light(header)) is None


def test_parts_of_models_are_judged_with_their_models(tmp_path: Path) -> None:
    assert problem_of(read_header(projector(tmp_path / "p.gguf"))) is None
    assert problem_of(read_header(adapter(tmp_path / "a.gguf"))) is None
    first = make("llama", tmp_path, most_tensors=8)
    for part in sorted(first.parent.glob("tiny-llama*.gguf")):
        assert problem_of(read_header(part)) is None


def other(header: Header, **metadata: str) -> Header:
    return replace(header, metadata={**header.metadata, **metadata})


def test_each_thing_that_is_not_known_is_named(tiny: Header) -> None:
    def sentence(header: Header, supported: Supported = RUNTIME) -> str:
        problem = problem_of(header, supported)
        assert problem is not None
        assert problem.title
        assert problem.remedy
        return str(problem)

    assert "newarch" in sentence(other(tiny, **{"general.architecture": "newarch"}))
    assert "newtok" in sentence(other(tiny, **{"tokenizer.ggml.model": "newtok"}))
    assert "newpre" in sentence(other(tiny, **{"tokenizer.ggml.pre": "newpre"}))
    assert "version 4" in sentence(replace(tiny, version=4))
    without = replace(RUNTIME, tensor_types=RUNTIME.tensor_types - {"Q8_0"})
    assert "Q8_0" in sentence(tiny, without)


def test_a_projector_in_the_same_file_is_not_loaded(tiny: Header) -> None:
    extra = TensorInfo("v.blk.0.attn_q.weight", "F16", (4, 4), 0, 32)
    problem = problem_of(replace(tiny, tensors=(*tiny.tensors, extra)))
    assert problem is not None
    assert "projector" in problem.detail
