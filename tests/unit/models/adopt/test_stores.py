"""What is found in other programs' folders, and what is not taken for a model."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from app.models.adopt import folders, gpt4all, huggingface, jan, koboldcpp, llama_cpp, ollama
from app.models.adopt.found import Found
from app.models.adopt.walk import Walk
from tests.fixtures.shelves import COMMIT, hub_cache, ollama_model, placed, projector, sha256_of
from tests.fixtures.tiny_models import make


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make("llama", tmp_path_factory.mktemp("made"))


def names(found: list[Found]) -> list[str]:
    return sorted(entry.path.name for entry in found)


def test_the_hubs_cache_names_repository_commit_and_content(tmp_path: Path, tiny: Path) -> None:
    snapshot = hub_cache(tmp_path, "owner/Some-Model-GGUF", {"sub/m-Q4_0.gguf": tiny})
    (found,) = huggingface.look(tmp_path, Walk())
    assert found.path == snapshot / "sub/m-Q4_0.gguf"
    assert (found.repo, found.revision) == ("owner/Some-Model-GGUF", COMMIT)
    assert found.sha256 == sha256_of(tiny)


def test_in_the_hubs_cache_only_whole_files_of_models_count(tmp_path: Path, tiny: Path) -> None:
    snapshot = hub_cache(tmp_path, "owner/m", {"m.gguf": tiny})
    (snapshot / "gone.gguf").symlink_to("../../blobs/not-there")
    placed(tiny, snapshot.parents[1] / "blobs" / "abc.incomplete")
    placed(tiny, tmp_path / "datasets--owner--d" / "snapshots" / COMMIT / "d.gguf")
    placed(tiny, tmp_path / "models--none" / "snapshots" / COMMIT / "n.gguf")
    placed(tiny, tmp_path / "models--a--b" / "snapshots" / "not-a-commit" / "n.gguf")
    assert names(list(huggingface.look(tmp_path, Walk()))) == ["m.gguf"]


def test_ollamas_names_are_those_it_shows(tmp_path: Path, tiny: Path) -> None:
    eye = projector(tmp_path / "made/mmproj.gguf")
    template = tmp_path / "made/template"
    template.write_text("{{ .Prompt }}")
    layers = [("model", tiny), ("projector", eye), ("template", template)]
    blobs = ollama_model(tmp_path, "library/llama3.2:3b", layers)
    ollama_model(tmp_path, "somebody/own:latest", [("model", tiny)])
    ollama_model(tmp_path, "bartowski/X-GGUF:Q4_K_M", [("model", tiny)], host="hf.co")
    found = {entry.name: entry for entry in ollama.look(tmp_path, Walk())}
    assert set(found) == {"llama3.2:3b", "somebody/own:latest", "hf.co/bartowski/X-GGUF:Q4_K_M"}
    assert found["llama3.2:3b"].path == blobs[0]
    assert found["llama3.2:3b"].projectors == (blobs[1],)
    assert found["llama3.2:3b"].sha256 == sha256_of(tiny)
    assert found["hf.co/bartowski/X-GGUF:Q4_K_M"].repo == "bartowski/X-GGUF"


def test_blobs_without_a_manifest_or_still_coming_are_not_looked_at(
    tmp_path: Path, tiny: Path
) -> None:
    digest = "a" * 64
    placed(tiny, tmp_path / "blobs" / f"sha256-{sha256_of(tiny)}")
    placed(tiny, tmp_path / "blobs" / f"sha256-{digest}-partial")
    manifest = tmp_path / "manifests/registry.ollama.ai/library/coming/1b"
    manifest.parent.mkdir(parents=True)
    layer = {"mediaType": ollama.MODEL, "digest": f"sha256:{digest}", "size": 5}
    manifest.write_text(json.dumps({"layers": [layer]}))
    assert not list(ollama.look(tmp_path, Walk()))


@pytest.mark.parametrize(
    "digest",
    [
        "sha256:../../../../etc/passwd",
        "sha256:" + "a" * 63,
        "sha256:" + "g" * 64,
        "sha256:" + "a" * 64 + "/x",
        "sha256:" + "a" * 64 + "\n",
        "md5:" + "a" * 64,
        "",
        5,
        None,
    ],
)
def test_a_digest_that_is_none_is_never_made_a_path(digest: object) -> None:
    layer = {"mediaType": ollama.MODEL, "digest": digest, "size": 5}
    assert ollama.layers_of({"layers": [layer]}) == ()


@pytest.mark.parametrize("layers", [None, 5, "x", {}, [5, None, []], [{"mediaType": 1}]])
def test_a_manifest_may_hold_anything(layers: object) -> None:
    assert ollama.layers_of({"layers": layers}) == ()


def test_jans_models_are_named_by_their_folder_with_their_projector(
    tmp_path: Path, tiny: Path
) -> None:
    base = tmp_path / "llamacpp/models"
    model = placed(tiny, base / "janhq/Jan-v1/model.gguf")
    eye = projector(base / "janhq/Jan-v1/mmproj.gguf")
    lines = [
        "model_path: llamacpp/models/janhq/Jan-v1/model.gguf",
        "mmproj_path: llamacpp/models/janhq/Jan-v1/mmproj.gguf",
        "name: Jan",
    ]
    (base / "janhq/Jan-v1/model.yml").write_text("\n".join(lines))
    outside = placed(tiny, tmp_path / "else/own.gguf")
    (base / "own").mkdir()
    (base / "own/model.yml").write_text(f'model_path: "{outside}"\n')
    (base / "bad").mkdir()
    (base / "bad/model.yml").write_text("model_path: ../../../../etc/passwd\n\0: [")
    found = {entry.name: entry for entry in jan.look(tmp_path, Walk())}
    assert set(found) == {"janhq/Jan-v1", "own"}
    assert (found["janhq/Jan-v1"].path, found["janhq/Jan-v1"].projectors) == (model, (eye,))
    assert found["own"].path == outside


def test_koboldcpps_saved_settings_name_models_elsewhere(tmp_path: Path, tiny: Path) -> None:
    outside = placed(tiny, tmp_path / "else/own.gguf")
    folder = tmp_path / "koboldcpp"
    placed(tiny, folder / "here.gguf")
    (folder / "a.kcpps").write_text(json.dumps({"model_param": str(outside), "mmproj": None}))
    (folder / "b.kcpps").write_text("{")
    assert names(list(koboldcpp.look(folder, Walk()))) == ["here.gguf", "own.gguf"]


def test_what_the_newer_llama_cpp_keeps_is_left_to_the_hubs_layout(
    tmp_path: Path, tiny: Path
) -> None:
    placed(tiny, tmp_path / "owner_repo_m-Q4_0.gguf")
    placed(tiny, tmp_path / "models--a--b/blobs.gguf")
    assert names(list(llama_cpp.look(tmp_path, Walk()))) == ["owner_repo_m-Q4_0.gguf"]


@pytest.mark.parametrize(
    "coming",
    [
        "incomplete-m.gguf",
        "m.gguf.part",
        "m.gguf.downloadInProgress",
        "m.gguf.incomplete",
        ".m.gguf",
        "._m.gguf",
        "m.gguf.tmp",
        "m.bin",
    ],
)
def test_a_file_that_is_still_coming_is_no_model(tmp_path: Path, tiny: Path, coming: str) -> None:
    placed(tiny, tmp_path / coming)
    assert not list(gpt4all.look(tmp_path, Walk()))


@pytest.mark.parametrize("mark", [".part", ".aria2", ".crdownload", ".downloadInProgress"])
def test_a_mark_beside_a_file_says_that_it_is_still_coming(
    tmp_path: Path, tiny: Path, mark: str
) -> None:
    placed(tiny, tmp_path / "m.gguf")
    assert list(folders.look(tmp_path, Walk()))
    (tmp_path / f"m.gguf{mark}").write_bytes(b"x")
    assert not list(folders.look(tmp_path, Walk()))


def test_empty_files_pipes_folders_and_hidden_folders_are_passed_over(
    tmp_path: Path, tiny: Path
) -> None:
    (tmp_path / "empty.gguf").touch()
    (tmp_path / "folder.gguf").mkdir()
    os.mkfifo(tmp_path / "pipe.gguf")
    (tmp_path / "null.gguf").symlink_to("/dev/zero")
    placed(tiny, tmp_path / ".hearth/key/m.gguf")
    placed(tiny, tmp_path / "UPPER.GGUF")
    assert names(list(folders.look(tmp_path, Walk()))) == ["UPPER.GGUF"]


def test_links_that_lead_in_a_circle_end(tmp_path: Path, tiny: Path) -> None:
    placed(tiny, tmp_path / "a/b/m.gguf")
    (tmp_path / "a/b/up").symlink_to(tmp_path / "a")
    (tmp_path / "a/self").symlink_to(".")
    (tmp_path / "again").symlink_to("a/b")
    assert names(list(folders.look(tmp_path, Walk()))) == ["m.gguf"]


def test_a_look_has_an_end(tmp_path: Path) -> None:
    for number in range(60):
        (tmp_path / f"{number:02}.gguf").write_bytes(b"x")
    walk = Walk(most_files=20)
    assert len(list(walk.models(tmp_path))) == 20
    assert walk.is_cut
    walk = Walk(most_entries=30)
    assert len(list(walk.models(tmp_path))) <= 30
    assert walk.is_cut
    deep = tmp_path
    for _ in range(12):
        deep = deep / "d"
    deep.mkdir(parents=True)
    (deep / "deep.gguf").write_bytes(b"x")
    assert len(list(Walk().models(tmp_path))) == 60


def test_a_folder_that_may_not_be_read_is_passed_over(tmp_path: Path, tiny: Path) -> None:
    placed(tiny, tmp_path / "open/m.gguf")
    closed = placed(tiny, tmp_path / "closed/n.gguf").parent
    closed.chmod(0)
    try:
        found = names(list(folders.look(tmp_path, Walk())))
    finally:
        closed.chmod(0o700)
    assert "m.gguf" in found


def test_small_files_of_others_are_read_within_bounds(tmp_path: Path) -> None:
    walk = Walk()
    (tmp_path / "large.json").write_bytes(b" " * (2 << 20))
    os.mkfifo(tmp_path / "pipe.json")
    assert walk.text(tmp_path / "large.json") == ""
    assert walk.table(tmp_path / "pipe.json") == {}
    assert walk.table(tmp_path / "none.json") == {}
    assert walk.text(tmp_path / "nul\0byte") == ""
