"""Moving and removing: what is not Hearth's stays where it is, and one folder is never two."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from app.foundation.errors import InvalidInput, ModelNotFound, StorageError
from app.models.library import importing, removing
from app.models.library.assemble import Model
from app.models.library.moving import Moving
from app.models.library.whole import Steps
from app.models.wanted import Part, Wanted
from app.settings.schema import ADOPT
from tests.fixtures.shelves import Desk, placed, projector, sha256_of


@pytest.mark.parametrize("adopts", [True, False])
def test_models_of_a_program_whose_folder_hearth_uses_stay_there(desk: Desk, adopts: bool) -> None:
    desk.settings.set(ADOPT, adopts)
    desk.folder = desk.home / ".lmstudio/models"
    theirs = placed(desk.tiny("Theirs"), desk.folder / "o/r/theirs.gguf")
    ours = placed(desk.tiny("Ours"), desk.folder / "o/r/ours.gguf")
    library = desk.library()
    wanted = Wanted("o/r", "", (Part("ours.gguf", 0, ""),), "Ours", "F16")
    library.record_download(wanted, [ours], [sha256_of(ours)])
    placed(desk.tiny("Coming"), desk.folder / ".hearth/key/00.part")
    new = desk.root / "new"
    assert library.move_folder(new)
    assert theirs.exists()
    assert not ours.exists()
    found = {path.relative_to(new).as_posix() for path in new.rglob("*") if path.is_file()}
    assert found == {"o/r/ours.gguf", ".hearth/key/00.part"}


@pytest.mark.parametrize("adopts", [True, False])
def test_what_another_program_keeps_in_hearths_folder_is_not_removed(
    desk: Desk, adopts: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    trashed: list[str] = []
    monkeypatch.setattr(removing, "trash", lambda path: trashed.append(path.name))
    desk.settings.set(ADOPT, adopts)
    desk.folder = desk.home / ".lmstudio/models"
    placed(desk.tiny("Theirs"), desk.folder / "x/y/theirs.gguf")
    ours = placed(desk.tiny("Ours"), desk.folder / "o/r/ours.gguf")
    projector(ours.with_name("mmproj-ours.gguf"))  # LM Studio fetched it
    library = desk.library()
    wanted = Wanted("o/r", "", (Part("ours.gguf", 0, ""),), "Ours", "F16")
    library.record_download(wanted, [ours], [sha256_of(ours)])
    found = {kept.path.name: kept for kept in library.look().models}
    assert found["ours.gguf"].projector is not None
    with pytest.raises(InvalidInput, match="Hearth did not put"):
        library.remove(found["theirs.gguf"].id)
    library.remove(found["ours.gguf"].id)
    assert trashed == ["ours.gguf"]


def test_what_is_no_model_stays_where_it_is(desk: Desk) -> None:
    desk.folder = desk.home / "Documents"
    letter = desk.folder / "letters/mother.odt"
    letter.parent.mkdir(parents=True)
    letter.write_text("Dear mother")
    placed(desk.tiny("One"), desk.folder / "o/r/one.gguf")
    new = desk.root / "new"
    assert desk.library().move_folder(new)
    assert letter.read_text() == "Dear mother"
    found = {path.relative_to(new).as_posix() for path in new.rglob("*") if path.is_file()}
    assert found == {"o/r/one.gguf"}


def test_a_link_to_a_neighbour_goes_on_leading_there(desk: Desk) -> None:
    outside = placed(desk.tiny("Outside"), desk.folder.parent / "outside.gguf")
    inside = placed(desk.tiny("Inside"), desk.folder / "o/r/inside.gguf")
    (inside.parent / "out.gguf").symlink_to("../../../outside.gguf")
    (inside.parent / "in.gguf").symlink_to("inside.gguf")
    new = desk.root / "far/away/new"
    assert desk.library().move_folder(new)
    assert (new / "o/r/out.gguf").resolve() == outside.resolve()
    assert (new / "o/r/in.gguf").resolve() == (new / "o/r/inside.gguf").resolve()


_TWO_NAMES = """
import subprocess, sys
from pathlib import Path
from app.foundation.errors import InvalidInput, ModelNotFound, StorageError
from app.models.library import importing, removing
from app.models.library.assemble import Model
from app.models.library.moving import Moving
from app.models.library.whole import Steps
old, new, state = (Path(word) for word in sys.argv[1:4])
subprocess.run(["mount", "--bind", sys.argv[4], sys.argv[5]], check=True)
try:
    Moving(state / "move.json").move(old, new, lambda folder: None, Steps)
except InvalidInput as error:
    print("refused:", error.title)
"""


@pytest.mark.parametrize("names", ["the folder itself", "the folder above"])
def test_another_name_of_the_same_folder_is_no_other_folder(tmp_path: Path, names: str) -> None:
    """As capitals make one on macOS and Windows; here it is a mount."""
    here, there = tmp_path / "here", tmp_path / "there"
    (here / "models/o").mkdir(parents=True)
    (there / "models").mkdir(parents=True)
    (tmp_path / "state").mkdir()
    model = here / "models/o/one.gguf"
    model.write_bytes(b"all there is")
    mount = (here, there) if names == "the folder above" else (here / "models", there / "models")
    words = [here / "models", there / "models", tmp_path / "state", *mount]
    command = ["unshare", "-rm", sys.executable, "-c", _TWO_NAMES, *map(str, words)]
    try:
        subprocess.run(["unshare", "-rm", "true"], check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("no mount namespaces here")
    ended = subprocess.run(command, check=False, capture_output=True, text=True)
    assert model.read_bytes() == b"all there is", ended.stderr
    assert "refused" in ended.stdout, ended.stderr


def test_nothing_is_deleted_whose_copy_is_not_whole(tmp_path: Path) -> None:
    old, new, state = tmp_path / "old", tmp_path / "new", tmp_path / "state"
    state.mkdir()
    one = old / "o/one.gguf"
    one.parent.mkdir(parents=True)
    one.write_bytes(b"all there is")
    journal = Moving(state / "move.json")

    def switch(folder: Path) -> None:
        (new / "o/one.gguf").unlink()
        (new / "o/one.gguf").write_bytes(b"less")

    journal.move(old, new, switch, Steps)
    assert one.read_bytes() == b"all there is"


def test_a_longest_name_can_be_moved_to_another_disk(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from app.models.library import moving

    def refuse(source: Path, target: Path) -> None:
        raise OSError(18, "Invalid cross-device link")

    monkeypatch.setattr(moving.os, "link", refuse)
    old, new, state = tmp_path / "old", tmp_path / "new", tmp_path / "state"
    state.mkdir()
    old.mkdir()
    name = "m" * (os.pathconf(tmp_path, "PC_NAME_MAX") - 5) + ".gguf"
    (old / name).write_bytes(b"all there is")
    Moving(state / "move.json").move(old, new, lambda folder: None, Steps)
    assert (new / name).read_bytes() == b"all there is"


def test_capitals_alone_make_no_other_folder(tmp_path: Path) -> None:
    old = tmp_path / "Models"
    old.mkdir()
    if not (tmp_path / "models").exists():
        pytest.skip("capitals count here")
    with pytest.raises(InvalidInput):
        Moving(tmp_path / "move.json").move(old, tmp_path / "models", lambda _: None, Steps)


def test_a_pipe_in_place_of_a_model_is_said_and_not_waited_for(desk: Desk) -> None:
    path = placed(desk.tiny(), desk.folder / "o/r/m.gguf")
    library = desk.library()
    (kept,) = library.look().models
    path.unlink()
    os.mkfifo(path)
    with pytest.raises(StorageError, match="ordinary"):
        library.verify(kept.id)
    for how in ("link", "copy"):
        with pytest.raises(ModelNotFound, match="pipe"):
            library.import_file(path, how)  # type: ignore[arg-type]
    assert [one.state for one in library.look().models] == ["gone"]


def test_a_copy_is_not_written_over_what_came_meanwhile(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another Hearth takes the name between the look and the move."""
    source = placed(desk.tiny(), desk.root / "mine/m.gguf")
    find, taken = importing._free_home, desk.folder / "imported/m/m.gguf"

    def found(folder: Path, stem: str, model: Model) -> Path:
        home = find(folder, stem, model)
        taken.parent.mkdir(parents=True)
        taken.write_bytes(b"a person's own")
        return home

    monkeypatch.setattr(importing, "_free_home", found)
    with pytest.raises(StorageError):
        desk.library().import_file(source, "copy")
    assert taken.read_bytes() == b"a person's own"
    assert not list((desk.folder / ".hearth").glob("*"))
