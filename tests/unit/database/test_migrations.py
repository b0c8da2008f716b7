from __future__ import annotations

import contextlib
import hashlib
import sqlite3
from pathlib import Path

import pytest

from app.database import backups
from app.database.connection import Database
from app.database.header import APPLICATION_ID, read_header
from app.database.migrations import Schema, migrate, version_of
from app.foundation.errors import DatabaseTooNew, StorageFull

DEADLINE_S = 60.0


def _first(connection: sqlite3.Connection) -> None:
    connection.execute("CREATE TABLE note (id TEXT NOT NULL PRIMARY KEY, text TEXT NOT NULL)")


def _second(connection: sqlite3.Connection) -> None:
    connection.execute("ALTER TABLE note ADD COLUMN size INTEGER")
    connection.execute("UPDATE note SET size = length(text)")


def _broken(connection: sqlite3.Connection) -> None:
    connection.execute("DELETE FROM note")
    connection.execute("DROP TABLE nowhere")


def _nothing(_connection: sqlite3.Connection) -> None:
    return


def schema(*steps: object) -> Schema:
    return Schema(steps=steps, mend=_nothing, unmend=_nothing)  # type: ignore[arg-type]


def make(folder: Path, *steps: object, n_rows: int = 3) -> Path:
    path = folder / "hearth.db"
    opened = Database.open(path, schema(*steps), backups=folder / "backups")
    for number in range(n_rows):
        opened.database.call(
            lambda db, number=number: db.execute(
                "INSERT INTO note (id, text) VALUES (?, ?)", (str(number), "x" * number)
            )
        ).result(DEADLINE_S)
    assert opened.database.close(DEADLINE_S)
    return path


def rows(path: Path) -> list[tuple[object, ...]]:
    with contextlib.closing(sqlite3.connect(path)) as connection:
        return connection.execute("SELECT * FROM note ORDER BY id").fetchall()


def test_a_new_file_goes_through_every_step_without_a_backup(tmp_path: Path) -> None:
    path = make(tmp_path, _first, _second, n_rows=0)
    header = read_header(path)
    assert header is not None
    assert (header.user_version, header.application_id) == (2, APPLICATION_ID)
    assert backups.stored(tmp_path / "backups") == []


def test_an_older_file_is_copied_and_then_brought_up_to_date(tmp_path: Path) -> None:
    path = make(tmp_path, _first)
    make(tmp_path, _first, _second, n_rows=0)
    assert rows(path) == [("0", "", 0), ("1", "x", 1), ("2", "xx", 2)]
    (copy,) = backups.stored(tmp_path / "backups")
    assert copy.name.startswith("hearth-before-upgrade-1-")
    assert rows(copy) == [("0", ""), ("1", "x"), ("2", "xx")]


def test_a_step_that_fails_leaves_everything_as_it_was(tmp_path: Path) -> None:
    path = make(tmp_path, _first)
    with pytest.raises(sqlite3.OperationalError, match="nowhere"):
        Database.open(path, schema(_first, _second, _broken), backups=tmp_path / "backups")
    header = read_header(path)
    assert header is not None
    assert header.user_version == 2
    assert rows(path) == [("0", "", 0), ("1", "x", 1), ("2", "xx", 2)]
    make(tmp_path, _first, _second, n_rows=0)


def test_without_room_for_the_copy_nothing_is_migrated(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = make(tmp_path, _first)
    before = hashlib.sha256(path.read_bytes()).hexdigest()
    monkeypatch.setattr(backups, "SPARE_BYTES", 1 << 62)
    with pytest.raises(StorageFull):
        Database.open(path, schema(_first, _second), backups=tmp_path / "backups")
    assert hashlib.sha256(path.read_bytes()).hexdigest() == before


@pytest.mark.parametrize("is_cleanly_closed", [True, False])
def test_a_newer_file_is_refused_untouched(tmp_path: Path, is_cleanly_closed: bool) -> None:
    path = make(tmp_path, _first)
    if is_cleanly_closed:
        make(tmp_path, _first, _second, n_rows=0)
    else:
        # The version is in the log only, as after a crash of the newer Hearth.
        newer = tmp_path / "newer"
        newer.mkdir()
        connection = sqlite3.connect(path, isolation_level=None)
        connection.execute("PRAGMA journal_mode = WAL")
        migrate(connection, (_first, _second), lambda _version: None)
        assert version_of(connection) == 2
        for name in ("hearth.db", "hearth.db-wal"):
            (newer / name).write_bytes((tmp_path / name).read_bytes())
        connection.close()
        path = newer / "hearth.db"
    before = {file.name: file.read_bytes() for file in path.parent.iterdir() if file.is_file()}
    with pytest.raises(DatabaseTooNew) as caught:
        Database.open(path, schema(_first), backups=tmp_path / "backups")
    after = {file.name: file.read_bytes() for file in path.parent.iterdir() if file.is_file()}
    assert after == before
    assert "version 2" in caught.value.detail
    assert caught.value.remedy
