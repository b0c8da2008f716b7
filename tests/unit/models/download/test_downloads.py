"""Downloads from a hub on loopback as people have them: begun, paused, cut, ended, begun again."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from app.foundation.errors import HearthError, InvalidInput
from app.models.wanted import Part, Wanted
from tests.fixtures.downloading import (
    FILE,
    LONG_S,
    REPO,
    Place,
    model,
    sha256,
    until,
    wanted,
)
from tests.hub.content import Held
from tests.hub.faults.answers import Status
from tests.hub.faults.contents import Replaced, WholeForPart, WrongBit
from tests.hub.faults.lines import Dropped, FallenSilent, Silent, Slow
from tests.hub.server import LoopbackHub

HOME = "some/Model-GGUF"


@pytest.fixture(scope="module")
def content() -> Held:
    return model()


@pytest.fixture
def place(tmp_path: Path, hub: LoopbackHub, content: Held) -> Place:
    made = Place(tmp_path, hub)
    made.serve(content)
    return made


def in_pieces(content: Held, name: str = FILE) -> dict[str, bytes]:
    return {f"{HOME}/{name}": content.data}


def test_a_model_is_fetched_checked_and_put_in_its_place(place: Place, content: Held) -> None:
    asked = wanted(content)
    with place.downloads() as downloads:
        key = downloads.add(asked)
        done = downloads.wait(key, LONG_S)
        assert done is not None
        assert (done.state, done.done_bytes, done.total_bytes) == (
            "done",
            content.bytes,
            content.bytes,
        )
        assert done.path == place.models / HOME / FILE
        assert done.error is None
    assert place.files() == in_pieces(content)
    assert place.partials() == []
    assert place.installed == [(asked, (place.models / HOME / FILE,), (content.sha256,))]
    assert place.sent_bytes() == content.bytes


def test_size_and_hash_come_from_the_hub_where_they_are_not_known(
    place: Place, content: Held
) -> None:
    with place.downloads() as downloads:
        done = downloads.wait(downloads.add(wanted(content, knows=False)), LONG_S)
    assert done is not None
    assert done.state == "done"
    assert place.files() == in_pieces(content)


def test_parts_and_projector_come_together_the_first_part_last(place: Place) -> None:
    names = ("Q4/big-00001-of-00002.gguf", "Q4/big-00002-of-00002.gguf", "mmproj-F16.gguf")
    contents = tuple(model(seed=seed) for seed in (11, 12, 13))
    for name, one in zip(names, contents, strict=True):
        place.serve(one, name)
    place.hub.sabotage(Dropped(50, 3))
    with place.downloads() as downloads:
        key = downloads.add(wanted(*contents, names=names))
        seen: list[set[str]] = []
        while (progress := downloads.state(key)) is not None and progress.state != "done":
            seen.append(set(place.files()))
            downloads.wait(key, 0.005)
        assert progress is not None
        assert progress.path == place.models / HOME / "big-00001-of-00002.gguf"
    first = f"{HOME}/big-00001-of-00002.gguf"
    assert set(place.files()) == {f"{HOME}/{name.split('/')[-1]}" for name in names}
    assert all(len(files) == 3 for files in seen if first in files)


def test_what_is_there_already_is_not_fetched_again(place: Place, content: Held) -> None:
    with place.downloads() as downloads:
        downloads.wait(downloads.add(wanted(content)), LONG_S)
    place.hub.record.clear()
    place.hub.sabotage(Status(500))
    with place.downloads() as downloads:
        done = downloads.wait(downloads.add(wanted(content)), LONG_S)
    assert done is not None
    assert done.state == "done"
    assert place.hub.record.asked == []
    assert place.files() == in_pieces(content)


def test_a_file_of_the_same_name_and_other_content_is_left_alone(
    place: Place, content: Held
) -> None:
    taken = place.models / HOME / FILE
    taken.parent.mkdir(parents=True)
    for mine in (b"mine", model(seed=77).data):  # the second has the right size
        taken.write_bytes(mine)
        with place.downloads() as downloads:
            done = downloads.wait(downloads.add(wanted(content)), LONG_S)
        assert done is not None
        assert done.path == place.models / f"{HOME}~{content.sha256[:8]}" / FILE
        assert done.path.read_bytes() == content.data
        assert taken.read_bytes() == mine


def test_a_drop_fetches_nothing_again(place: Place, content: Held) -> None:
    place.hub.sabotage(*(Dropped(percent, 1) for percent in (1, 20, 50, 99)))
    with place.downloads() as downloads:
        done = downloads.wait(downloads.add(wanted(content)), LONG_S)
    assert done is not None
    assert done.state == "done"
    assert place.files() == in_pieces(content)
    assert place.hub.record.sent_again_bytes() == 0


def test_pause_acts_at_once_though_nothing_comes_and_resume_goes_on(
    place: Place, content: Held
) -> None:
    place.hub.sabotage(FallenSilent(40))
    with place.downloads() as downloads:
        key = downloads.add(wanted(content))
        halfway = int(content.bytes * 0.4)
        while (now := downloads.state(key)) is not None and now.done_bytes < halfway:
            downloads.wait(key, 0.005)
        downloads.pause(key)
        paused = downloads.state(key)
        assert paused is not None
        assert paused.state == "paused"
        stopped = downloads.wait(key, LONG_S / 4)  # the far end would be silent for longer
        assert stopped is not None
        assert stopped.state == "paused"
        place.hub.heal()
        downloads.resume(key)
        done = downloads.wait(key, LONG_S)
        assert done is not None
        assert done.state == "done"
    assert place.files() == in_pieces(content)
    assert place.hub.record.sent_again_bytes() == 0


def test_a_question_that_nobody_answers_is_stopped_at_once(place: Place, content: Held) -> None:
    place.hub.sabotage(Silent())
    with place.downloads() as downloads:
        key = downloads.add(wanted(content, knows=False))
        while not place.hub.record.asked:
            downloads.wait(key, 0.005)
        downloads.cancel(key)
        assert downloads.states() == ()
        downloads.wait(key, LONG_S / 4)
        assert downloads.close(LONG_S / 4)


def test_cancel_leaves_nothing_and_the_same_can_be_asked_for_again(
    place: Place, content: Held
) -> None:
    place.hub.sabotage(FallenSilent(40, 1))
    with place.downloads() as downloads:
        key = downloads.add(wanted(content))
        while (now := downloads.state(key)) is not None and not now.done_bytes:
            downloads.wait(key, 0.005)
        downloads.cancel(key)
        assert downloads.state(key) is None
        assert downloads.add(wanted(content)) == key
        done = downloads.wait(key, LONG_S)
        assert done is not None
        assert done.state == "done"
        downloads.cancel(key)  # of what is done only the line goes
        assert downloads.states() == ()
    assert place.files() == in_pieces(content)
    assert place.partials() == []


def test_the_next_start_goes_on_where_the_last_one_ended(place: Place, content: Held) -> None:
    place.hub.sabotage(FallenSilent(60))
    with place.downloads() as downloads:
        key = downloads.add(wanted(content))
        while (now := downloads.state(key)) is not None and now.done_bytes < content.bytes // 2:
            downloads.wait(key, 0.005)
    place.hub.heal()
    assert place.files() == {}
    with place.downloads() as downloads:
        assert downloads.states() == ()
        downloads.begin()
        assert [one.key for one in downloads.states()] == [key]
        done = downloads.wait(key, LONG_S)
        assert done is not None
        assert done.state == "done"
    assert place.files() == in_pieces(content)
    assert place.hub.record.sent_again_bytes() == 0
    with place.downloads() as downloads:
        downloads.begin()
        assert downloads.states() == ()


def test_what_was_paused_stays_so_at_the_next_start(place: Place, content: Held) -> None:
    place.hub.sabotage(Slow(2_000_000))
    with place.downloads() as downloads:
        key = downloads.add(wanted(content))
        until(downloads, key, "downloading")
        downloads.pause(key)
    place.hub.heal()
    with place.downloads() as downloads:
        downloads.begin()
        (paused,) = downloads.states()
        assert paused.state == "paused"
        assert downloads.wait(key, 0) == paused
        downloads.resume(key)
        done = downloads.wait(key, LONG_S)
        assert done is not None
        assert done.state == "done"


def test_one_wrong_bit_is_never_installed_and_once_is_made_good(
    place: Place, content: Held
) -> None:
    place.hub.sabotage(WrongBit(70, 1))
    with place.downloads() as downloads:
        key = downloads.add(wanted(content))
        done = downloads.wait(key, LONG_S)
        assert done is not None
        assert done.state == "done"
    assert place.files() == in_pieces(content)
    assert place.sent_bytes() == 2 * content.bytes


def test_a_file_that_is_wrong_twice_is_refused_in_words(place: Place, content: Held) -> None:
    place.hub.sabotage(WrongBit(70))
    with place.downloads() as downloads:
        key = downloads.add(wanted(content))
        failed = downloads.wait(key, LONG_S)
        assert failed is not None
        assert failed.state == "failed"
        assert failed.error is not None
        assert failed.error.code == "model_file_invalid"
        assert "SHA-256" in failed.error.detail
        assert failed.error.remedy
        assert place.files() == {}
        assert failed.done_bytes == 0
        place.hub.heal()
        assert downloads.add(wanted(content)) == key
        done = downloads.wait(key, LONG_S)
        assert done is not None
        assert done.state == "done"
    assert place.files() == in_pieces(content)


def test_a_model_that_is_none_is_not_installed_though_its_hash_is_right(place: Place) -> None:
    content = Held(b"GGUF\3\0\0\0" + b"\7" * 200_000)
    place.serve(content)
    with place.downloads() as downloads:
        failed = downloads.wait(downloads.add(wanted(content)), LONG_S)
    assert failed is not None
    assert failed.state == "failed"
    assert failed.error is not None
    assert FILE in failed.error.title
    assert place.files() == {}


def test_a_far_end_without_parts_is_borne_after_a_while(place: Place, content: Held) -> None:
    place.hub.sabotage(Dropped(50, 1), WholeForPart())
    with place.downloads() as downloads:
        done = downloads.wait(downloads.add(wanted(content)), LONG_S)
    assert done is not None
    assert done.state == "done"
    assert place.files() == in_pieces(content)


def test_a_busy_hub_is_waited_for_and_says_why(place: Place, content: Held) -> None:
    place.hub.sabotage(Status(503))
    with place.downloads() as downloads:
        key = downloads.add(wanted(content))
        until(downloads, key, "waiting")
        for _ in range(12):  # more than a liar would be given
            asked = len(place.hub.record.asked)
            while len(place.hub.record.asked) == asked:
                downloads.wait(key, 0.005)
        waiting = until(downloads, key, "waiting")
        assert "503" in waiting.note
        assert waiting.left_s is not None
        place.hub.heal()
        done = downloads.wait(key, LONG_S)
        assert done is not None
        assert done.state == "done"


def test_retry_after_is_kept_but_a_person_may_go_on(place: Place, content: Held) -> None:
    place.hub.sabotage(Status(429, 1, retry_s=3000))
    with place.downloads() as downloads:
        key = downloads.add(wanted(content))
        waiting = until(downloads, key, "waiting")
        assert waiting.left_s is not None
        assert 2000 < waiting.left_s <= 3000
        assert "minutes" in waiting.note
        downloads.resume(key)
        done = downloads.wait(key, LONG_S)
        assert done is not None
        assert done.state == "done"


def test_offline_waits_until_it_is_over(place: Place, content: Held) -> None:
    place.is_offline = True
    with place.downloads() as downloads:
        key = downloads.add(wanted(content))
        waiting = until(downloads, key, "waiting")
        assert "offline" in waiting.note
        assert place.hub.record.asked == []
        place.is_offline = False
        downloads.try_now()
        done = downloads.wait(key, LONG_S)
        assert done is not None
        assert done.state == "done"


def test_a_file_that_is_replaced_under_way_never_becomes_a_mixture(
    place: Place, content: Held
) -> None:
    other = model(seed=2)
    place.hub.sabotage(Dropped(60, 1), Replaced(lambda: other))
    with place.downloads() as downloads:
        done = downloads.wait(downloads.add(wanted(content, knows=False)), LONG_S)
    assert done is not None
    assert done.state == "done"
    assert place.files() in (in_pieces(content), in_pieces(other))


def test_a_file_that_is_not_the_chosen_one_is_refused(place: Place, content: Held) -> None:
    other = model(seed=3)
    with place.downloads() as downloads:
        failed = downloads.wait(downloads.add(wanted(other)), LONG_S)
    assert failed is not None
    assert failed.state == "failed"
    assert failed.error is not None
    assert "replaced" in failed.error.detail
    assert place.files() == {}


def test_a_few_run_at_once_and_the_others_wait_for_their_turn(place: Place) -> None:
    contents = [model(seed=20 + number) for number in range(4)]
    names = [f"m{number}-Q8_0.gguf" for number in range(4)]
    for name, one in zip(names, contents, strict=True):
        place.serve(one, name)
    place.hub.sabotage(FallenSilent(50))
    at_once = [2]
    with place.downloads(at_once=lambda: at_once[0]) as downloads:
        keys = [
            downloads.add(wanted(one, names=(name,)))
            for name, one in zip(names, contents, strict=True)
        ]
        for key in keys[:2]:
            until(downloads, key, "downloading")
        assert [downloads.state(key).state for key in keys[2:]] == ["queued", "queued"]  # type: ignore[union-attr]
        downloads.pause(keys[0])
        until(downloads, keys[2], "downloading")
        at_once[0] = 4
        downloads.try_now()
        until(downloads, keys[3], "downloading")
        place.hub.heal()
        place.hub.hang_up_all()
        downloads.resume(keys[0])
        assert [downloads.wait(key, LONG_S).state for key in keys] == ["done"] * 4  # type: ignore[union-attr]
    assert sorted(sha256(data) for data in place.files().values()) == sorted(
        one.sha256 for one in contents
    )


def test_listeners_hear_of_every_state_on_one_thread(place: Place, content: Held) -> None:
    heard: list[tuple[str, str | None]] = []
    threads: set[str] = set()
    with place.downloads() as downloads:

        def hear(key: str) -> None:
            threads.add(threading.current_thread().name)
            progress = downloads.state(key)
            heard.append((key, progress.state if progress else None))

        def fails(key: str) -> None:
            raise RuntimeError("a listener's own fault")

        downloads.listen(fails)
        unlisten = downloads.listen(hear)
        key = downloads.add(wanted(content))
        downloads.wait(key, LONG_S)
        while ("done" not in {state for _, state in heard}) and threads != set():
            downloads.wait(key, 0.005)
        downloads.clear(key)
        while (key, None) not in heard:
            downloads.wait(key, 0.005)
        unlisten()
        count = len(heard)
        downloads.wait(downloads.add(wanted(content)), LONG_S)
    assert threads == {"downloads"}
    assert len(heard) == count


def test_held_stops_all_and_lets_them_go_on(place: Place, content: Held) -> None:
    place.hub.sabotage(FallenSilent(50))
    with place.downloads() as downloads:
        key = downloads.add(wanted(content))
        until(downloads, key, "downloading")
        with downloads.held("The folder is being moved."):
            waiting = downloads.state(key)
            assert waiting is not None
            assert (waiting.state, waiting.note) == ("waiting", "The folder is being moved.")
            moved = place.models.rename(place.root / "elsewhere")
            moved.rename(place.models)
            place.hub.heal()
        done = downloads.wait(key, LONG_S)
        assert done is not None
        assert done.state == "done"
    assert place.files() == in_pieces(content)


def test_a_speed_limit_is_kept(place: Place, content: Held) -> None:
    import time

    most = 4_000_000
    began_s = time.monotonic()
    with place.downloads(most_bytes_per_s=lambda: most) as downloads:
        done = downloads.wait(downloads.add(wanted(content)), LONG_S)
    assert done is not None
    assert done.state == "done"
    assert time.monotonic() - began_s >= (content.bytes - most / 8 - most / 8) / most


@pytest.mark.parametrize(
    "asked",
    [
        Wanted("noslash", "", (Part(FILE, 0, ""),), "x", ""),
        Wanted("a/b/c", "", (Part(FILE, 0, ""),), "x", ""),
        Wanted(REPO, "x" * 500, (Part(FILE, 0, ""),), "x", ""),
        Wanted(REPO, "", (Part(FILE, -1, ""),), "x", ""),
        Wanted(REPO, "", (Part(FILE, 1 << 50, ""),), "x", ""),
        Wanted(REPO, "", (Part(FILE, 0, "ABC"),), "x", ""),
        Wanted(REPO, "", (Part("x.bin", 0, ""),), "x", ""),
        Wanted(REPO, "", (Part(FILE, 0, ""), Part(FILE, 0, "")), "x", ""),
        Wanted(REPO, "", (), "x", ""),
    ],
)
def test_what_makes_no_sense_is_refused_before_anything_is_done(
    place: Place, asked: Wanted
) -> None:
    with place.downloads() as downloads, pytest.raises(InvalidInput):
        downloads.add(asked)
    assert not place.models.exists()


@pytest.fixture
def _readonly(place: Place) -> Iterator[None]:
    if os.name != "posix" or os.geteuid() == 0:
        pytest.skip("whoever runs this may write everywhere")
    place.models.mkdir()
    place.models.chmod(0o500)
    yield
    place.models.chmod(0o700)


@pytest.mark.usefixtures("_readonly")
def test_a_folder_that_may_not_be_written_is_said(place: Place, content: Held) -> None:
    _fails(place, content, "storage_read_only")


def test_a_file_in_place_of_the_folder_is_said(place: Place, content: Held) -> None:
    place.models.write_bytes(b"not a folder")
    _fails(place, content, "storage_error")


def _fails(place: Place, content: Held, code: str) -> HearthError:
    with place.downloads() as downloads:
        failed = downloads.wait(downloads.add(wanted(content)), LONG_S)
    assert failed is not None
    assert failed.state == "failed"
    assert failed.error is not None
    assert failed.error.code == code
    assert failed.error.remedy
    return failed.error


def test_a_disk_that_vanishes_is_waited_for(place: Place, content: Held) -> None:
    place.hub.sabotage(FallenSilent(50))
    with place.downloads() as downloads:
        key = downloads.add(wanted(content))
        while (now := downloads.state(key)) is not None and now.done_bytes < content.bytes // 3:
            downloads.wait(key, 0.005)
        downloads.pause(key)
        downloads.wait(key, LONG_S)
        away = place.models.rename(place.root / "away")
        downloads.resume(key)
        waiting = until(downloads, key, "waiting")
        assert "disk connected" in waiting.note
        assert not place.models.exists()
        away.rename(place.models)
        place.hub.heal()
        done = downloads.wait(key, LONG_S)
        assert done is not None
        assert done.state == "done"
    assert place.files() == in_pieces(content)


def test_partial_files_that_are_removed_under_way_are_made_anew(
    place: Place, content: Held
) -> None:
    import shutil

    place.hub.sabotage(Slow(6_000_000, 1))
    with place.downloads() as downloads:
        key = downloads.add(wanted(content))
        while (now := downloads.state(key)) is not None and now.done_bytes < 100_000:
            downloads.wait(key, 0.005)
        shutil.rmtree(place.shop / key)
        done = downloads.wait(key, LONG_S)
        assert done is not None
        assert done.state == "done"
    assert place.files() == in_pieces(content)


def test_no_room_pauses_before_anything_is_fetched_and_says_how_much(
    place: Place, content: Held
) -> None:
    with place.downloads(spare_bytes=1 << 60) as downloads:
        downloads.add(wanted(content))  # of a small model only as much as it has stays free
        place.serve(Held(b"GGUF"), "huge-Q8_0.gguf")
        huge = Wanted(REPO, "", (Part("huge-Q8_0.gguf", 1 << 42, "ab" * 32),), "Huge", "Q8_0")
        paused = downloads.wait(downloads.add(huge), LONG_S)
    assert paused is not None
    assert paused.state == "paused"
    assert paused.error is not None
    assert paused.error.code == "storage_full"
    assert "TB" in paused.error.title
    assert place.hub.record.asked == [] or all(
        "huge" not in asked.path for asked in place.hub.record.at("store")
    )
