"""What is on this computer: found, told apart, remembered, missed when gone."""

from __future__ import annotations

import json
import os
import threading
from pathlib import Path

import pytest

from app.foundation.errors import InvalidInput, ModelNotFound
from app.models.library.library import named_folders
from app.models.library.patience import Patience
from app.models.library.scan import Seen
from app.models.wanted import Part, Wanted
from app.settings.schema import ADOPT, LIBRARY_FOLDERS, MODEL_PATH
from tests.fixtures.shelves import (
    COMMIT,
    Desk,
    adapter,
    hub_cache,
    ollama_model,
    placed,
    projector,
    sha256_of,
)
from tests.fixtures.tiny_models import make


def spread(desk: Desk) -> dict[str, Path]:
    """One different model in each program's folder."""
    places = {
        "hearth": desk.folder / "owner/repo",
        "lmstudio": desk.home / ".lmstudio/models/pub/model",
        "jan": desk.home / ".local/share/Jan/data/llamacpp/models/mine",
        "gpt4all": desk.home / ".local/share/nomic.ai/GPT4All",
        "llama.cpp": desk.home / ".cache/llama.cpp",
        "koboldcpp": desk.home / "koboldcpp",
        "folder": desk.root / "mine",
    }
    made = {
        source: placed(desk.tiny(f"Model of {source}"), folder / "m-F16.gguf")
        for source, folder in places.items()
    }
    hub = desk.home / ".cache/huggingface/hub"
    made["huggingface"] = hub_cache(hub, "owner/hub", {"m.gguf": desk.tiny("Of the hub")})
    models = desk.home / ".ollama/models"
    made["ollama"] = ollama_model(
        models, "library/llama3.2:3b", [("model", desk.tiny("Of ollama"))]
    )[0]
    desk.settings.set(LIBRARY_FOLDERS, f"{places['folder']}\n\n relative \n")
    return made


def test_models_of_all_programs_are_found_where_they_lie(desk: Desk) -> None:
    made = spread(desk)
    shelf = desk.library().look()
    assert {kept.source for kept in shelf.models} == set(made)
    assert {kept.state for kept in shelf.models} == {"ready"}
    assert [kept.is_ours for kept in shelf.models if kept.source == "hearth"] == [True]
    assert not any(kept.is_ours for kept in shelf.models if kept.source != "hearth")
    assert not shelf.notes


def test_nothing_of_others_is_changed_by_looking(desk: Desk) -> None:
    spread(desk)

    def everything() -> dict[str, tuple[int, int, int]]:
        return {
            str(path): (path.lstat().st_size, path.lstat().st_mtime_ns, path.lstat().st_mode)
            for top in (desk.home, desk.root / "mine")
            for path in sorted(top.rglob("*"))
        }

    before = everything()
    library = desk.library()
    for kept in library.look().models:
        library.verify(kept.id)
    assert everything() == before


def test_with_the_switch_off_only_ones_own_are_looked_for(desk: Desk) -> None:
    spread(desk)
    library = desk.library()
    library.look()
    desk.settings.set(ADOPT, False)
    assert {kept.source for kept in library.look().models} == {"hearth", "folder"}


def test_the_same_content_in_several_places_is_one_model(desk: Desk) -> None:
    tiny = desk.tiny()
    first = placed(tiny, desk.folder / "o/r/m.gguf")
    second = placed(tiny, desk.home / ".lmstudio/models/o/r/m.gguf")
    third = desk.home / ".cache/llama.cpp/other-name.gguf"
    third.parent.mkdir(parents=True)
    os.link(second, third)
    snapshot = hub_cache(desk.home / ".cache/huggingface/hub", "o/r", {"m.gguf": tiny})
    blob = ollama_model(desk.home / ".ollama/models", "library/tiny:1b", [("model", tiny)])[0]
    (kept,) = desk.library().look().models
    assert (kept.path, kept.source) == (first, "hearth")
    assert set(kept.also_at) == {second, third, snapshot / "m.gguf", blob}
    assert "tiny:1b" in kept.also_named
    assert kept.repo == "o/r"
    assert kept.sha256 == sha256_of(tiny)


def test_two_different_models_of_one_size_and_header_are_two(desk: Desk) -> None:
    one = placed(desk.tiny(), desk.folder / "a/b/one.gguf")
    other = placed(
        make("llama", desk.root / "x", seed=5, name="Tiny llama"), one.with_name("2.gguf")
    )
    assert one.stat().st_size == other.stat().st_size
    assert len(desk.library().look().models) == 2


def test_parts_projector_and_adapter_are_kept_with_their_model(desk: Desk) -> None:
    folder = desk.folder / "o/r"
    first = make("llama", folder, name="Split", most_tensors=8)
    parts = tuple(sorted(folder.glob("*.gguf")))
    assert len(parts) > 1
    assert parts[0] == first
    best = projector(folder / "mmproj-F16.gguf")
    lora = adapter(folder / "lora-x.gguf")
    (kept,) = desk.library().look().models
    assert (kept.parts, kept.projector, kept.adapters) == (parts, best, (lora,))
    assert kept.bytes == sum(path.stat().st_size for path in (*parts, best, lora))
    assert kept.state == "ready"


def test_a_missing_part_is_said(desk: Desk) -> None:
    folder = desk.folder / "o/r"
    first = make("llama", folder, name="Split", most_tensors=8)
    sorted(folder.glob("*.gguf"))[1].unlink()
    (kept,) = desk.library().look().models
    assert (kept.path, kept.state) == (first, "damaged")
    assert "1 of its" in kept.problem


def test_in_a_mixed_folder_projectors_go_by_name_and_width(desk: Desk) -> None:
    folder = desk.root / "mine"
    placed(desk.tiny("Alpha"), folder / "Alpha-7B-Q4_K_M.gguf")
    placed(desk.tiny("Beta"), folder / "Beta-3B-Q8_0.gguf")
    projector(folder / "mmproj-Alpha-7B-f16.gguf")
    projector(folder / "mmproj-Beta-3B-f16.gguf", width=999)
    desk.settings.set(LIBRARY_FOLDERS, str(folder))
    found = {kept.path.name: kept for kept in desk.library().look().models}
    alpha = found["Alpha-7B-Q4_K_M.gguf"].projector
    assert alpha is not None
    assert alpha.name == "mmproj-Alpha-7B-f16.gguf"
    assert found["Beta-3B-Q8_0.gguf"].projector is None
    alone = found["mmproj-Beta-3B-f16.gguf"]
    assert (alone.kind, alone.state) == ("projector", "unsupported")
    assert "belongs to a model" in alone.problem


def test_what_cannot_be_used_is_shown_with_the_reason(desk: Desk) -> None:
    folder = desk.folder / "o/r"
    whole = desk.tiny()
    placed(whole, folder / "ok.gguf")
    (folder / "cut.gguf").write_bytes(whole.read_bytes()[:-5000])
    (folder / "page.gguf").write_bytes(b"<!doctype html>" * 9)
    (folder / "zero.gguf").write_bytes(b"\0" * 4096)
    make("bert", folder, name="Embedder")
    found = {kept.path.name: kept for kept in desk.library().look().models}
    assert found["ok.gguf"].state == "ready"
    assert "cut off" in found["cut.gguf"].problem
    assert "web page" in found["page.gguf"].problem
    assert "never finished" in found["zero.gguf"].problem
    assert {found[name].state for name in ("cut.gguf", "page.gguf", "zero.gguf")} == {"damaged"}
    assert found["Embedder-F16.gguf"].kind == "embedding"
    assert not found["Embedder-F16.gguf"].is_usable


def test_a_name_shows_nothing_invisible(desk: Desk) -> None:
    placed(desk.tiny("evil\u202egnp.exe\n\x1b[31m" + "x" * 150), desk.folder / "o/r/a.gguf")
    (kept,) = desk.library().look().models
    assert kept.name.isprintable()
    assert len(kept.name) <= 120


def test_what_disappears_is_gone_and_comes_back(desk: Desk) -> None:
    path = placed(desk.tiny(), desk.home / ".lmstudio/models/o/r/m.gguf")
    library = desk.library()
    (before,) = library.look().models
    aside = path.rename(desk.root / "aside.gguf")
    (gone,) = desk.library().look().models
    assert (gone.id, gone.state) == (before.id, "gone")
    assert "moved or removed" in gone.problem
    aside.rename(path)
    (back,) = desk.library().look().models
    assert (back.id, back.state) == (before.id, "ready")


def test_a_folder_whose_disk_is_not_there_is_missed_in_words(desk: Desk) -> None:
    folder = desk.root / "disk"
    placed(desk.tiny(), folder / "m.gguf")
    desk.settings.set(LIBRARY_FOLDERS, str(folder))
    library = desk.library()
    library.look()
    folder.rename(desk.root / "unplugged")
    shelf = library.look()
    assert [kept.state for kept in shelf.models] == ["gone"]
    assert "Connect its disk" in shelf.models[0].problem
    assert any(str(folder) in note for note in shelf.notes)
    desk.settings.set(LIBRARY_FOLDERS, "")
    assert not library.look().models


def test_a_model_that_is_replaced_in_place_is_not_two(desk: Desk) -> None:
    path = placed(desk.tiny("One"), desk.folder / "o/r/m.gguf")
    library = desk.library()
    library.look()
    placed(desk.tiny("Other"), path)
    assert [(kept.name, kept.state) for kept in library.look().models] == [("Other", "ready")]


def test_a_disk_that_never_answers_costs_its_patience_once(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    dead = desk.root / "dead"
    dead.mkdir()
    placed(desk.tiny(), desk.folder / "o/r/m.gguf")
    desk.settings.set(LIBRARY_FOLDERS, str(dead))
    answer, asked = threading.Event(), []
    scandir = os.scandir

    def hanging(path: object) -> object:
        if str(path) == str(dead):
            asked.append(path)
            answer.wait()
        return scandir(path)  # type: ignore[call-overload]

    monkeypatch.setattr("app.models.adopt.walk.os.scandir", hanging)
    patience: Patience[Seen | str] = Patience(silent_s=0.3)
    library = desk.library(patience)
    try:
        for _ in range(3):
            shelf = library.look()
            assert [kept.state for kept in shelf.models] == ["ready"]
            assert any("does not answer" in note for note in shelf.notes)
        assert len(asked) == 1
    finally:
        answer.set()
    assert any(not library.look().notes for _ in range(50))


def test_ten_thousand_files_are_looked_at_and_known_the_next_time(desk: Desk) -> None:
    folder = desk.root / "many"
    first = placed(desk.tiny(), folder / "0" / "0.gguf")
    for number in range(1, 10_000):
        path = folder / str(number // 500) / f"{number}.gguf"
        path.parent.mkdir(exist_ok=True)
        os.link(first, path)
    desk.settings.set(LIBRARY_FOLDERS, str(folder))
    library = desk.library()
    (kept,) = library.look().models
    assert len(kept.also_at) == 9999
    assert not library.look().notes


def test_hidden_and_forgotten_models_stay_away_until_opened(desk: Desk) -> None:
    path = placed(desk.tiny(), desk.home / ".lmstudio/models/o/r/m.gguf")
    library = desk.library()
    (kept,) = library.look().models
    library.forget(kept.id)
    assert not library.shelf().models
    assert not desk.library().look().models
    assert path.exists()
    opened = library.import_file(path)
    assert opened is not None
    assert [one.id for one in library.shelf().models] == [kept.id]


def test_hearths_own_are_removed_rather_than_forgotten(desk: Desk) -> None:
    placed(desk.tiny(), desk.folder / "o/r/m.gguf")
    library = desk.library()
    (kept,) = library.look().models
    with pytest.raises(InvalidInput, match="Remove it instead"):
        library.forget(kept.id)
    kept.path.unlink()
    library.look()
    library.forget(kept.id)
    assert not library.look().models


def test_the_model_in_use_is_in_the_library_wherever_it_is(desk: Desk) -> None:
    path = placed(desk.tiny(), desk.root / "somewhere/m.gguf")
    desk.settings.set(MODEL_PATH, str(path))
    (kept,) = desk.library().look().models
    assert (kept.source, kept.path) == ("opened", path)


def test_words_find_models(desk: Desk) -> None:
    made = spread(desk)
    library = desk.library()
    for word in ("llama3.2:3b", "LLAMA3.2:3B", str(made["ollama"]), made["ollama"].name):
        found = library.find(word)
        assert found is not None
        assert found.source == "ollama"
    by_id = library.find(library.shelf().models[0].id)
    assert by_id == library.shelf().models[0]
    by_repo = library.find("owner/hub")
    assert by_repo is not None
    assert by_repo.source == "huggingface"
    quant = library.find("of ollama:f16") or library.find("llama3.2:3b:f16")
    assert quant is not None
    assert library.find("") is None
    assert library.find("no such thing") is None
    with pytest.raises(ModelNotFound):
        library.get("no such id")


def test_disk_use_counts_each_file_once(desk: Desk) -> None:
    tiny = desk.tiny()
    placed(tiny, desk.folder / "o/r/m.gguf")
    folder = desk.home / ".cache/llama.cpp"
    linked = placed(desk.tiny("Other"), folder / "a.gguf")
    os.link(linked, folder / "b.gguf")
    use = desk.library().disk_use()
    assert use.ours_bytes == tiny.stat().st_size
    assert use.others_bytes == linked.stat().st_size
    assert dict(use.by_source) == {
        "hearth": tiny.stat().st_size,
        "llama.cpp": linked.stat().st_size,
    }
    assert use.free_bytes is not None


def test_downloads_are_known_as_what_they_are(desk: Desk) -> None:
    path = placed(desk.tiny(), desk.folder / "o/r/m.gguf")
    part = Part("m.gguf", path.stat().st_size, sha256_of(path))
    wanted = Wanted("Owner/Repo-GGUF", COMMIT, (part,), "Nice Name", "F16")
    library = desk.library()
    library.record_download(wanted, [path], [sha256_of(path)])
    (kept,) = desk.library().look().models
    assert (kept.name, kept.repo, kept.revision) == ("Nice Name", "Owner/Repo-GGUF", COMMIT)
    assert (kept.verified, kept.sha256) == ("yes", sha256_of(path))


def test_models_of_a_program_whose_folder_hearth_uses_are_not_hearths(desk: Desk) -> None:
    desk.folder = desk.home / ".lmstudio/models"
    placed(desk.tiny("Theirs"), desk.folder / "o/r/theirs.gguf")
    ours = placed(desk.tiny("Ours"), desk.folder / "o/r/ours.gguf")
    library = desk.library()
    wanted = Wanted("o/r", "", (Part("ours.gguf", 0, ""),), "Ours", "F16")
    library.record_download(wanted, [ours], [sha256_of(ours)])
    owned = {kept.path.name: kept.is_ours for kept in library.look().models}
    assert owned == {"theirs.gguf": False, "ours.gguf": True}


def test_folders_are_named_one_a_line(tmp_path: Path) -> None:
    text = f'{tmp_path}/a\n\n  "{tmp_path}/b"  \nrelative\nnul\0byte\n{tmp_path}/a\n~/c'
    found = named_folders(text)
    assert found[:2] == (tmp_path / "a", tmp_path / "b")
    assert len(found) == 3


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{",
        b"[]",
        b"null",
        b'{"format": 99}',
        b'{"format": 1, "known": 5, "checked": [], "origins": null, "opened": 7, "hidden": {}}',
        b'{"format": 1, "known": {"a": {"id": 5}, "b": null}, "checked": {"x": {"bytes": "1"}}}',
        b"\xff\xfe" * 100,
        b"[" * 100_000,
    ],
)
def test_a_damaged_index_or_cache_is_an_empty_one(desk: Desk, content: bytes) -> None:
    placed(desk.tiny(), desk.folder / "o/r/m.gguf")
    for folder in (desk.profile.state, desk.profile.cache):
        folder.mkdir(exist_ok=True)
        (folder / "library.json").write_bytes(content)
    library = desk.library()
    assert [kept.state for kept in library.look().models] == ["ready"]
    stored = json.loads((desk.profile.state / "library.json").read_bytes())
    assert len(stored["known"]) == 1


def test_two_hearths_do_not_lose_what_the_other_remembers(desk: Desk) -> None:
    one, other = desk.library(), desk.library()
    path = placed(desk.tiny(), desk.folder / "o/r/m.gguf")
    (kept,) = one.look().models
    other.look()
    one.verify(kept.id)
    second = placed(desk.tiny("Second"), desk.root / "x/second.gguf")
    other.import_file(second)
    found = {model.path: model.verified for model in one.look().models}
    assert found == {path: "yes", second: "no"}


def test_a_profile_that_cannot_be_written_still_has_a_library(desk: Desk) -> None:
    placed(desk.tiny(), desk.folder / "o/r/m.gguf")
    (desk.profile.state / "library.json").mkdir()
    library = desk.library()
    assert [kept.state for kept in library.look().models] == ["ready"]
