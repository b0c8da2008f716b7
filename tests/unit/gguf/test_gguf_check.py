"""What the wall in front of native code refuses, and that it lets well-formed files through."""

from __future__ import annotations

from pathlib import Path

import pytest

from app.foundation.errors import ModelFileInvalid, ModelUnsupported
from app.gguf.charsmap import charsmap_fault
from app.gguf.check import check_model
from app.gguf.kinds import purpose_of
from app.gguf.reader import read_header
from tests.fixtures.tiny_models import KINDS, make
from tests.torture.gguf_parts import Recipe, apply, take_apart


@pytest.fixture(scope="module")
def bases(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("check")
    return {kind: make(kind, folder) for kind in KINDS}


def checked(base: Path, folder: Path, recipe: Recipe) -> str:
    """Check the mutated file; returns its kind."""
    path = folder / "mutated.gguf"
    path.write_bytes(apply(take_apart(base), recipe))
    header = read_header(path)
    check_model(header)
    return purpose_of(header).kind


@pytest.mark.parametrize("kind", KINDS)
def test_accepts_what_the_runtime_loads(kind: str, bases: dict[str, Path], tmp_path: Path) -> None:
    assert checked(bases[kind], tmp_path, []) == ("embedding" if kind == "bert" else "chat")


#: Where the fault lies -> base, recipe, and a word of the sentence.
FAULTS: dict[str, tuple[str, Recipe, str]] = {
    "no layers": ("llama", [["set", "llama.block_count", "u32", 0]], "block_count"),
    "513 layers": ("llama", [["set", "llama.block_count", "u32", 513]], "block_count"),
    "a layer missing": ("llama", [["set", "llama.block_count", "u32", 3]], "layer 2 is missing"),
    "a layer too many": ("llama", [["set", "llama.block_count", "u32", 1]], "layer 1"),
    "no width": ("llama", [["drop", "llama.embedding_length"]], "embedding_length"),
    "context of 4 billion": (
        "llama",
        [["set", "llama.context_length", "u32", 0xFFFFFFFF]],
        "context_length",
    ),
    "width as a fraction": ("llama", [["set", "llama.embedding_length", "f32", "64"]], "type"),
    "negative epsilon": (
        "llama",
        [["set", "llama.attention.layer_norm_rms_epsilon", "f32", "-1e-5"]],
        "epsilon",
    ),
    "zero epsilon": (
        "llama",
        [["set", "llama.attention.layer_norm_rms_epsilon", "f32", "0"]],
        "zero",
    ),
    "epsilon not a number": (
        "llama",
        [["set", "llama.attention.layer_norm_rms_epsilon", "f32", "nan"]],
        "finite",
    ),
    "infinite rope base": ("llama", [["set", "llama.rope.freq_base", "f32", "inf"]], "finite"),
    "zero rope base": ("llama", [["set", "llama.rope.freq_base", "f32", "0"]], "freq_base"),
    "odd rope": ("lfm2", [["set", "lfm2.rope.dimension_count", "u32", 15]], "turns 15"),
    "rope wider than a head": ("qwen3", [["set", "qwen3.rope.dimension_count", "u32", 66]], "66"),
    "half a head turned": ("qwen3", [["set", "qwen3.rope.dimension_count", "u32", 32]], "32"),
    "unknown rope scaling": ("mamba", [["set", "mamba.rope.scaling.type", "text", "x"]], "rope"),
    "heads that do not divide": (
        "llama",
        [["set", "llama.attention.head_count_kv", "u32", 3]],
        "does not divide",
    ),
    "more heads than width": ("llama", [["set", "llama.attention.head_count", "u32", 96]], "96"),
    "unequal heads": ("bert", [["set", "bert.attention.key_length", "u32", 8]], "wide"),
    "a list too short": (
        "lfm2",
        [["set", "lfm2.attention.head_count_kv", "[u32]", [0, 2]]],
        "2 entries",
    ),
    "experts used beyond": ("mixtral", [["set", "llama.expert_used_count", "u32", 5]], "experts"),
    "experts never used": ("mixtral", [["set", "llama.expert_used_count", "u32", 0]], "experts"),
    "experts of another number": ("mixtral", [["set", "llama.expert_count", "u32", 8]], "4"),
    "pooling unknown": ("bert", [["set", "bert.pooling_type", "u32", 9]], "pooling"),
    "no memory to look back on": ("lfm2", [["set", "lfm2.shortconv.l_cache", "u32", 0]], "l_cache"),
    "looks ahead only": ("qwen3", [["set", "qwen3.nextn_predict_layers", "u32", 2]], "ahead"),
    "no tokens": ("llama", [["drop", "tokenizer.ggml.tokens"]], "vocabulary"),
    "tokens not texts": ("llama", [["set", "tokenizer.ggml.tokens", "[u32]", [1]]], "vocabulary"),
    "a token twice": ("llama", [["same_element", "tokenizer.ggml.tokens", 0.5, 0.6]], "twice"),
    "scores too few": ("llama", [["resize", "tokenizer.ggml.scores", 3]], "3 entries"),
    "scores as bytes": ("llama", [["set", "tokenizer.ggml.scores", "[u8]", [1]]], "type"),
    "score not a number": (
        "llama",
        [["element", "tokenizer.ggml.scores", 0.5, "nan"]],
        "not a number",
    ),
    "types too many": ("llama", [["resize", "tokenizer.ggml.token_type", 9999]], "9,999"),
    "byte token without a byte": (
        "llama",
        [["element", "tokenizer.ggml.tokens", 0.01, b"<0xZZ>".hex()]],
        "byte",
    ),
    "byte token in a WordPiece": (
        "bert",
        [["element", "tokenizer.ggml.token_type", 0.5, 6]],
        "byte tokens",
    ),
    "merge of one": ("qwen2", [["element", "tokenizer.ggml.merges", 0.5, b"abc".hex()]], "merges"),
    "no merges": ("qwen2", [["drop", "tokenizer.ggml.merges"]], "merges"),
    "first token beyond the vocabulary": (
        "llama",
        [["set", "tokenizer.ggml.bos_token_id", "u32", 5000]],
        "5,000",
    ),
    "id as a fraction": ("llama", [["set", "tokenizer.ggml.eos_token_id", "f32", "2"]], "type"),
    "a first token that is not there": (
        "bert",
        [["drop", "tokenizer.ggml.bos_token_id"], ["resize", "tokenizer.ggml.tokens", 90]]
        + [["resize", f"tokenizer.ggml.{name}", 90] for name in ("scores", "token_type")],
        "bos",
    ),
    "flag as a number": ("llama", [["set", "tokenizer.ggml.add_bos_token", "u32", 1]], "yes or no"),
    "norm in half precision": ("llama", [["tensor_type", "output_norm.weight", 1, True]], "F16"),
    "bias in blocks": ("qwen2", [["tensor_type", "blk.0.attn_q.bias", 8, True]], "Q8_0"),
    "weights of whole numbers": ("llama", [["tensor_type", "output.weight", 26, True]], "I32"),
    "weights of a type for sums": (
        "qwen3",
        [["tensor_type", "token_embd.weight", 15, True]],
        "Q8_K",
    ),
    "state decay in blocks": ("mamba", [["tensor_type", "blk.0.ssm_d", 8, True]], "Q8_0"),
    "embedding of another width": (
        "llama",
        [["shape", "token_embd.weight", [32, 847], True]],
        "32 x 847",
    ),
    "embedding of another vocabulary": (
        "llama",
        [["shape", "token_embd.weight", [64, 800], True]],
        "64 x 800",
    ),
    "output of another width": ("llama", [["shape", "output.weight", [96, 847], True]], "96"),
    "norm of another width": ("llama", [["shape", "blk.0.attn_norm.weight", [65], True]], "65"),
    "queries of another width": ("llama", [["shape", "blk.1.attn_q.weight", [64, 32], True]], "32"),
    "feed-forward of another width": (
        "qwen2",
        [["shape", "blk.0.ffn_up.weight", [64, 96], True]],
        "96",
    ),
    "feed-forward stated otherwise": (
        "llama",
        [["set", "llama.feed_forward_length", "u32", 96]],
        "",
    ),
    "part 5 of 3": (
        "llama",
        [["set", "split.count", "u32", 3], ["set", "split.no", "u32", 4]],
        "part 5",
    ),
    "tensors out of step": (
        "llama",
        [["set", "general.alignment", "u32", 8], ["tensor_drop", "x"]],
        "multiple of 32",
    ),
    "no architecture": ("llama", [["drop", "general.architecture"]], "architecture"),
    "no tokenizer": ("llama", [["drop", "tokenizer.ggml.model"]], "tokenizer"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_refuses(fault: str, bases: dict[str, Path], tmp_path: Path) -> None:
    base, recipe, words = FAULTS[fault]
    with pytest.raises(ModelFileInvalid) as caught:
        checked(bases[base], tmp_path, recipe)
    assert words in caught.value.detail
    assert caught.value.detail.endswith(".")
    assert "ownload" in caught.value.remedy or "conversion" in caught.value.remedy


@pytest.mark.parametrize(
    ("base", "recipe"),
    [
        ("llama", [["set", "general.architecture", "text", "llama9"]]),
        ("llama", [["set", "tokenizer.ggml.model", "text", "wordlist"]]),
        ("qwen2", [["set", "tokenizer.ggml.pre", "text", "qwen9"]]),
        ("llama", [["element", "tokenizer.ggml.tokens", 0.2344, b"zzzzz".hex()]]),
    ],
)
def test_what_is_only_unknown_is_not_called_damaged(
    base: str, recipe: Recipe, bases: dict[str, Path], tmp_path: Path
) -> None:
    if recipe[0][0] == "element":  # a byte token replaced by a plain one: that byte is lacking
        recipe = [*recipe, ["element", "tokenizer.ggml.token_type", 0.2344, 1]]
    with pytest.raises(ModelUnsupported) as caught:
        checked(bases[base], tmp_path, recipe)
    assert caught.value.remedy


#: Odd but harmless: llama.cpp copes, so do people's files.
ODD: dict[str, tuple[str, Recipe, str]] = {
    "padding beyond the vocabulary": (
        "llama",
        [["set", "tokenizer.ggml.padding_token_id", "u32", 32_000]],
        "chat",
    ),
    "no end of text": (
        "llama",
        [["set", "tokenizer.ggml.eos_token_id", "u32", 0xFFFFFFFF]],
        "chat",
    ),
    "empty tokens": (
        "qwen2",
        [
            ["element", "tokenizer.ggml.tokens", 0.90, ""],
            ["element", "tokenizer.ggml.tokens", 0.95, ""],
        ],
        "chat",
    ),
    "no scores": ("llama", [["drop", "tokenizer.ggml.scores"]], "chat"),
    "no token types": ("qwen2", [["drop", "tokenizer.ggml.token_type"]], "chat"),
    "no chat template": ("llama", [["drop", "tokenizer.chat_template"]], "chat"),
    "unknown keys": ("llama", [["set", "my.own/Key", "[f64]", [1, 2]]], "chat"),
    "unknown tensor": (
        "llama",
        [["tensor_copy", "output_norm.weight", "blk.0.extra.weight"]],
        "chat",
    ),
    "pooling for embeddings": ("qwen3", [["set", "qwen3.pooling_type", "u32", 3]], "embedding"),
    "not causal": ("qwen3", [["set", "qwen3.attention.causal", "bool", 0]], "embedding"),
    "no vocabulary": ("llama", [["set", "tokenizer.ggml.model", "text", "none"]], "other"),
    "adapter": ("llama", [["set", "general.type", "text", "adapter"]], "adapter"),
    "projector": ("llama", [["set", "general.architecture", "text", "clip"]], "projector"),
    "importance matrix": ("llama", [["set", "general.type", "text", "imatrix"]], "other"),
    "half-precision position table": (
        "bert",
        [["tensor_type", "position_embd.weight", 0, True]],
        "embedding",
    ),
    "alignment of 64": (
        "llama",
        [["set", "general.alignment", "u32", 64], ["tensor_drop", "x"]],
        "chat",
    ),
}


@pytest.mark.parametrize("oddity", ODD)
def test_accepts_what_is_only_odd(oddity: str, bases: dict[str, Path], tmp_path: Path) -> None:
    base, recipe, kind = ODD[oddity]
    assert checked(bases[base], tmp_path, recipe) == kind


def test_the_table_of_replacements_is_followed() -> None:
    """A table that leads outside itself would be followed while a person's text is read."""

    def table(nodes: list[int], texts: bytes = b"a\0") -> bytes:
        packed = b"".join(node.to_bytes(4, "little") for node in nodes)
        return len(packed).to_bytes(4, "little") + packed + texts

    plain = [0] * 256
    assert charsmap_fault(table(plain)) == ""
    assert charsmap_fault(b"") == ""
    root_outside = [1 << 10 << 9, *plain[1:]]
    assert "outside" in charsmap_fault(table(root_outside))
    child_outside = plain.copy()
    child_outside[ord("a")] = ord("a") | (1 << 20)
    assert "outside" in charsmap_fault(table(child_outside))
    text_outside = plain.copy()
    text_outside[ord("a")] = ord("a") | 1 << 8 | (ord("a") ^ ord("b")) << 10
    text_outside[ord("b")] = 1 << 31 | 40
    assert "outside" in charsmap_fault(table(text_outside))
    text_inside = text_outside.copy()
    text_inside[ord("b")] = 1 << 31 | 1
    assert charsmap_fault(table(text_inside)) == ""
    assert "unfinished" in charsmap_fault(table(plain, b"ab"))
    assert "cut off" in charsmap_fault(table(plain)[:500])
