"""The list of downloads: paused, cancelled, waiting, several at once, and after a restart."""

from __future__ import annotations

import contextlib
import threading

import pytest

from tests.fixtures.downloading import (
    LONG_S,
    Place,
    in_pieces,
    model,
    sha256,
    until,
    wanted,
)
from tests.hub.content import Held
from tests.hub.faults.answers import Status
from tests.hub.faults.lines import FallenSilent, Silent, Slow


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


def test_the_same_can_be_asked_for_and_cancelled_again_and_again(
    place: Place, content: Held
) -> None:
    place.hub.sabotage(Slow(20_000_000))
    with place.downloads() as downloads:
        for turn in range(30):
            key = downloads.add(wanted(content))
            if turn % 3 == 0:
                until(downloads, key, "downloading", "done")
            downloads.cancel(key)
        downloads.wait(key, LONG_S)
    assert place.files() in ({}, in_pieces(content))
    assert place.partials() == []


def test_the_next_start_goes_on_where_the_last_one_ended(place: Place, content: Held) -> None:
    place.hub.sabotage(FallenSilent(60))
    with place.downloads() as downloads:
        key = downloads.add(wanted(content))
        while (now := downloads.state(key)) is not None and now.done_bytes < int(
            content.bytes * 0.6
        ):
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
        while (now := downloads.state(key)) is not None and not now.done_bytes:
            downloads.wait(key, 0.005)
        downloads.pause(key)
        before = downloads.wait(key, LONG_S)
        assert before is not None
    place.hub.heal()
    with place.downloads() as downloads:
        downloads.begin()
        (paused,) = downloads.states()
        assert (paused.state, paused.total_bytes) == ("paused", content.bytes)
        assert paused.done_bytes == before.done_bytes > 0
        assert downloads.wait(key, 0) == paused
        downloads.resume(key)
        done = downloads.wait(key, LONG_S)
        assert done is not None
        assert done.state == "done"


def test_what_is_half_there_is_found_though_the_list_was_lost(place: Place, content: Held) -> None:
    place.hub.sabotage(FallenSilent(60))
    with place.downloads() as downloads:
        key = downloads.add(wanted(content))
        while (now := downloads.state(key)) is not None and now.done_bytes < int(
            content.bytes * 0.6
        ):
            downloads.wait(key, 0.005)
    place.hub.heal()
    (place.state / "downloads.json").write_bytes(b"\0" * 500)
    (place.shop / ("0" * 16)).mkdir()
    (place.shop / ("0" * 16) / "wanted.json").write_bytes(b"[[[")
    with place.downloads() as downloads:
        downloads.begin()
        (found,) = downloads.states()
        assert (found.key, found.state, found.wanted) == (key, "paused", wanted(content))
        downloads.resume(key)
        done = downloads.wait(key, LONG_S)
        assert done is not None
        assert done.state == "done"
    assert place.files() == in_pieces(content)
    assert place.hub.record.sent_again_bytes() == 0


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


@pytest.mark.parametrize("state", ["failed", "paused", "restarted"])
def test_a_model_that_was_replaced_and_is_chosen_anew_comes(
    place: Place, content: Held, state: str
) -> None:
    """The hub keeps the name and has other content: what was known of it is known no more."""
    newer = model(seed=77)
    place.hub.sabotage(FallenSilent(40))
    with place.downloads() as downloads:
        key = downloads.add(wanted(content))
        halfway = int(content.bytes * 0.4)
        while (now := downloads.state(key)) is not None and now.done_bytes < halfway:
            downloads.wait(key, 0.005)
        downloads.pause(key)
        downloads.wait(key, LONG_S)
        place.hub.heal()
        place.serve(newer)
        if state == "failed":
            downloads.resume(key)
            until(downloads, key, "failed")
    with contextlib.ExitStack() as stack:
        downloads = stack.enter_context(place.downloads())
        downloads.begin()
        if state != "restarted":
            until(downloads, key, "failed", "paused")
        assert downloads.add(wanted(newer)) == key
        done = downloads.wait(key, LONG_S)
        assert done is not None
        assert (done.state, done.wanted) == ("done", wanted(newer))
    assert place.files() == in_pieces(newer)
    assert place.partials() == []


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
