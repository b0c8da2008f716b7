"""The known answers of the built-in model: this runtime gives them, a wrong one does not pass."""

from __future__ import annotations

import hashlib
import importlib.util
import json
import os
import shutil
from pathlib import Path

import pytest

from app.foundation.errors import NotPossibleHere, UpdateRefused
from app.foundation.paths import resource
from app.updates.golden import check_runtime

pytestmark = pytest.mark.skipif(os.name != "posix", reason="a link stands for a runtime here")


@pytest.fixture
def runtime(tmp_path: Path) -> Path:
    """The plain build, as if it were a runtime that was installed apart."""
    spec = importlib.util.find_spec("llama_cpp")
    assert spec is not None
    assert spec.submodule_search_locations is not None
    folder = tmp_path / "runtime"
    folder.mkdir()
    (folder / "lib").symlink_to(Path(spec.submodule_search_locations[0]) / "lib")
    return folder


@pytest.fixture
def known(tmp_path: Path) -> Path:
    """The model and its answers, to be changed."""
    folder = tmp_path / "known"
    folder.mkdir()
    for name in ("guide.gguf", "golden.json"):
        shutil.copyfile(resource("starter", name), folder / name)
    return folder


def belong_together(known: Path) -> None:
    said = json.loads((known / "golden.json").read_text())
    said["model_sha256"] = hashlib.sha256((known / "guide.gguf").read_bytes()).hexdigest()
    (known / "golden.json").write_text(json.dumps(said))


def test_the_runtime_at_hand_gives_the_known_answers(runtime: Path) -> None:
    check_runtime(runtime)


def test_one_that_computes_otherwise_does_not_pass(runtime: Path, known: Path) -> None:
    # Wrong numbers are the same to the gate, whether a weight is wrong or what multiplies it.
    content = bytearray((known / "guide.gguf").read_bytes())
    for at in range(len(content) // 2, len(content), len(content) // 200):
        content[at] ^= 0x40
    (known / "guide.gguf").write_bytes(content)
    belong_together(known)
    with pytest.raises(UpdateRefused) as caught:
        check_runtime(runtime, known)
    assert "computes something else" in caught.value.detail


def test_one_that_reads_otherwise_does_not_pass(runtime: Path, known: Path) -> None:
    said = json.loads((known / "golden.json").read_text())
    said["cases"][0]["prompt_tokens"].append(1)
    (known / "golden.json").write_text(json.dumps(said))
    with pytest.raises(UpdateRefused) as caught:
        check_runtime(runtime, known)
    assert "other pieces" in caught.value.detail


def test_what_is_no_runtime_or_dies_does_not_pass(tmp_path: Path, runtime: Path) -> None:
    with pytest.raises(UpdateRefused):
        check_runtime(tmp_path / "nothing")
    broken = tmp_path / "broken"
    shutil.copytree(runtime / "lib", broken / "lib", symlinks=False)
    for path in (broken / "lib").glob("libggml-base*"):
        path.write_bytes(path.read_bytes()[:1000])
    with pytest.raises(UpdateRefused) as caught:
        check_runtime(broken)
    assert caught.value.detail


def test_answers_of_another_model_are_not_compared_with(runtime: Path, known: Path) -> None:
    with (known / "guide.gguf").open("ab") as file:
        file.write(b"more")
    with pytest.raises(NotPossibleHere):
        check_runtime(runtime, known)
    (known / "golden.json").write_text("{")
    with pytest.raises(NotPossibleHere):
        check_runtime(runtime, known)


def test_the_answers_belong_to_the_model_that_ships() -> None:
    said = json.loads(resource("starter", "golden.json").read_text())
    recorded = resource("starter", "guide.sha256").read_text().split()[0]
    assert said["model_sha256"] == recorded
    assert len(said["cases"]) >= 10
