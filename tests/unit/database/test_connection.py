from __future__ import annotations

import contextlib
import os
import sqlite3
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from app.database.connection import Database
from app.database.migrations import Schema
from app.foundation.errors import DatabaseDamaged, StorageError, StorageFull, StorageReadOnly

DEADLINE_S = 60.0


def _notes(connection: sqlite3.Connection) -> None:
    connection.execute("CREATE TABLE note (id TEXT NOT NULL PRIMARY KEY, text TEXT NOT NULL)")


def _nothing(_connection: sqlite3.Connection) -> None:
    return


SCHEMA = Schema(steps=(_notes,), mend=_nothing, unmend=_nothing)


def put(key: str, text: str = "") -> object:
    def work(connection: sqlite3.Connection) -> None:
        connection.execute("INSERT INTO note VALUES (?, ?)", (key, text))

    return work


def keys(connection: sqlite3.Connection) -> list[str]:
    return [key for (key,) in connection.execute("SELECT id FROM note ORDER BY id")]


@contextlib.contextmanager
def opened(folder: Path) -> Iterator[Database]:
    found = Database.open(folder / "hearth.db", SCHEMA, backups=folder / "backups")
    assert found.notice is None
    try:
        yield found.database
    finally:
        assert found.database.close(DEADLINE_S)


def test_what_was_written_is_there_after_a_restart(tmp_path: Path) -> None:
    with opened(tmp_path) as database:
        database.call(put("a")).result(DEADLINE_S)
    with opened(tmp_path) as database:
        assert database.read(keys).result(DEADLINE_S) == ["a"]


def test_the_connection_has_the_durable_and_careful_settings(tmp_path: Path) -> None:
    wanted = {
        "journal_mode": "wal",
        "synchronous": 2,
        "foreign_keys": 1,
        "trusted_schema": 0,
        "cell_size_check": 1,
        "busy_timeout": 5000,
        "fullfsync": 1,
    }

    def read(connection: sqlite3.Connection) -> dict[str, object]:
        return {name: connection.execute(f"PRAGMA {name}").fetchone()[0] for name in wanted}

    with opened(tmp_path) as database:
        assert database.read(read).result(DEADLINE_S) == wanted


def test_everything_runs_on_one_thread_in_order(tmp_path: Path) -> None:
    seen: list[tuple[int, str]] = []

    def work(number: int) -> object:
        def record(_connection: sqlite3.Connection) -> None:
            seen.append((number, threading.current_thread().name))

        return record

    with opened(tmp_path) as database:
        futures = [database.call(work(number)) for number in range(50)]
        for future in futures:
            future.result(DEADLINE_S)
    assert seen == [(number, "hearth-database") for number in range(50)]


def test_many_threads_may_write_at_once(tmp_path: Path) -> None:
    with opened(tmp_path) as database:

        def write(name: int) -> None:
            for number in range(25):
                database.call(put(f"{name}-{number:02}")).result(DEADLINE_S)

        threads = [threading.Thread(target=write, args=(name,)) for name in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len(database.read(keys).result(DEADLINE_S)) == 200


def test_work_that_raises_leaves_no_trace_and_no_lock(tmp_path: Path) -> None:
    def half(connection: sqlite3.Connection) -> None:
        connection.execute("INSERT INTO note VALUES ('half', '')")
        raise LookupError("a bug")

    with opened(tmp_path) as database:
        with pytest.raises(LookupError, match="a bug"):
            database.call(half).result(DEADLINE_S)
        database.call(put("whole")).result(DEADLINE_S)
        assert database.read(keys).result(DEADLINE_S) == ["whole"]


def test_a_wrong_statement_stays_the_bug_it_is(tmp_path: Path) -> None:
    with opened(tmp_path) as database:
        with pytest.raises(sqlite3.OperationalError, match="no such table"):
            database.read(lambda db: db.execute("SELECT * FROM nowhere")).result(DEADLINE_S)
        database.call(put("a")).result(DEADLINE_S)
        with pytest.raises(sqlite3.IntegrityError):
            database.call(put("a")).result(DEADLINE_S)


def test_the_database_thread_may_not_wait_for_itself(tmp_path: Path) -> None:
    with opened(tmp_path) as database:

        def waits(_connection: sqlite3.Connection) -> object:
            return database.read(keys).result()

        with pytest.raises(AssertionError, match="wait for itself"):
            database.read(waits).result(DEADLINE_S)

        def asks(_connection: sqlite3.Connection) -> object:
            return database.read(keys).exception()

        with pytest.raises(AssertionError, match="wait for itself"):
            database.read(asks).result(DEADLINE_S)


def test_a_done_callback_may_read_its_result_and_ask_for_more(tmp_path: Path) -> None:
    answers: list[list[str]] = []
    done = threading.Event()
    with opened(tmp_path) as database:

        def second(future: object) -> None:
            answers.append(future.result())  # type: ignore[attr-defined]
            done.set()

        def first(future: object) -> None:
            future.result()  # type: ignore[attr-defined]
            database.read(keys).add_done_callback(second)

        database.call(put("a")).add_done_callback(first)
        assert done.wait(DEADLINE_S)
    assert answers == [["a"]]


def test_a_cancelled_call_does_not_run(tmp_path: Path) -> None:
    go = threading.Event()
    with opened(tmp_path) as database:
        database.read(lambda _db: go.wait(DEADLINE_S))
        waiting = database.call(put("cancelled"))
        assert waiting.cancel()
        go.set()
        assert database.read(keys).result(DEADLINE_S) == []


def test_closing_finishes_what_was_asked_for_and_folds_the_log(tmp_path: Path) -> None:
    with opened(tmp_path) as database:
        futures = [database.call(put(f"{number:03}")) for number in range(100)]
    assert all(future.done() for future in futures)
    assert [path.name for path in sorted(tmp_path.iterdir())] == ["hearth.db"]
    with contextlib.closing(sqlite3.connect(tmp_path / "hearth.db")) as plain:
        assert len(keys(plain)) == 100


def test_after_closing_calls_fail_with_a_sentence(tmp_path: Path) -> None:
    with opened(tmp_path) as database:
        pass
    late = database.call(put("late"))
    with pytest.raises(StorageError) as caught:
        late.result(DEADLINE_S)
    assert caught.value.remedy
    assert database.close(DEADLINE_S)


def test_closing_says_when_the_deadline_was_not_met(tmp_path: Path) -> None:
    go = threading.Event()
    with opened(tmp_path) as database:
        database.read(lambda _db: go.wait(DEADLINE_S))
        assert not database.close(0.01)
        go.set()


def test_files_are_for_their_owner_only(tmp_path: Path) -> None:
    if os.name != "posix":
        pytest.skip("POSIX modes")
    path = tmp_path / "hearth.db"
    with opened(tmp_path) as database:
        database.call(put("a")).result(DEADLINE_S)
        modes = {file.name: file.stat().st_mode & 0o777 for file in tmp_path.iterdir()}
        assert modes == {"hearth.db": 0o600, "hearth.db-wal": 0o600, "hearth.db-shm": 0o600}
    path.chmod(0o644)
    with opened(tmp_path):
        assert path.stat().st_mode & 0o777 == 0o600


def test_a_full_disk_fails_the_write_and_nothing_else(tmp_path: Path) -> None:
    with opened(tmp_path) as database:
        database.call(put("before")).result(DEADLINE_S)

        def limit(connection: sqlite3.Connection) -> None:
            n_pages = connection.execute("PRAGMA page_count").fetchone()[0]
            connection.execute(f"PRAGMA max_page_count = {n_pages}")

        database.read(limit).result(DEADLINE_S)
        with pytest.raises(StorageFull) as caught:
            database.call(put("too large", "x" * 100_000)).result(DEADLINE_S)
        assert "space" in caught.value.remedy
        assert database.read(keys).result(DEADLINE_S) == ["before"]
        lift = "PRAGMA max_page_count = 1000000"
        database.read(lambda connection: connection.execute(lift).fetchone()).result(DEADLINE_S)
        database.call(put("after", "x" * 100_000)).result(DEADLINE_S)
        assert database.read(keys).result(DEADLINE_S) == ["after", "before"]


def test_a_write_in_a_read_only_database_is_refused_with_a_sentence(tmp_path: Path) -> None:
    with opened(tmp_path) as database:
        database.read(lambda db: db.execute("PRAGMA query_only = ON")).result(DEADLINE_S)
        with pytest.raises(StorageReadOnly) as caught:
            database.call(put("a")).result(DEADLINE_S)
        assert caught.value.title
        assert caught.value.remedy


def test_a_lock_held_for_long_is_said_and_the_next_write_works(tmp_path: Path) -> None:
    with opened(tmp_path) as database:
        database.read(lambda db: db.execute("PRAGMA busy_timeout = 50")).result(DEADLINE_S)
        with contextlib.closing(
            sqlite3.connect(tmp_path / "hearth.db", isolation_level=None)
        ) as other:
            other.execute("BEGIN IMMEDIATE")
            with pytest.raises(StorageError, match="Another program"):
                database.call(put("a")).result(DEADLINE_S)
            assert database.read(keys).result(DEADLINE_S) == []
            other.execute("ROLLBACK")
        database.call(put("b")).result(DEADLINE_S)
        assert database.read(keys).result(DEADLINE_S) == ["b"]


def test_damage_met_in_use_is_said_and_checked_at_the_next_start(tmp_path: Path) -> None:
    path = tmp_path / "hearth.db"
    with opened(tmp_path) as database:
        for number in range(200):
            database.call(put(f"{number:03}", "x" * 500))
    with opened(tmp_path) as database:
        with path.open("r+b") as file:
            file.seek(4096)
            file.write(b"\xff" * (path.stat().st_size - 4096))
        database.read(lambda db: db.execute("PRAGMA shrink_memory")).result(DEADLINE_S)
        with pytest.raises(DatabaseDamaged) as caught:
            database.read(keys).result(DEADLINE_S)
        assert "Start Hearth again" in caught.value.remedy
    found = Database.open(path, SCHEMA, backups=tmp_path / "backups")
    assert isinstance(found.notice, DatabaseDamaged)
    assert found.database.close(DEADLINE_S)
