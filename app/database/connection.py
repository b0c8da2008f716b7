"""The one thread that owns the SQLite connection. Callers on any other thread get futures.

Every call is one transaction. What the environment does to it (full, read-only, damaged, locked)
arrives as a StorageError; anything else is a bug. Knows no tables.
"""

from __future__ import annotations

import logging
import queue
import sqlite3
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, TypeVar

from app.database.faults import is_damage, translate
from app.database.migrations import Migration
from app.database.opening import Opening, ask_for_check, open_file
from app.foundation.errors import HearthError, StorageError

log = logging.getLogger(__name__)
T = TypeVar("T")
Work = Callable[[sqlite3.Connection], T]


class Answer(Future[T]):
    """A future that may not be waited for on the thread that is to fulfil it."""

    def __init__(self, owner: threading.Thread) -> None:
        super().__init__()
        self._owner = owner

    def result(self, timeout: float | None = None) -> T:
        self._assert_elsewhere()
        return super().result(timeout)

    def exception(self, timeout: float | None = None) -> BaseException | None:
        self._assert_elsewhere()
        return super().exception(timeout)

    def _assert_elsewhere(self) -> None:
        assert self.done() or threading.current_thread() is not self._owner, (
            "the database thread would wait for itself"
        )


@dataclass(frozen=True, slots=True)
class _Job(Generic[T]):
    work: Work[T]
    answer: Answer[T]
    begin: str


@dataclass(frozen=True, slots=True)
class Opened:
    """What opening did. `notice` is for the person to read; the database works all the same."""

    database: Database
    notice: HearthError | None
    newest_backup: Path | None


class Database:
    """One file, one thread. Made by `Database.open`."""

    def __init__(self, path: Path, migrations: Sequence[Migration], *, backups: Path) -> None:
        self.path = path
        self.backups = backups
        self._migrations = tuple(migrations)
        self._jobs: queue.SimpleQueue[_Job[Any] | None] = queue.SimpleQueue()
        self._lock = threading.Lock()
        self._is_closed = False
        self._thread = threading.Thread(target=self._run, name="hearth-database", daemon=True)
        self._opening: Future[Opening] = Future()

    @classmethod
    def open(cls, path: Path, migrations: Sequence[Migration], *, backups: Path) -> Opened:
        """Open or make the database at `path`; waits for the disk.

        Damage never fails: the file is kept aside, what can be read is saved into a fresh one,
        and the notice says so. Raises DatabaseTooNew (nothing touched), StorageFull,
        StorageReadOnly or StorageError.
        """
        database = cls(path, migrations, backups=backups)
        database._thread.start()
        found = database._opening.result()
        return Opened(database, found.notice, found.newest_backup)

    def call(self, work: Work[T]) -> Future[T]:
        """Run `work` in a transaction that may write; durable when the future is done."""
        return self._submit(work, "BEGIN IMMEDIATE")

    def read(self, work: Work[T]) -> Future[T]:
        """Run `work` in a transaction that only reads, on one state of the data."""
        return self._submit(work, "BEGIN")

    def close(self, deadline_s: float) -> bool:
        """Finish what was asked for, fold the log into the file, close. False if that took longer.

        Later calls fail with a StorageError; closing again only waits.
        """
        with self._lock:
            if not self._is_closed:
                self._is_closed = True
                self._jobs.put(None)
        self._thread.join(deadline_s)
        return not self._thread.is_alive()

    def _submit(self, work: Work[T], begin: str) -> Future[T]:
        answer: Answer[T] = Answer(self._thread)
        with self._lock:
            if not self._is_closed:
                self._jobs.put(_Job(work, answer, begin))
                return answer
        answer.set_exception(
            StorageError(
                "Hearth is closing.",
                "Nothing more can be stored; what was stored before is safe.",
                "Start Hearth again.",
            )
        )
        return answer

    def _run(self) -> None:
        try:
            found = open_file(self.path, self._migrations, self.backups)
        except BaseException as error:  # noqa: BLE001 - it belongs to whoever waits
            self._opening.set_exception(_translated(error, self.path))
            return
        self._opening.set_result(found)
        while (job := self._jobs.get()) is not None:
            self._carry_out(found.connection, job)
            del job
        _close(found.connection)

    def _carry_out(self, connection: sqlite3.Connection, job: _Job[T]) -> None:
        if not job.answer.set_running_or_notify_cancel():
            return
        try:
            connection.execute(job.begin)
            result = job.work(connection)
            connection.execute("COMMIT")
        except BaseException as error:  # noqa: BLE001 - it belongs to whoever waits
            _roll_back(connection)
            if is_damage(error):
                ask_for_check(self.path)
            job.answer.set_exception(_translated(error, self.path))
        else:
            job.answer.set_result(result)


def _translated(error: BaseException, path: Path) -> BaseException:
    told = translate(error, path)
    if told is not error:
        told.__cause__ = error
    return told


def _roll_back(connection: sqlite3.Connection) -> None:
    if not connection.in_transaction:
        return
    try:
        connection.execute("ROLLBACK")
    except sqlite3.Error:
        log.exception("database: could not roll back")


def _close(connection: sqlite3.Connection) -> None:
    started = time.monotonic()
    try:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    except sqlite3.Error as error:
        log.warning("database: the log stays beside the file: %s", error)
    connection.close()
    log.info("database: closed in %.0f ms", (time.monotonic() - started) * 1000)
