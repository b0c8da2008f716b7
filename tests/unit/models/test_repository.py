"""What a repository holds, told from names and sizes alone."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from app.foundation.errors import ModelNotFound, NetworkError
from app.models.repository import MOST_BYTES, Repositories, best_of, models_in, quant_in
from app.network.client import Client
from app.network.connections import Connections
from app.network.policy import Policy
from tests.fixtures.far_end import FarEnd, far_end


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
        ("model.BF16.gguf", "BF16"),
        ("SmolLM3-3B.gguf", ""),
        ("Qwen3-4B.gguf", ""),
    ],
)
def test_the_label_of_a_quant_stands_in_the_name(name: str, quant: str) -> None:
    assert quant_in(name) == quant


def test_split_models_count_once_and_what_is_beside_a_model_not_at_all() -> None:
    listed = [
        ("Q8_0/big-Q8_0-00002-of-00002.gguf", 30),
        ("Q8_0/big-Q8_0-00001-of-00002.gguf", 50),
        ("big-Q4_K_M.gguf", 40),
        ("mmproj-F16.gguf", 5),
        ("Ministral-3-3B-BF16-mmproj.gguf", 5),
        ("mtp-big-Q8_0.gguf", 5),
        ("dflash-big-Q8_0.gguf", 5),
        ("imatrix_unsloth.gguf", 5),
        ("README.md", 5),
        ("model.safetensors", 5),
        ("../../escape-Q4_K_M.gguf", 5),
        ("", 5),
    ]
    found = models_in(listed)
    assert [(file.name, file.quant, file.bytes) for file in found] == [
        ("Q8_0/big-Q8_0-00001-of-00002.gguf", "Q8_0", 80),
        ("big-Q4_K_M.gguf", "Q4_K_M", 40),
    ]


def test_the_usual_middle_is_taken_where_nobody_says() -> None:
    files = models_in([(f"m-{label}.gguf", 1) for label in ("F16", "Q8_0", "Q4_K_M", "Q2_K")])
    assert best_of(files).quant == "Q4_K_M"
    assert best_of(files, "q8_0").quant == "Q8_0"
    with pytest.raises(ModelNotFound, match="Q3_K_M"):
        best_of(files, "Q3_K_M")
    assert best_of(models_in([("only.gguf", 1)])).name == "only.gguf"


@pytest.fixture
def far() -> Iterator[FarEnd]:
    with far_end() as server:
        yield server


@pytest.fixture
def repositories(far: FarEnd, tmp_path: Path) -> Iterator[Repositories]:
    policy = Policy(lambda: False, ("127.0.0.1",))
    client = Client(policy, Connections(tmp_path / "connections.jsonl"))
    yield Repositories(lambda: client, far.url)
    client.close()


PATH = "/api/models/some/repo?blobs=true"


@pytest.mark.parametrize(
    "answer",
    [
        b"<html>",
        b"",
        b"[]",
        b'{"siblings": 5}',
        b'{"siblings": null}',
        b"[" * 100_000,
        b'"\xff"',
        b" " * (MOST_BYTES + 1),
    ],
)
def test_answers_that_are_no_list_are_said_to_be_none(
    answer: bytes, far: FarEnd, repositories: Repositories
) -> None:
    far.files[PATH] = answer
    with pytest.raises(NetworkError):
        repositories.files("some/repo")


def test_odd_entries_are_left_out_and_ten_thousand_are_read(
    far: FarEnd, repositories: Repositories
) -> None:
    odd = [5, None, {}, {"rfilename": 5}, {"rfilename": "a-Q8_0.gguf", "size": "x"}]
    many = [{"rfilename": f"m{index}-Q8_0.gguf", "size": index} for index in range(20_000)]
    far.files[PATH] = json.dumps({"siblings": [*odd, *many]}).encode()
    found = repositories.files("some/repo")
    assert found[0].bytes == 0
    assert 9_000 < len(found) <= 10_000
    far.files[PATH] = json.dumps({"siblings": odd[:4]}).encode()
    with pytest.raises(ModelNotFound, match="no file that Hearth can use"):
        repositories.files("some/repo")


@pytest.mark.parametrize("repo", ["some", "../x", "a/b/c", "some/..", "some/repo?x=1", ""])
def test_names_that_are_none_are_not_asked_for(
    repo: str, far: FarEnd, repositories: Repositories
) -> None:
    with pytest.raises(ModelNotFound):
        repositories.files(repo)
    assert far.asked == []
