"""What may be done with models: verify, import, remove, move; and what never happens."""

from __future__ import annotations

import os
import queue
import subprocess
import sys
from pathlib import Path

import pytest

from app.foundation.cancellation import Cancellation
from app.foundation.errors import (
    HearthError,
    InvalidInput,
    ModelFileInvalid,
    ModelNotFound,
    ModelUnsupported,
    StorageError,
    StorageFull,
)
from app.models.download.claim import Claim
from app.models.library import moving, removing, whole
from app.models.library.kept import Shelf
from app.models.library.moving import Moving
from app.models.library.rechecking import Rechecking
from app.models.library.whole import Steps
from app.models.wanted import Part, Wanted
from app.settings.schema import MODEL_PATH
from tests.fixtures.shelves import Desk, adapter, hub_cache, placed, projector, sha256_of
from tests.fixtures.tiny_models import make


def contents(folder: Path) -> dict[str, str]:
    return {
        str(path.relative_to(folder)): sha256_of(path)
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def flip(path: Path, at: int = -1000) -> None:
    """One wrong bit, at the same size and time."""
    status = path.stat()
    data = bytearray(path.read_bytes())
    data[at] ^= 1
    path.write_bytes(data)
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))


def test_verifying_reads_all_and_tells_how_far_it_is(desk: Desk) -> None:
    path = placed(desk.tiny(), desk.folder / "o/r/m.gguf")
    eye = projector(path.with_name("mmproj-f16.gguf"))
    library = desk.library()
    (kept,) = library.look().models
    assert kept.verified == "no"
    told: list[tuple[int, int]] = []
    kept = library.verify(kept.id, progress=lambda done, total: told.append((done, total)))
    assert (kept.verified, kept.sha256) == ("yes", sha256_of(path))
    total = path.stat().st_size + eye.stat().st_size
    assert told[-1] == (total, total)
    assert library.shelf().of(kept.id) == kept
    assert [one.verified for one in desk.library().look().models] == ["yes"]


def test_a_wrong_bit_is_found_where_the_content_is_known(desk: Desk) -> None:
    path = placed(desk.tiny(), desk.folder / "o/r/m.gguf")
    library = desk.library()
    wanted = Wanted("o/r", "", (Part("m.gguf", 0, ""),), "M", "F16")
    library.record_download(wanted, [path], [sha256_of(path)])
    data_start = path.stat().st_size // 2 + 5001
    flip(path, data_start)
    (kept,) = library.look().models
    kept = library.verify(kept.id)
    assert (kept.verified, kept.state) == ("failed", "damaged")
    assert "Download it again" in kept.problem
    flip(path, data_start)
    kept = library.verify(kept.id)
    assert (kept.verified, kept.state, kept.problem) == ("yes", "ready", "")


def test_a_blob_must_be_what_its_name_says(desk: Desk) -> None:
    snapshot = hub_cache(desk.home / ".cache/huggingface/hub", "o/r", {"m.gguf": desk.tiny()})
    library = desk.library()
    (kept,) = library.look().models
    assert library.verify(kept.id).verified == "yes"
    flip((snapshot / "m.gguf").resolve(), -9000)
    assert library.verify(kept.id).verified == "failed"


def test_a_changed_time_asks_for_verifying_anew(desk: Desk) -> None:
    path = placed(desk.tiny(), desk.folder / "o/r/m.gguf")
    library = desk.library()
    library.verify(library.look().models[0].id)
    os.utime(path, ns=(1, 1))
    (kept,) = library.look().models
    assert kept.verified == "changed"
    assert library.verify(kept.id).verified == "yes"


def test_what_changed_is_read_again_unasked(desk: Desk) -> None:
    path = placed(desk.tiny(), desk.folder / "o/r/m.gguf")
    library = desk.library()
    shown: queue.SimpleQueue[Shelf] = queue.SimpleQueue()
    library.listen(shown.put)
    library.verify(library.look().models[0].id)
    rechecking = Rechecking(library.verify)
    unlisten = library.listen(rechecking.take)
    for time_ns in (1, 2):
        os.utime(path, ns=(time_ns, time_ns))
        library.look()
        while (shown.get(timeout=60.0)).models[0].verified != "changed":
            pass
        while (shown.get(timeout=60.0)).models[0].verified != "yes":
            pass
    assert rechecking.close(60.0)
    unlisten()
    os.utime(path, ns=(3, 3))
    assert library.look().models[0].verified == "changed"
    rechecking.take(library.shelf())
    assert rechecking.close(60.0)
    assert library.shelf().models[0].verified == "changed"


def test_verifying_can_be_cancelled_and_misses_what_is_gone(desk: Desk) -> None:
    path = placed(desk.tiny(), desk.folder / "o/r/m.gguf")
    library = desk.library()
    (kept,) = library.look().models
    cancelled = Cancellation()
    cancelled.cancel()
    assert library.verify(kept.id, cancelled).verified == "no"
    path.unlink()
    with pytest.raises(ModelNotFound, match="not there any more"):
        library.verify(kept.id)


def test_importing_by_link_leaves_the_file_and_finds_what_belongs_to_it(desk: Desk) -> None:
    folder = desk.root / "downloads"
    first = make("llama", folder, name="Split", most_tensors=8)
    projector(folder / "mmproj-Split-F16.gguf")
    placed(desk.tiny("Unrelated"), folder / "unrelated.gguf")
    before = contents(folder)
    kept = desk.library().import_file(first)
    assert kept is not None
    assert (kept.source, kept.is_ours, kept.state) == ("opened", False, "ready")
    assert len(kept.parts) > 1
    assert kept.projector is not None
    assert contents(folder) == before
    assert [model.id for model in desk.library().look().models] == [kept.id]


def test_importing_by_copy_takes_all_files_and_is_verified(desk: Desk) -> None:
    folder = desk.root / "downloads"
    first = make("llama", folder, name="Split", most_tensors=8)
    adapter(folder / "lora-Split.gguf")
    before = contents(folder)
    told: list[int] = []
    library = desk.library()
    kept = library.import_file(first, "copy", progress=lambda done, total: told.append(done))
    assert kept is not None
    assert (kept.source, kept.is_ours, kept.verified) == ("hearth", True, "yes")
    assert sorted(contents(kept.path.parent).values()) == sorted(before.values())
    assert contents(folder) == before
    assert told == sorted(told)
    assert not (desk.folder / ".hearth").exists()


def test_importing_the_same_name_twice_overwrites_nothing(desk: Desk) -> None:
    library = desk.library()
    one = library.import_file(placed(desk.tiny("One"), desk.root / "a/m.gguf"), "copy")
    two = library.import_file(placed(desk.tiny("Two"), desk.root / "b/m.gguf"), "copy")
    assert one is not None
    assert two is not None
    assert one.path != two.path
    assert {kept.name for kept in library.shelf().models} == {"One", "Two"}


def test_a_cancelled_copy_leaves_nothing(desk: Desk) -> None:
    path = placed(desk.tiny(), desk.root / "a/m.gguf")
    stop = Cancellation()
    library = desk.library()
    assert library.import_file(path, "copy", stop, lambda done, total: stop.cancel()) is None
    assert contents(desk.folder) == {}
    assert not library.look().models


def test_what_cannot_be_used_is_not_taken_in(desk: Desk) -> None:
    library = desk.library()
    folder = desk.root / "a"
    cases: list[tuple[Path, type[HearthError]]] = [
        (folder / "none.gguf", ModelNotFound),
        (placed(desk.tiny(), folder / "m.bin"), InvalidInput),
        (projector(folder / "mmproj.gguf"), ModelUnsupported),
        (adapter(folder / "lora.gguf"), ModelUnsupported),
    ]
    broken = folder / "broken.gguf"
    broken.write_bytes(b"GGUF\3\0\0\0" + b"\xff" * 40)
    cases.append((broken, ModelFileInvalid))
    for path, kind in cases:
        for how in ("link", "copy"):
            with pytest.raises(kind):
                library.import_file(path, how)  # type: ignore[arg-type]
    assert not library.look().models


def test_a_full_disk_is_said_before_a_copy(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    path = placed(desk.tiny(), desk.root / "a/m.gguf")
    monkeypatch.setattr(whole, "free_bytes", lambda folder: 1000)
    with pytest.raises(StorageFull, match="not enough space"):
        desk.library().import_file(path, "copy")
    assert contents(desk.folder) == {}


def test_removing_moves_to_the_trash_but_for_what_others_need(desk: Desk, trashed: Path) -> None:
    folder = desk.folder / "o/r"
    placed(desk.tiny("M", quant="F16"), folder / "M-F16.gguf")
    placed(desk.tiny("M", quant="F32"), folder / "M-F32.gguf")
    projector(folder / "mmproj-M.gguf")
    library = desk.library()
    first = library.find("M-F16")
    assert first is not None
    library.remove(first.id)
    assert {path.name for path in trashed.iterdir()} == {"M-F16.gguf"}
    assert set(contents(folder)) == {"M-F32.gguf", "mmproj-M.gguf"}
    (last,) = library.shelf().models
    library.remove(last.id)
    assert not folder.exists()
    assert desk.folder.exists()
    assert not library.look().models


@pytest.mark.usefixtures("trashed")
def test_models_of_others_are_never_removed(desk: Desk) -> None:
    path = placed(desk.tiny(), desk.home / ".lmstudio/models/o/r/m.gguf")
    library = desk.library()
    kept = library.find("m")
    assert kept is not None
    with pytest.raises(InvalidInput, match="LM Studio"):
        library.remove(kept.id)
    assert path.exists()


@pytest.mark.usefixtures("trashed")
def test_a_link_that_leads_out_of_the_folder_is_not_followed(desk: Desk) -> None:
    outside = placed(desk.tiny(), desk.root / "outside/m.gguf")
    desk.folder.mkdir()
    (desk.folder / "o").symlink_to(outside.parent)
    library = desk.library()
    kept = library.find("m")
    assert kept is not None
    with pytest.raises(StorageError, match="leads out"):
        library.remove(kept.id)
    assert outside.exists()


def test_a_disk_without_a_trash_keeps_its_files(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = placed(desk.tiny(), desk.folder / "o/r/m.gguf")

    def refuse(path: Path) -> None:
        raise PermissionError(13, "no trash here")

    monkeypatch.setattr(removing, "trash", refuse)
    library = desk.library()
    with pytest.raises(StorageError, match="no trash here"):
        library.remove(library.look().models[0].id)
    assert path.exists()


def stocked(desk: Desk) -> dict[str, str]:
    placed(desk.tiny("One"), desk.folder / "o/r/one.gguf")
    placed(desk.tiny("Two"), desk.folder / "o/s/two.gguf")
    placed(desk.tiny("Coming"), desk.folder / ".hearth/key/00.part")
    return contents(desk.folder)


@pytest.fixture(params=["same disk", "another disk"])
def other_disk(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """On another disk there are no hard links, and everything is copied."""
    if request.param == "another disk":

        def refuse(source: Path, target: Path) -> None:
            raise OSError(18, "Invalid cross-device link")

        monkeypatch.setattr(moving.os, "link", refuse)


@pytest.mark.usefixtures("other_disk")
def test_moving_takes_everything_and_what_names_it_along(desk: Desk) -> None:
    before = stocked(desk)
    library = desk.library()
    one = library.find("one")
    assert one is not None
    library.verify(one.id)
    desk.settings.set(MODEL_PATH, str(one.path))
    old, new = desk.folder, desk.root / "disk/models"
    assert library.move_folder(new)
    assert desk.folder == new
    assert contents(new) == before
    assert not list(old.rglob("*.gguf"))
    assert desk.settings.get(MODEL_PATH) == str(new / "o/r/one.gguf")
    assert (one.path, new / "o/r/one.gguf") in desk.moved
    assert len(desk.held) == 1
    states = {kept.name: (kept.state, kept.verified) for kept in library.shelf().models}
    assert states == {"One": ("ready", "yes"), "Two": ("ready", "no")}


@pytest.mark.usefixtures("other_disk")
def test_a_move_that_is_stopped_leaves_the_old_folder_whole(desk: Desk) -> None:
    before = stocked(desk)
    old, new = desk.folder, desk.root / "new"
    stop = Cancellation()
    library = desk.library()
    assert not library.move_folder(new, stop, lambda done, total: stop.cancel())
    assert desk.folder == old
    assert contents(old) == before
    assert library.move_folder(new)
    assert contents(new) == before


def test_nothing_in_the_new_folder_is_written_over(desk: Desk) -> None:
    before = stocked(desk)
    new = desk.root / "new"
    placed(desk.tiny("Other, and longer"), new / "o/r/one.gguf")
    there = contents(new)
    with pytest.raises(StorageError, match="Something else"):
        desk.library().move_folder(new)
    assert contents(desk.folder) == before
    assert contents(new) == there
    twin = placed(make("llama", desk.root / "x", seed=9, name="One"), new / "o/r/one.gguf")
    there = contents(new)
    assert twin.stat().st_size == (desk.folder / "o/r/one.gguf").stat().st_size
    with pytest.raises(StorageError, match="Something else"):
        desk.library().move_folder(new)
    assert contents(desk.folder) == before
    assert contents(new) == there


def test_folders_that_will_not_do(desk: Desk) -> None:
    stocked(desk)
    library = desk.library()
    for bad in (desk.folder, desk.folder / "below", desk.folder.parent, Path("relative")):
        with pytest.raises(InvalidInput):
            library.move_folder(bad)
    (desk.root / "file").write_text("x")
    with pytest.raises(StorageError):
        library.move_folder(desk.root / "file")
    claim = Claim.take(desk.profile.state / "library-move.lock")
    assert claim is not None
    try:
        with pytest.raises(StorageError, match="Another Hearth"):
            library.move_folder(desk.root / "new")
    finally:
        claim.release()


def test_a_setting_that_cannot_be_switched_keeps_the_old_folder(desk: Desk) -> None:
    before = stocked(desk)
    old, new = desk.folder, desk.root / "new"
    journal = Moving(desk.profile.state / "library-move.json")

    def refuse(folder: Path) -> None:
        raise StorageFull("The disk is full.")

    with pytest.raises(StorageFull):
        journal.move(old, new, refuse, Steps)
    journal.carry_on(old)
    journal.carry_on(new)
    assert contents(old) == before
    journal.move(old, new, lambda folder: None, Steps)
    assert contents(new) == before


_KILLED = """
import os, sys
from pathlib import Path
from app.models.library import moving
from app.models.library.kept import Shelf
from app.models.library.moving import Moving
from app.models.library.rechecking import Rechecking
from app.models.library.whole import Steps
old, new, state = (Path(word) for word in sys.argv[1:4])
point, copies = int(sys.argv[4]), sys.argv[5]
count = 0
def step(event, arguments):
    global count
    if event in ("os.rename", "os.remove", "os.link", "os.mkdir", "os.rmdir", "open"):
        if event == "open" and not (isinstance(arguments[2], int) and arguments[2] & os.O_CREAT):
            return
        count += 1
        if count == point:
            os._exit(9)
if copies == "copies":
    def refuse(source, target):
        raise OSError(18, "cross-device")
    moving.os.link = refuse
def switch(folder):
    part = state / "part"
    part.write_text(str(folder))
    os.replace(part, state / "folder")
sys.addaudithook(step)
Moving(state / "move.json").move(old, new, switch, Steps)
"""


@pytest.mark.parametrize("how", ["links", "copies"])
def test_a_move_killed_at_any_step_loses_nothing(tmp_path: Path, how: str) -> None:
    models = {f"o/{name}.gguf": make("llama", tmp_path / "made", name=name) for name in "ab"}
    expected = {name: sha256_of(path) for name, path in models.items()}
    for point in range(1, 200):
        root = tmp_path / f"{how}-{point}"
        old, new, state = root / "old", root / "new", root / "state"
        state.mkdir(parents=True)
        for name, path in models.items():
            placed(path, old / name)
        words = [str(old), str(new), str(state), str(point), how]
        ended = subprocess.run([sys.executable, "-c", _KILLED, *words], check=False)
        assert ended.returncode in (0, 9)
        switched = state / "folder"
        current = Path(switched.read_text()) if switched.exists() else old
        there = {k: v for k, v in contents(current).items() if k.endswith(".gguf")}
        assert there == expected, (point, current)
        journal = Moving(state / "move.json")
        journal.carry_on(current)
        if current == old:
            journal.move(old, new, lambda folder: None, Steps)
        assert contents(new) == expected
        assert not old.exists() or not contents(old)
        if ended.returncode == 0:
            assert point > 8
            return
    pytest.fail("the move never came to its end")
