"""Genuine vocabulary files, and the runtime's own sources, against the data kept here."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from app.gguf import architectures
from app.gguf.check import check_model
from app.gguf.facts import facts_of
from app.gguf.reader import read_header
from tests.fixtures.distribution import unpacked

pytestmark = pytest.mark.distribution


@pytest.fixture(scope="module")
def llama_cpp() -> Path:
    return unpacked()


def body(text: str, start: str) -> str:
    """The function that begins with `start`, to its closing brace."""
    at = text.index(start)
    return text[at : text.index("\n}\n", at)]


def test_every_vocabulary_file_is_accepted(llama_cpp: Path) -> None:
    paths = sorted((llama_cpp / "models").glob("*.gguf"))
    assert len(paths) == 19
    for path in paths:
        header = read_header(path)
        check_model(header)
        found = facts_of(header)
        assert found.kind == "vocabulary", path.name
        assert found.n_vocab > 30_000, path.name
        assert found.tokenizer in architectures.TOKENIZERS


def test_the_architectures_are_those_of_the_runtime(llama_cpp: Path) -> None:
    source = (llama_cpp / "src" / "llama-arch.cpp").read_text(encoding="utf-8")
    model = (llama_cpp / "src" / "llama-model.cpp").read_text(encoding="utf-8")
    names = dict(re.findall(r'\{ (LLM_ARCH_\w+),\s+"([^"]+)"', source))

    def listed(text: str) -> set[str]:
        return {names[constant] for constant in re.findall(r"case (LLM_ARCH_\w+):", text)}

    made = listed(body(model, "llama_model_mapping(llm_arch arch"))
    assert made - {"clip"} == architectures.SUPPORTED
    assert listed(body(source, "bool llm_arch_is_recurrent")) == architectures.RECURRENT
    assert listed(body(source, "bool llm_arch_is_hybrid")) == architectures.HYBRID
    assert listed(body(source, "bool llm_arch_is_diffusion")) == architectures.DIFFUSION
    rope = body(model, "llama_rope_type llama_model_rope_type(const llama_model * model)")
    none = rope[: rope.index("return LLAMA_ROPE_TYPE_NONE")]
    assert listed(none) == architectures.WITHOUT_ROPE
    memory = body(model, "llama_memory_i * llama_model::create_memory")
    assert listed(memory[: memory.index("res = nullptr")]) == architectures.WITHOUT_MEMORY


def test_the_tokenizers_are_those_of_the_runtime(llama_cpp: Path) -> None:
    source = (llama_cpp / "src" / "llama-vocab.cpp").read_text(encoding="utf-8")
    load = body(source, "void llama_vocab::impl::load(llama_model_loader")
    assert set(re.findall(r'tokenizer_model == "([^"]+)"', load)) == architectures.TOKENIZERS
    assert set(re.findall(r'tokenizer_pre == "([^"]+)"', load)) == architectures.PRE_TOKENIZERS
