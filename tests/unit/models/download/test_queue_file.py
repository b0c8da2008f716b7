"""The list on disk comes back as it was, whatever else is in the file, and is shared."""

from __future__ import annotations

import json
import threading
from pathlib import Path

import pytest

from app.foundation.errors import StorageFull
from app.models.download.entry import Entry
from app.models.download.partial import Expected
from app.models.download.queue_file import QueueFile, entry_of, item_of, sealed
from app.models.wanted import Part, Wanted

SHA = "ab" * 32


def wanted(number: int = 0) -> Wanted:
    parts = (Part(f"m-{number}.gguf", 5_000, SHA), Part("mmproj-F16.gguf", 0, "", "projector"))
    return Wanted("owner/repo", "main", parts, "A model", "Q4_K_M", "a-model")


def entry(number: int = 0) -> Entry:
    made = Entry(wanted(number), "paused", commit="c" * 40, folder="/somewhere/models")
    made.error = StorageFull("5 GB more are needed.", "Why.", "Do this.")
    made.expected = {0: Expected(SHA, 5_000), 1: Expected("cd" * 32, 7)}
    return made


def test_what_was_kept_comes_back(tmp_path: Path) -> None:
    file = QueueFile(tmp_path / "downloads.json")
    one = entry()
    file.save({one.key: item_of(one)})
    (found,) = file.load()
    assert (found.wanted, found.state, found.commit) == (one.wanted, "paused", one.commit)
    assert (found.folder, found.expected) == (one.folder, one.expected)
    assert found.error is not None
    assert str(found.error) == str(one.error)
    assert not list(tmp_path.glob("*.part"))


@pytest.mark.parametrize("state", ["asking", "downloading", "waiting", "checking", "queued"])
def test_what_ran_is_queued_again(state: str) -> None:
    one = entry()
    one.state = state  # type: ignore[assignment]
    item = item_of(one)
    assert item is not None
    again = entry_of(json.loads(json.dumps(item)))
    assert again is not None
    assert again.state == "queued"


def test_what_is_done_is_not_kept(tmp_path: Path) -> None:
    one = entry()
    one.state = "done"
    assert item_of(one) is None
    file = QueueFile(tmp_path / "downloads.json")
    file.save({one.key: item_of(entry())})
    file.save({one.key: None})
    assert file.load() == []


def test_two_programs_keep_theirs_in_one_file(tmp_path: Path) -> None:
    path = tmp_path / "downloads.json"
    threads = [
        threading.Thread(target=_keep_some, args=(QueueFile(path), range(start, start + 8)))
        for start in (0, 100, 200)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    names = {found.wanted.parts[0].name for found in QueueFile(path).load()}
    assert names == {f"m-{start + n}.gguf" for start in (0, 100, 200) for n in range(8)}


def _keep_some(file: QueueFile, numbers: range) -> None:
    for number in numbers:
        one = entry(number)
        file.save({one.key: item_of(one)})


@pytest.mark.parametrize(
    "content",
    [b"", b"{", b"[]", b"null", b'{"downloads": 2, "items": []}', b'{"downloads": 1}', b"\xff\xfe"],
)
def test_a_damaged_list_is_empty_and_can_be_written(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "downloads.json"
    path.write_bytes(content)
    file = QueueFile(path)
    assert file.load() == []
    one = entry()
    file.save({one.key: item_of(one)})
    assert len(file.load()) == 1


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("parts", []),
        ("parts", [["x.bin", 1, SHA, "model"]]),
        ("parts", [["x.gguf", "1", SHA, "model"]]),
        ("parts", [["x.gguf", 1, SHA, "pickle"]]),
        ("parts", None),
        ("state", "done"),
        ("state", 5),
        ("expected", {"0": ["..", 5]}),
        ("expected", {"0": [SHA, -5]}),
        ("expected", {"x": [SHA, 5]}),
        ("expected", [1]),
        ("error", "why"),
        ("repo", None),
    ],
)
def test_one_that_makes_no_sense_is_left_out(tmp_path: Path, key: str, value: object) -> None:
    good, bad = item_of(entry(1)), item_of(entry(2))
    assert good is not None
    assert bad is not None
    bad = sealed({**bad, key: value})
    path = tmp_path / "downloads.json"
    path.write_text(json.dumps({"downloads": 1, "items": [bad, 7, good]}))
    assert [found.key for found in QueueFile(path).load()] == [entry(1).key]


def test_one_that_lost_a_bit_is_left_out_and_is_no_other_model(tmp_path: Path) -> None:
    file, path = QueueFile(tmp_path / "downloads.json"), tmp_path / "downloads.json"
    one = entry()
    file.save({one.key: item_of(one)})
    whole = path.read_bytes()
    for word in (b"owner/repo", SHA.encode(), b"5000", b"paused", b"c" * 40):
        at = whole.index(word)
        path.write_bytes(whole[:at] + bytes([whole[at] ^ 1]) + whole[at + 1 :])
        assert file.load() == [], word
    path.write_bytes(whole)
    assert len(file.load()) == 1


def test_nothing_is_written_where_nothing_may_be(tmp_path: Path) -> None:
    one = entry()
    with pytest.raises(OSError):
        QueueFile(tmp_path / "missing" / "downloads.json").save({one.key: item_of(one)})


@pytest.mark.parametrize("content", [b"{ half of it", b'{"downloads": 99, "items": [{}]}'])
def test_a_list_that_makes_no_sense_is_kept_aside(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "downloads.json"
    path.write_bytes(content)
    one = entry()
    QueueFile(path).save({one.key: item_of(one)})
    assert (tmp_path / "downloads-unread.json").read_bytes() == content
    assert [found.key for found in QueueFile(path).load()] == [one.key]


def test_a_list_that_cannot_be_read_now_is_not_written_over(tmp_path: Path) -> None:
    path, aside = tmp_path / "downloads.json", tmp_path / "aside"
    one, other = entry(1), entry(2)
    file = QueueFile(path)
    file.save({one.key: item_of(one)})
    path.rename(aside)
    path.symlink_to(path.name)  # as on a disk with a fault
    assert file.load() == []
    with pytest.raises(OSError, match="symbolic links"):
        file.save({other.key: item_of(other)})
    path.unlink()
    aside.rename(path)
    assert [found.key for found in file.load()] == [one.key]
