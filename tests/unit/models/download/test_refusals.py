"""What cannot be downloaded, and folders that cannot be written, are said in words."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from app.foundation.errors import HearthError, InvalidInput
from app.models.wanted import Part, Wanted
from tests.fixtures.downloading import (
    FILE,
    LONG_S,
    REPO,
    Place,
    in_pieces,
    until,
    wanted,
)
from tests.hub.content import Held
from tests.hub.faults.lines import FallenSilent, Slow


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
