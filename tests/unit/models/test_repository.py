"""What a repository holds, told from names and sizes alone."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.foundation.errors import ModelNotFound
from app.models.repository import RepoFile, best_of, is_plain, quant_in, sorted_out

SUM = "5" * 64


def held(*names: str, tags: tuple[str, ...] = ()) -> list[str]:
    """The first names of the groups."""
    found = sorted_out([RepoFile(name, 10) for name in names], tags)
    return [group.name for group in found.groups]


@pytest.mark.parametrize(
    ("name", "quant"),
    [
        ("Qwen3.5-4B-Q4_K_M.gguf", "Q4_K_M"),
        ("Qwen3.6-35B-A3B-UD-Q4_K_XL.gguf", "UD-Q4_K_XL"),
        ("qwen3-4b-instruct-2507-q8_0.gguf", "Q8_0"),
        ("gpt-oss-20b-MXFP4.gguf", "MXFP4"),
        ("NVIDIA-Nemotron-MXFP4_MOE.gguf", "MXFP4_MOE"),
        ("nomic-embed-text-v1.5.Q8_0.gguf", "Q8_0"),
        ("Q4_K_M/model-Q4_K_M-00001-of-00004.gguf", "Q4_K_M"),
        ("model-UD-IQ2_XXS.gguf", "UD-IQ2_XXS"),
        ("gemma-4-E2B_q4_0-it.gguf", "Q4_0"),
        ("BitNet-TQ1_0.gguf", "TQ1_0"),
        ("My model (Q5_K_S).GGUF", "Q5_K_S"),
        ("model.BF16.gguf", "BF16"),
        ("SmolLM3-3B.gguf", ""),
        ("Qwen3-4B.gguf", ""),
    ],
)
def test_the_label_of_a_quant_stands_in_the_name(name: str, quant: str) -> None:
    assert quant_in(name) == quant


def test_split_models_count_once_and_what_is_beside_a_model_not_at_all() -> None:
    found = sorted_out(
        [
            RepoFile("Q8_0/big-Q8_0-00002-of-00002.gguf", 30, SUM),
            RepoFile("Q8_0/big-Q8_0-00001-of-00002.gguf", 50),
            RepoFile("big-Q4_K_M.gguf", 40),
            *(
                RepoFile(name, 5)
                for name in (
                    "mmproj-F32.gguf",
                    "Ministral-3-3B-F16-mmproj.gguf",
                    "mtp-big-Q8_0.gguf",
                    "dflash-big-Q8_0.gguf",
                    "imatrix_unsloth.gguf",
                    "big-imatrix.gguf",
                    "ggml-vocab-big.gguf",
                    "README.md",
                    "../../escape-Q4_K_M.gguf",
                    "",
                )
            ),
        ]
    )
    assert [(group.name, group.quant, group.bytes) for group in found.groups] == [
        ("big-Q4_K_M.gguf", "Q4_K_M", 40),
        ("Q8_0/big-Q8_0-00001-of-00002.gguf", "Q8_0", 80),
    ]
    assert [(part.bytes, part.sha256, part.role) for part in found.groups[1].parts] == [
        (50, "", "model"),
        (30, SUM, "model"),
    ]
    assert [part.name for part in found.projectors] == [
        "Ministral-3-3B-F16-mmproj.gguf",
        "mmproj-F32.gguf",
    ]
    assert {part.role for part in found.projectors} == {"projector"}
    assert found.foreign == ()
    assert found.incomplete == ()


def test_models_of_which_a_part_is_missing_are_named_and_not_offered() -> None:
    names = ["a-00001-of-00003.gguf", "a-00003-of-00003.gguf", "b-00001-of-00001.gguf"]
    names += ["c-00000-of-00000.gguf", "d-00001-of-99999.gguf", "e-00002-of-00001.gguf"]
    found = sorted_out([RepoFile(name, 10) for name in names])
    assert [group.name for group in found.groups] == ["b-00001-of-00001.gguf"]
    assert found.incomplete == (
        "a-00001-of-00003.gguf",
        "c-00001-of-00000.gguf",
        "d-00001-of-99999.gguf",
        "e-00001-of-00001.gguf",
    )


def test_a_size_that_is_not_told_for_one_part_is_not_told_for_all() -> None:
    files = [RepoFile("a-00001-of-00002.gguf", 10), RepoFile("a-00002-of-00002.gguf", 0)]
    assert sorted_out(files).groups[0].bytes == 0


def test_adapters_are_kept_apart_and_merged_models_are_models() -> None:
    names = ("base-F16-LoRA.gguf", "lora/adapter_model.gguf", "chat-lora-merged-Q4_K_M.gguf")
    found = sorted_out([RepoFile(name, 10) for name in names])
    assert [part.name for part in found.adapters] == list(names[:2])
    assert [group.name for group in found.groups] == [names[2]]


@pytest.mark.parametrize(
    ("names", "tags", "foreign"),
    [
        (["model-00001-of-00002.safetensors"], [], ("safetensors",)),
        (["model.safetensors"], ["AWQ", "4-bit"], ("safetensors", "awq")),
        (["model.safetensors"], ["gptq"], ("safetensors", "gptq")),
        (["output.safetensors"], ["exl2"], ("safetensors", "exl2")),
        (["model.safetensors"], ["mlx"], ("safetensors", "mlx")),
        (["onnx/model_q4.onnx"], [], ("onnx",)),
        (["pytorch_model.bin", "optimizer.bin"], [], ("pytorch",)),
        (["consolidated.00.pth"], [], ("pytorch",)),
        (["vocab.bin", "README.md"], ["llama"], ()),
        (["model.Q8_0.gguf-split-a", "m.gguf.part1of2"], [], ("gguf-pieces",)),
    ],
)
def test_forms_that_cannot_be_loaded_are_named(
    names: list[str], tags: list[str], foreign: tuple[str, ...]
) -> None:
    found = sorted_out([RepoFile(name, 10) for name in names], tags)
    assert found.foreign == foreign
    assert found.groups == ()


@pytest.mark.parametrize(
    "name",
    [
        *("", ".", "..", "a/..", "../a.gguf", "a/../b.gguf", "/etc/a.gguf", "a//b.gguf"),
        *("C:\\a.gguf", "a\\b.gguf", "c:a.gguf", "a\0.gguf", "a\n.gguf", "~/a.gguf", "a/ /b"),
        *("a\u202eb.gguf", "a?.gguf", "x" * 600),
    ],
)
def test_names_that_lead_elsewhere_are_not_there(name: str) -> None:
    assert not is_plain(name)
    assert held(name) == []


@pytest.mark.parametrize(
    "name", ["a.gguf", "Q4/a b (c)+d@e=f.gguf", ".hidden/a.gguf", "модель-Q4_0.gguf", "con.gguf"]
)
def test_names_that_are_only_unusual_are_there(name: str) -> None:
    assert held(name) == [name]


@given(st.lists(st.text(min_size=1, max_size=30).map(lambda text: text + ".gguf"), max_size=20))
def test_whatever_the_names_every_file_stands_in_one_place_at_most(names: list[str]) -> None:
    found = sorted_out([RepoFile(name, 1) for name in set(names)])
    parts = [part.name for group in found.groups for part in group.parts]
    parts += [part.name for part in (*found.projectors, *found.adapters)]
    assert len(parts) == len(set(parts))
    assert set(parts) <= set(names)
    assert all(is_plain(name) for name in parts)


def test_the_usual_middle_is_taken_where_nobody_says() -> None:
    names = [f"m-{label}.gguf" for label in ("F16", "Q8_0", "Q4_K_M", "Q2_K")]
    groups = sorted_out([RepoFile(name, 1) for name in names]).groups
    assert best_of(groups).quant == "Q4_K_M"
    assert best_of(groups, "q8_0").quant == "Q8_0"
    with pytest.raises(ModelNotFound, match="Q3_K_M"):
        best_of(groups, "Q3_K_M")
    assert best_of(sorted_out([RepoFile("only.gguf", 1)]).groups).name == "only.gguf"
