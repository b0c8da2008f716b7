"""Files in every state: missing, empty, foreign, damaged, read-only, and what is said of them."""

from __future__ import annotations

import contextlib
import hashlib
import sqlite3
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from app.conversations.repository import Repository
from app.conversations.schema import SCHEMA
from app.database import backups, opening
from app.database.connection import Database, Opened
from app.database.header import MAGIC
from app.foundation.errors import (
    DatabaseDamaged,
    DatabaseTooNew,
    StorageError,
    StorageFull,
    StorageReadOnly,
)
from tests.fixtures.store import DEADLINE_S, chat, opened_database

N_CHATS = 12
N_TURNS = 10
LONG = "A sentence that fills pages. " * 20


@pytest.fixture
def filled(tmp_path: Path) -> Path:
    """A closed database of N_CHATS chats; its path."""
    with opened_database(tmp_path) as opened:
        for number in range(N_CHATS):
            chat(Repository(opened.database), f"Chat {number}", N_TURNS, LONG)
    return tmp_path / "hearth.db"


def all_texts(opened: Opened) -> list[str]:
    repository = Repository(opened.database)
    return [
        turn.text
        for found in repository.list().result(DEADLINE_S)
        for turn in repository.turns(found.id).result(DEADLINE_S)
    ]


def kept_aside(folder: Path) -> list[Path]:
    return sorted(folder.glob("hearth-damaged-*.db"))


def test_a_sound_file_is_opened_without_a_word(filled: Path) -> None:
    with opened_database(filled.parent) as opened:
        assert opened.notice is None
        assert opened.newest_backup is None
        assert len(all_texts(opened)) == N_CHATS * N_TURNS


def _zero_header(path: Path) -> None:
    _overwrite(path, 0, bytes(100))


def _not_sqlite(path: Path) -> None:
    path.write_bytes(b"Once upon a time " * 1000)


def _cut(path: Path) -> None:
    with path.open("r+b") as file:
        file.truncate(path.stat().st_size * 2 // 3)


def _zero_a_page(path: Path) -> None:
    n_pages = path.stat().st_size // 4096
    _overwrite(path, 4096 * (n_pages // 2), bytes(4096))


def _break_schema_page(path: Path) -> None:
    _overwrite(path, 100, b"\xff" * 3900)


def _overwrite(path: Path, at: int, content: bytes) -> None:
    with path.open("r+b") as file:
        file.seek(at)
        file.write(content)


@pytest.mark.parametrize(
    ("damage", "least_saved"),
    [
        (_zero_header, 1.0),
        (_not_sqlite, 0.0),
        (_cut, 0.5),
        (_zero_a_page, 0.9),
        (_break_schema_page, 1.0),
    ],
)
def test_a_damaged_file_is_kept_and_what_can_be_read_of_it_saved(
    filled: Path, damage: Callable[[Path], None], least_saved: float
) -> None:
    whole = N_CHATS * N_TURNS
    damage(filled)
    digest = hashlib.sha256(filled.read_bytes()).hexdigest()
    with opened_database(filled.parent) as opened:
        assert isinstance(opened.notice, DatabaseDamaged)
        (aside,) = kept_aside(filled.parent)
        assert hashlib.sha256(aside.read_bytes()).hexdigest() == digest
        assert aside.name in opened.notice.detail
        assert "backup" in opened.notice.remedy
        texts = all_texts(opened)
        assert least_saved * whole <= len(texts) <= whole
        # A text that crosses a lost page is cut there; none is invented.
        assert all((LONG + "9").startswith(text[: len(LONG)]) for text in texts)
        chat(Repository(opened.database), "New", 2)
    with opened_database(filled.parent) as opened:
        assert opened.notice is None
        assert len(all_texts(opened)) == len(texts) + 2


def test_a_log_left_by_a_crash_is_part_of_what_is_saved(filled: Path) -> None:
    crashed = filled.parent / "crashed"
    crashed.mkdir()
    with opened_database(filled.parent) as opened:
        chat(Repository(opened.database), "Only in the log", 4, "Fresh words ")
        for name in ("hearth.db", "hearth.db-wal"):
            (crashed / name).write_bytes((filled.parent / name).read_bytes())
    _zero_a_page(crashed / "hearth.db")
    with opened_database(crashed) as opened:
        assert isinstance(opened.notice, DatabaseDamaged)
        assert len(all_texts(opened)) > N_CHATS * N_TURNS * 0.9
        titles = {found.title for found in Repository(opened.database).list().result(DEADLINE_S)}
        assert "Only in the log" in titles
        assert kept_aside(crashed)[0].with_name(kept_aside(crashed)[0].name + "-wal").exists()


def test_a_lost_header_is_mended_by_the_log(filled: Path) -> None:
    crashed = filled.parent / "crashed"
    crashed.mkdir()
    with opened_database(filled.parent) as opened:
        chat(Repository(opened.database), "x", 4)
        for name in ("hearth.db", "hearth.db-wal"):
            (crashed / name).write_bytes((filled.parent / name).read_bytes())
    _zero_header(crashed / "hearth.db")
    with opened_database(crashed) as opened:
        assert len(all_texts(opened)) == N_CHATS * N_TURNS + 4
    assert (crashed / "hearth.db").read_bytes().startswith(MAGIC)


def test_a_newer_version_is_seen_also_when_only_sqlite_can_see_it(filled: Path) -> None:
    crashed = filled.parent / "crashed"
    crashed.mkdir()
    with contextlib.closing(sqlite3.connect(filled, isolation_level=None)) as newer:
        newer.execute("PRAGMA journal_mode = WAL")
        newer.execute("PRAGMA user_version = 99")
        for name in ("hearth.db", "hearth.db-wal"):
            (crashed / name).write_bytes((filled.parent / name).read_bytes())
    _zero_header(crashed / "hearth.db")
    with pytest.raises(DatabaseTooNew):
        Database.open(crashed / "hearth.db", SCHEMA, backups=crashed / "backups")
    assert kept_aside(crashed) == []


def test_what_was_deleted_stays_deleted_when_a_file_is_saved(filled: Path) -> None:
    with opened_database(filled.parent) as opened:
        repository = Repository(opened.database)
        for found in repository.list().result(DEADLINE_S)[:6]:
            repository.delete(found.id).result(DEADLINE_S)
        assert repository.purge(9e12).result(DEADLINE_S) == 6
    page = 4096
    n_pages = filled.stat().st_size // page
    content = filled.read_bytes()
    in_use = next(n for n in range(n_pages - 1, 0, -1) if content[n * page] == 0x0D)
    _overwrite(filled, in_use * page + 3, b"\xff\xff")
    with opened_database(filled.parent) as opened:
        assert isinstance(opened.notice, DatabaseDamaged)
        assert len(Repository(opened.database).list().result(DEADLINE_S)) == 6


def test_a_lost_log_still_opens(filled: Path) -> None:
    crashed = filled.parent / "crashed"
    crashed.mkdir()
    with opened_database(filled.parent) as opened:
        chat(Repository(opened.database), "Only in the log", 4)
        (crashed / "hearth.db").write_bytes(filled.read_bytes())
    with opened_database(crashed) as opened:
        assert len(all_texts(opened)) == N_CHATS * N_TURNS


def test_a_lost_file_with_its_log_left_is_not_thrown_away(filled: Path) -> None:
    with opened_database(filled.parent) as opened:
        chat(Repository(opened.database), "x", 2)
        log = (filled.parent / "hearth.db-wal").read_bytes()
    filled.unlink()
    wal = filled.parent / "hearth.db-wal"
    wal.write_bytes(log)
    with opened_database(filled.parent) as opened:
        assert isinstance(opened.notice, DatabaseDamaged)
        assert {"Words. 0", "Words. 1"} <= set(all_texts(opened))
    assert [path.read_bytes() for path in filled.parent.glob("hearth-damaged-*-wal")] == [log]


def test_a_crash_between_setting_aside_and_the_fresh_file_loses_nothing(filled: Path) -> None:
    _zero_header(filled)
    filled.rename(filled.with_name("hearth-damaged-2026-11-23-120000.db"))
    with opened_database(filled.parent) as opened:
        assert isinstance(opened.notice, DatabaseDamaged)
        assert len(all_texts(opened)) == N_CHATS * N_TURNS


@pytest.mark.parametrize("is_missing", [True, False])
def test_a_file_that_vanished_or_is_empty_is_said_when_there_is_a_backup(
    filled: Path, is_missing: bool
) -> None:
    with opened_database(filled.parent):
        copy = backups.copy(filled, filled.parent / "backups" / "hearth-2026-11-01.db", pause_s=0)
    filled.unlink()
    if not is_missing:
        filled.touch()
    with opened_database(filled.parent) as opened:
        assert isinstance(opened.notice, DatabaseDamaged)
        assert opened.newest_backup is not None
        assert opened.newest_backup.name in opened.notice.remedy
        assert not copy.exists(), "renamed, so that it is never thinned out"
        assert opened.database.restore(opened.newest_backup).result(DEADLINE_S) > 0
        assert len(all_texts(opened)) == N_CHATS * N_TURNS


def test_an_empty_file_without_backups_is_a_new_one(tmp_path: Path) -> None:
    (tmp_path / "hearth.db").touch()
    with opened_database(tmp_path) as opened:
        assert opened.notice is None
        assert kept_aside(tmp_path) == []


def test_another_programs_database_is_kept_aside_not_written_into(tmp_path: Path) -> None:
    path = tmp_path / "hearth.db"
    with contextlib.closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE conversation (secret TEXT)")
        connection.execute("INSERT INTO conversation VALUES ('theirs')")
        connection.commit()
    content = path.read_bytes()
    with opened_database(tmp_path) as opened:
        assert isinstance(opened.notice, DatabaseDamaged)
        assert "another program" in opened.notice.detail
    assert kept_aside(tmp_path)[0].read_bytes() == content


def test_two_damaged_files_are_both_kept(tmp_path: Path) -> None:
    path = tmp_path / "hearth.db"
    for content in (b"first damage" * 100, b"second damage" * 100):
        path.write_bytes(content)
        with opened_database(tmp_path):
            pass
    kept = {aside.read_bytes() for aside in kept_aside(tmp_path)}
    assert kept == {b"first damage" * 100, b"second damage" * 100}


def test_after_damage_was_met_all_of_a_large_file_is_checked(
    filled: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(opening, "CHECKED_AT_ONCE_BYTES", 0)
    _zero_a_page(filled)
    with opened_database(filled.parent) as opened:
        assert opened.notice is None
    opening.ask_for_check(filled)
    with opened_database(filled.parent) as opened:
        assert isinstance(opened.notice, DatabaseDamaged)
    with opened_database(filled.parent) as opened:
        assert opened.notice is None
    assert not list(filled.parent.glob("*-check"))


def test_when_no_fresh_file_can_be_made_the_damaged_one_stays_in_place(
    filled: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _zero_header(filled)
    content = filled.read_bytes()
    real = opening._open_sound
    calls = []

    def full_disk_second_time(*arguments: object) -> sqlite3.Connection:
        calls.append(arguments)
        if len(calls) == 2:
            raise OSError(28, "No space left on device")
        return real(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(opening, "_open_sound", full_disk_second_time)
    with pytest.raises(StorageFull):
        Database.open(filled, SCHEMA, backups=filled.parent / "backups")
    assert filled.read_bytes() == content
    assert kept_aside(filled.parent) == []


@pytest.fixture
def open_to_all() -> Iterator[Path]:
    """A folder whose parents everybody may enter."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        folder.chmod(0o755)
        yield folder
        folder.chmod(0o755)


def test_in_a_folder_that_may_not_be_written_chats_can_be_read(
    open_to_all: Path, request: pytest.FixtureRequest
) -> None:
    with opened_database(open_to_all) as opened:
        key = chat(Repository(opened.database), "x", 4)
    (open_to_all / "hearth.db").chmod(0o444)
    open_to_all.chmod(0o555)
    content = (open_to_all / "hearth.db").read_bytes()
    request.getfixturevalue("unprivileged")
    with opened_database(open_to_all) as opened:
        assert isinstance(opened.notice, StorageReadOnly)
        repository = Repository(opened.database)
        assert len(repository.turns(key).result(DEADLINE_S)) == 4
        with pytest.raises(StorageReadOnly):
            repository.append(key, None, "user", "lost?").result(DEADLINE_S)
    assert (open_to_all / "hearth.db").read_bytes() == content
    assert [path.name for path in open_to_all.iterdir()] == ["hearth.db"]


def test_where_no_file_can_be_made_a_sentence_says_so(
    open_to_all: Path, request: pytest.FixtureRequest
) -> None:
    open_to_all.chmod(0o555)
    request.getfixturevalue("unprivileged")
    with pytest.raises(StorageReadOnly) as caught:
        Database.open(open_to_all / "hearth.db", SCHEMA, backups=open_to_all / "backups")
    assert caught.value.remedy


def test_a_folder_in_place_of_the_file_is_said(tmp_path: Path) -> None:
    (tmp_path / "hearth.db").mkdir()
    with pytest.raises(StorageError) as caught:
        Database.open(tmp_path / "hearth.db", SCHEMA, backups=tmp_path / "backups")
    assert caught.value.title


def test_a_database_held_by_another_program_is_said(
    filled: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pragmas = tuple(line for line in opening._PRAGMAS if "busy_timeout" not in line)
    monkeypatch.setattr(opening, "_PRAGMAS", ("PRAGMA busy_timeout = 50", *pragmas))
    with contextlib.closing(sqlite3.connect(filled, isolation_level=None)) as other:
        other.execute("PRAGMA locking_mode = EXCLUSIVE")
        other.execute("BEGIN EXCLUSIVE")
        with pytest.raises(StorageError, match="Another program"):
            Database.open(filled, SCHEMA, backups=filled.parent / "backups")
        other.execute("ROLLBACK")
    assert kept_aside(filled.parent) == []
    with opened_database(filled.parent) as opened:
        assert opened.notice is None
