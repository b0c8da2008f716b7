"""Downloads from a hub on loopback: what comes is right, or does not come at all."""

from __future__ import annotations

from tests.fixtures.downloading import (
    FILE,
    HOME,
    LONG_S,
    Place,
    in_pieces,
    model,
    wanted,
)
from tests.hub.content import Held
from tests.hub.faults.answers import Status
from tests.hub.faults.contents import Replaced, WholeForPart, WrongBit
from tests.hub.faults.lines import Dropped


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


def test_what_a_process_left_that_was_killed_at_the_very_end_is_cleared_away(
    place: Place, content: Held
) -> None:
    asked = wanted(content)
    with place.downloads() as downloads:
        downloads.wait(downloads.add(asked), LONG_S)
    shop = place.models / ".hearth" / asked.key
    shop.mkdir(parents=True)
    (shop / "00.journal").write_bytes(b"what was noted")
    shop.with_suffix(".lock").touch()
    with place.downloads() as downloads:
        downloads.wait(downloads.add(asked), LONG_S)
    assert [path for path in (place.models / ".hearth").rglob("*") if path.is_file()] == []
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
