"""The fuzz gate in its short form: what the check lets through must not harm native code."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from app.foundation.errors import ModelError
from app.gguf.check import check_model
from app.gguf.facts import facts_of
from app.gguf.reader import read_header
from tests.torture.gguf_architectures import build_all
from tests.torture.gguf_fuzz import Bases, run, try_recipes
from tests.torture.gguf_parts import Recipe

#: Recipes that got past the check once and ended the process: base, recipe.
REGRESSIONS: list[tuple[str, Recipe]] = [
    ("bert", [["set", "bert.attention.key_length", "u32", 1]]),
    ("bert", [["set", "bert.attention.key_length", "u32", 32]]),
    ("qwen3", [["set", "qwen3.rope.dimension_count", "u32", 0]]),
    ("qwen3", [["set", "qwen3.rope.dimension_count", "u32", 48]]),
    ("qwen2", [["set", "qwen2.rope.dimension_count", "u32", 6]]),
    ("mamba", [["set", "mamba.rope.scaling.type", "text", "gemma4"]]),
    ("lfm2", [["set", "lfm2.rope.dimension_count", "u32", 0]]),
    ("gemma3", [["set", "gemma3.attention.sliding_window_pattern", "u32", 1]]),
    ("gemma3", [["set", "gemma3.attention.sliding_window_pattern", "[u32]", [0] * 6]]),
    ("bert", [["set", "bert.embedding_length_out", "u32", 257]]),
    ("qwen3moe", [["set", "qwen3moe.expert_gating_func", "u32", 1 << 24]]),
    ("qwen3", [["set", "qwen3.rope.dimension_sections", "[u32]", [64, 64, 64, 64]]]),
    ("bert", [["set", "split.no", "u32", 4096]]),
    ("mixtral", [["set", "tokenizer.ggml.model", "text", "none"]]),
    ("bert", [["set", "general.alignment", "u32", 2], ["tensor_drop", ""]]),
]
#: Each of these ends the process where the check is not in front.
KILLERS: list[tuple[str, Recipe]] = [
    ("llama", [["set", "llama.block_count", "u32", 513]]),
    ("llama", [["same_element", "tokenizer.ggml.tokens", 0.5, 0.6]]),
    ("qwen3", [["tensor_type", "blk.0.ffn_gate.weight", 26, True]]),
    ("llama", [["set", "llama.attention.layer_norm_rms_epsilon", "f32", "-1.0"]]),
]


@pytest.fixture(scope="module")
def bases(tmp_path_factory: pytest.TempPathFactory) -> Bases:
    return Bases(tmp_path_factory.mktemp("fuzz"))


def test_four_hundred_mutations_harm_nothing(bases: Bases, tmp_path: Path) -> None:
    result = run(bases, tmp_path, count=400, seed=11)
    assert not result.deaths, [death.as_json() for death in result.deaths]
    assert result.n_refused > 100, "the mutations no longer break anything"
    assert result.verdicts["written"] > 50, "the mutations no longer reach native code"
    assert result.verdicts["embedded"] > 5
    assert result.peak_child_bytes < 512 << 20


def test_what_got_through_once_is_refused(bases: Bases, tmp_path: Path) -> None:
    recipes = [(base, 0, recipe) for base, recipe in REGRESSIONS]
    result = try_recipes(bases, tmp_path, recipes)
    assert not result.deaths, [death.as_json() for death in result.deaths]


def test_without_the_check_the_process_dies(bases: Bases, tmp_path: Path) -> None:
    """The control: were native code unharmed by these, the gate would prove nothing."""
    recipes = [(base, 0, recipe) for base, recipe in KILLERS]
    unguarded = try_recipes(bases, tmp_path, recipes, check=False)
    assert len(unguarded.deaths) == len(KILLERS)
    guarded = try_recipes(bases, tmp_path, recipes)
    assert guarded.n_refused == len(KILLERS)
    assert not guarded.deaths


def test_the_same_seed_draws_the_same_recipes(bases: Bases) -> None:
    for mutator in bases.mutators.values():
        first = json.dumps([mutator.recipe(seed) for seed in range(50)])
        assert first == json.dumps([mutator.recipe(seed) for seed in range(50)])


def test_golden_files_of_other_architectures_pass(tmp_path: Path) -> None:
    """Files the runtime lays out and saves itself; all that can be built: gguf_architectures."""
    names = ("deepseek2", "falcon-h1", "gemma2", "gpt-oss", "jamba", "phi3", "qwen35", "stablelm")
    built = build_all(tmp_path, names)
    assert set(built) == set(names)
    refused = {}
    for name, path in built.items():
        header = read_header(path)
        try:
            check_model(header)
        except ModelError as error:
            refused[name] = str(error)
        assert facts_of(header).kind == "chat"
    assert not refused
