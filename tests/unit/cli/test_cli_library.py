"""Models by name on the command line: the list, what a word means, import, verify, remove."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from app.bootstrap.command_line import services_for
from app.bootstrap.runtime import Runtime
from app.cli import main as cli
from app.cli.here import model_ref
from app.cli.output import DONE, FAILED, WRONG_USE
from app.cli.services import CliServices
from app.cli.subjects import named
from app.foundation.errors import ModelNotFound
from app.foundation.paths import open_profile
from app.models.catalog import load
from app.models.library import removing
from app.models.wanted import Part, Wanted
from app.protocol.model_ref import BUILT_IN, ModelRef
from app.settings.schema import MODEL_PATH
from tests.fixtures.tiny_models import make

QWEN = "qwen3.5-0.8b"


@pytest.fixture(autouse=True)
def _home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("USERPROFILE", str(tmp_path / "home"))


@pytest.fixture
def runtime(tmp_path: Path) -> Iterator[Runtime]:
    made = Runtime(open_profile(tmp_path / "profile"))
    yield made
    assert made.close()


@pytest.fixture
def services(runtime: Runtime) -> CliServices:
    return services_for(runtime)


@pytest.fixture
def printed(services: CliServices, capsys: pytest.CaptureFixture[str]) -> Any:
    """Run a command with --json; its exit code and document."""

    def run(*words: str) -> tuple[int, dict[str, Any]]:
        code = cli.run(cli.parse([*words, "--json"]), services)
        return code, json.loads(capsys.readouterr().out)

    return run


@pytest.fixture
def owned(runtime: Runtime, tiny_models: Path) -> Path:
    """A model in Hearth's own folder that came from a repository of the catalogue."""
    entry = load().find(QWEN)
    assert entry is not None
    file = entry.default_file
    path = runtime.models_folder() / Path(*file.repo.split("/")) / file.name
    path.parent.mkdir(parents=True)
    shutil.copyfile(make("qwen3", tiny_models), path)
    wanted = Wanted(file.repo, "", (Part(file.name, 0, ""),), entry.name, file.quant, entry.id)
    runtime.record_download(wanted, (path,), (hashlib.sha256(path.read_bytes()).hexdigest(),))
    return path


def test_a_model_of_the_library_has_all_its_names(services: CliServices, owned: Path) -> None:
    entry = load().find(QWEN)
    assert entry is not None
    file = entry.default_file
    for word in (
        *(owned.name, owned.stem, owned.stem.upper(), entry.name, str(owned)),
        *(QWEN, file.repo, f"{file.repo}:{file.name}"),
    ):
        assert model_ref(word, services) == ModelRef(str(owned)), word
        assert named(word, services).path == owned


def test_what_is_not_here_says_how_to_get_it(services: CliServices) -> None:
    with pytest.raises(ModelNotFound) as caught:
        model_ref(f"{QWEN}:Q8_0", services)
    assert caught.value.title == "Qwen3.5 0.8B is not on this computer yet."
    assert f"hearth models get {QWEN}:Q8_0" in caught.value.remedy
    with pytest.raises(ModelNotFound) as caught:
        model_ref("some/repository", services)
    assert "hearth models get some/repository" in caught.value.remedy
    with pytest.raises(ModelNotFound, match="no file “nope”"):
        model_ref(f"{QWEN}:nope", services)
    assert named(QWEN, services).word == QWEN


def test_an_existing_path_wins_over_every_name(
    services: CliServices, owned: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / QWEN).write_bytes(b"")
    assert model_ref(QWEN, services) == ModelRef(str(tmp_path / QWEN))


def test_the_list_holds_what_is_documented(printed: Any, owned: Path) -> None:
    code, found = printed("models", "list")
    assert code == DONE
    guide, model = found["models"]
    assert (guide["name"], guide["source"]) == ("hearth-guide", "comes with Hearth")
    assert set(guide) == set(model)
    assert (model["path"], model["verified"], model["is_ours"]) == (str(owned), "yes", True)
    assert model["file_bytes"] == owned.stat().st_size
    assert (model["state"], model["available"], found["notes"]) == ("ready", True, [])


def test_the_model_that_was_opened_last_is_listed_and_missed(
    runtime: Runtime, services: CliServices, tmp_path: Path, printed: Any
) -> None:
    path = tmp_path / "Mine.Q4_K_M.gguf"
    path.write_bytes(b"x" * 2000)
    runtime.settings.set(MODEL_PATH, str(path)).result(60)
    assert model_ref("mine.q4_k_m", services) == ModelRef(str(path))
    listed = printed("models", "list")[1]["models"][1]
    assert (listed["state"], listed["available"]) == ("damaged", True)
    assert listed["problem"]
    path.unlink()
    listed = printed("models", "list")[1]["models"][1]
    assert (listed["state"], listed["available"], listed["file_bytes"]) == ("gone", False, None)
    with pytest.raises(ModelNotFound, match="is gone"):
        model_ref("mine.q4_k_m", services)


def test_a_file_is_imported_where_it_is_or_copied(
    runtime: Runtime, printed: Any, tmp_path: Path, tiny_models: Path
) -> None:
    mine = tmp_path / "mine.gguf"
    shutil.copyfile(make("llama", tiny_models), mine)
    code, found = printed("models", "import", str(mine))
    assert (code, found["how"], found["model"]["path"]) == (DONE, "link", str(mine))
    assert not found["model"]["is_ours"]
    code, found = printed("models", "import", str(mine), "--copy")
    assert (code, found["how"]) == (DONE, "copy")
    places = [found["model"]["path"], *found["model"]["also_at"]]
    assert any(Path(place).is_relative_to(runtime.models_folder()) for place in places)
    assert mine.exists()
    code, found = printed("models", "import", str(tmp_path / "none.gguf"))
    assert (code, found["error"]["code"]) == (WRONG_USE, "invalid_input")


def test_a_bit_that_turned_is_found(printed: Any, owned: Path) -> None:
    code, found = printed("models", "verify", QWEN)
    assert (code, found["ok"], len(found["models"])) == (DONE, True, 1)
    content = bytearray(owned.read_bytes())
    content[-100] ^= 1
    owned.write_bytes(content)
    code, found = printed("models", "verify", "--all")
    assert (code, found["ok"]) == (FAILED, False)
    assert found["models"][0]["verified"] == "failed"


@pytest.mark.parametrize("words", [(), ("x", "--all")])
def test_what_to_verify_must_be_said_once(printed: Any, words: tuple[str, ...]) -> None:
    assert printed("models", "verify", *words)[0] == WRONG_USE


def test_only_our_own_are_removed_and_only_one_at_a_time(
    printed: Any, owned: Path, tmp_path: Path, tiny_models: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bin_ = tmp_path / "bin"
    bin_.mkdir()
    monkeypatch.setattr(removing, "trash", lambda path: shutil.move(path, bin_ / path.name))
    mine = tmp_path / "mine.gguf"
    shutil.copyfile(make("llama", tiny_models), mine)
    printed("models", "import", str(mine))
    assert printed("models", "remove", str(mine))[0] == WRONG_USE
    assert mine.exists()
    assert printed("models", "remove", "hearth-guide")[0] == WRONG_USE
    assert printed("models", "remove", "no-such")[0] == FAILED
    code, found = printed("models", "remove", QWEN)
    assert (code, found["removed"]["path"]) == (DONE, str(owned))
    assert not owned.exists()
    assert (bin_ / owned.name).exists()


def test_removing_the_model_in_use_says_what_answers_from_then_on(
    runtime: Runtime,
    services: CliServices,
    owned: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(removing, "trash", Path.unlink)
    runtime.settings.set(MODEL_PATH, str(owned))
    assert cli.run(cli.parse(["models", "remove", QWEN]), services) == DONE
    assert "the Guide, which is built in, answers" in capsys.readouterr().out
    assert runtime.settings.get(MODEL_PATH) == BUILT_IN


def test_a_word_that_names_several_removes_none(
    runtime: Runtime, printed: Any, tiny_models: Path
) -> None:
    for kind in ("llama", "qwen2"):
        path = runtime.models_folder() / "somebody" / kind / "same.gguf"
        path.parent.mkdir(parents=True)
        shutil.copyfile(make(kind, tiny_models), path)
    code, found = printed("models", "remove", "same.gguf")
    assert (code, found["error"]["title"]) == (WRONG_USE, "“same.gguf” names 2 models.")
    assert len(list(runtime.models_folder().rglob("same.gguf"))) == 2


def test_what_can_be_made_smaller_is_offered_with_sizes(printed: Any, tiny_models: Path) -> None:
    source = make("llama", tiny_models)
    code, found = printed("models", "quantize", str(source))
    assert code == DONE
    assert {"name", "quant", "file_bytes", "targets", "warning", "source"} == set(found)
    assert all(target["file_bytes"] < found["file_bytes"] for target in found["targets"])
    code, found = printed("models", "quantize", str(source), "Q9_Z")
    assert (code, found["error"]["code"]) == (WRONG_USE, "invalid_input")
