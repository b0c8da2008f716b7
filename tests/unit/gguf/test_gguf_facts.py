"""Facts against hand-worked figures, and models spread over several files."""

from __future__ import annotations

from pathlib import Path

import pytest

from app.foundation.errors import ModelFileInvalid, ModelNotFound
from app.gguf.check import check_model
from app.gguf.facts import ModelFacts, facts_of
from app.gguf.header import Header
from app.gguf.reader import read_header
from app.gguf.split import read_model
from tests.fixtures.tiny_models import KINDS, make
from tests.torture.gguf_parts import Recipe, apply, relayout, take_apart

MIB = 1024 * 1024


def bare(architecture: str, **numbers: int | float | str) -> Header:
    """A header of metadata alone, keys with `__` for dots."""
    metadata = {f"{architecture}.{key.replace('__', '.')}": value for key, value in numbers.items()}
    return Header(
        path="bare.gguf",
        version=3,
        metadata={"general.architecture": architecture, **metadata},
        types={},
        tensors=(),
        alignment=32,
        data_offset=0,
        file_bytes=0,
    )


def facts(kind: str, folder: Path, recipe: Recipe | None = None) -> ModelFacts:
    path = make(kind, folder)
    if recipe:
        path.write_bytes(apply(take_apart(path), recipe))
    return facts_of(read_header(path))


def test_weights_are_split_by_place(tmp_path: Path) -> None:
    for kind in KINDS:
        header = read_header(make(kind, tmp_path))
        found = facts_of(header)
        assert found.weight_bytes == sum(tensor.n_bytes for tensor in header.tensors)
        assert len(found.layer_bytes) == found.n_layers == len(found.n_head)
        assert min(found.layer_bytes) > 0
        assert found.input_bytes >= header.by_name["token_embd.weight"].n_bytes


def test_a_tied_output_is_told_apart(tmp_path: Path) -> None:
    tied, own = facts("qwen3", tmp_path), facts("qwen2", tmp_path)
    assert tied.tied_output_bytes == tied.input_bytes
    assert own.tied_output_bytes == 0
    assert own.output_bytes > own.input_bytes


def test_experts_are_counted(tmp_path: Path) -> None:
    found = facts("mixtral", tmp_path)
    # Three matrices of 32 x 64 for each of four experts, four bytes a weight.
    assert found.expert_layer_bytes == (3 * 32 * 64 * 4 * 4,) * 2
    assert (found.n_expert, found.n_expert_used) == (4, 2)


def test_quant_label(tmp_path: Path) -> None:
    assert facts("qwen3", tmp_path).quant == "Q4_K_M"
    unnamed: Recipe = [["drop", "general.file_type"]]
    assert facts("gemma3", tmp_path, unnamed).quant == "Q4_0"
    assert facts("qwen2", tmp_path, [["set", "general.file_type", "u32", 1024]]).quant == "Q8_0"


def test_kv_bytes_of_llama_8b() -> None:
    """32 layers, 8 key-value heads of 128: 4,096 MiB at 32k in f16, 2,176 in q8_0."""
    llama = facts_of(
        bare(
            "llama",
            block_count=32,
            embedding_length=4096,
            attention__head_count=32,
            attention__head_count_kv=8,
        )
    )
    assert llama.kv_bytes(32_768) == 4096 * MIB
    assert llama.kv_bytes(32_768, type_k="q8_0", type_v="q8_0") == 2176 * MIB
    assert llama.kv_bytes(32_768, 4) == 4096 * MIB  # sequences share the cells
    assert llama.kv_bytes(1) == llama.kv_bytes(256)  # cells come in steps of 256
    assert llama.layer_kv_bytes(256, 1, "f16", "f16", 512) == (256 * 2 * 8 * 128 * 2,) * 32


def test_kv_bytes_with_a_sliding_window() -> None:
    """Gemma 3 4B: 34 layers of 4 heads of 256, window 1,024; 640 + 174 MiB at 32k."""
    gemma = facts_of(
        bare(
            "gemma3",
            block_count=34,
            embedding_length=2560,
            attention__head_count=8,
            attention__head_count_kv=4,
            attention__key_length=256,
            attention__value_length=256,
            attention__sliding_window=1024,
        )
    )
    assert gemma.swa_layers.count(False) == 5
    assert gemma.kv_bytes(32_768, n_ubatch=512) == 640 * MIB + 29 * 1536 * 4096
    assert gemma.kv_bytes(32_768, 4, n_ubatch=512) == 640 * MIB + 29 * 4608 * 4096


def test_kv_bytes_of_a_hybrid() -> None:
    """Qwen3-Next 80B: 36 recurrent layers, 75.4 MiB a sequence; 12 of attention, 768 at 32k."""
    qwen = facts_of(
        bare(
            "qwen3next",
            block_count=48,
            embedding_length=2048,
            attention__head_count=16,
            attention__head_count_kv=2,
            attention__key_length=256,
            attention__value_length=256,
            ssm__conv_kernel=4,
            ssm__inner_size=4096,
            ssm__state_size=128,
            ssm__group_count=16,
        )
    )
    assert qwen.recurrent_layers.count(True) == 36
    assert qwen.state_bytes_per_sequence == 36 * (96 * 1024 + 2 * MIB)
    assert qwen.kv_bytes(32_768, 2) == 768 * MIB + 2 * qwen.state_bytes_per_sequence
    assert qwen.is_recurrent


def test_kv_bytes_of_latent_attention() -> None:
    """DeepSeek-V2-Lite: 27 layers keep 576 numbers a token and no values: 972 MiB at 32k."""
    deepseek = facts_of(
        bare(
            "deepseek2",
            block_count=27,
            embedding_length=2048,
            attention__head_count=16,
            attention__head_count_kv=1,
            attention__key_length=576,
            attention__value_length=512,
            attention__key_length_mla=192,
            attention__value_length_mla=128,
        )
    )
    assert deepseek.is_mla
    assert deepseek.kv_bytes(32_768) == 972 * MIB


def test_layers_that_only_look_ahead_keep_nothing() -> None:
    qwen = facts_of(
        bare(
            "qwen3",
            block_count=5,
            nextn_predict_layers=1,
            embedding_length=64,
            attention__head_count=4,
        )
    )
    assert qwen.n_layers == 4
    assert qwen.kv_bytes(256) == 4 * 256 * 64 * 2 * 2


@pytest.mark.parametrize(
    ("architecture", "kind"),
    [("bert", "embedding"), ("dream", "other"), ("t5", "other"), ("clip", "projector")],
)
def test_kinds(architecture: str, kind: str, tmp_path: Path) -> None:
    recipe: Recipe = [["set", "general.architecture", "text", architecture]]
    assert facts("llama", tmp_path, recipe).kind == kind


def split_files(folder: Path) -> list[Path]:
    """The tiny llama in three files, as llama-gguf-split writes them."""
    whole = take_apart(make("llama", folder))
    paths, third = [], len(whole.slots) // 3
    for index in range(3):
        part = take_apart(make("llama", folder))
        end = (index + 1) * third if index < 2 else len(whole.slots)
        part.slots = part.slots[index * third : end]
        if index:
            part.entries = []
        relayout(part)
        path = folder / f"tiny-{index + 1:05d}-of-00003.gguf"
        path.write_bytes(
            apply(
                part,
                [
                    ["set", "split.no", "u16", index],
                    ["set", "split.count", "u16", 3],
                    ["set", "split.tensors.count", "i32", len(whole.slots)],
                ],
            )
        )
        paths.append(path)
    return paths


def test_a_model_in_several_files_is_one(tmp_path: Path) -> None:
    paths = split_files(tmp_path)
    whole = read_header(make("llama", tmp_path))
    for path in paths:
        check_model(read_header(path))
        merged = read_model(path)
        check_model(merged)
        assert {tensor.name for tensor in merged.tensors} == set(whole.by_name)
        assert facts_of(merged).weight_bytes == facts_of(whole).weight_bytes
        assert merged.file_bytes == sum(part.stat().st_size for part in paths)
        assert facts_of(read_header(path)).kind in ("chat", "other", "vocabulary")


def test_a_missing_or_misnamed_part_is_said(tmp_path: Path) -> None:
    paths = split_files(tmp_path)
    paths[1].rename(tmp_path / "elsewhere.gguf")
    with pytest.raises(ModelNotFound, match="missing"):
        read_model(paths[0])
    with pytest.raises(ModelFileInvalid, match="not named as such"):
        read_model(tmp_path / "elsewhere.gguf")
    paths[2].replace(paths[1])
    paths[0].with_name("tiny-00003-of-00003.gguf").write_bytes(paths[0].read_bytes())
    with pytest.raises(ModelFileInvalid, match="should be part"):
        read_model(paths[0])
