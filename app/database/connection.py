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
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, TypeVar

from app.database.faults import is_damage, translate
from app.database.migrations import Schema
from app.database.opening import Opening, ask_for_check, open_file
from app.database.transaction import transaction
from app.database.upkeep import Upkeep
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
    writes: bool


@dataclass(frozen=True, slots=True)
class Opened:
    """What opening did. `notice` is for the person to read; the database works all the same."""

    database: Database
    notice: HearthError | None
    newest_backup: Path | None


class Database:
    """One file, one thread. Made by `Database.open`."""

    def __init__(self, path: Path, schema: Schema, *, backups: Path) -> None:
        self.path = path
        self._schema = schema
        self._jobs: queue.SimpleQueue[_Job[Any] | None] = queue.SimpleQueue()
        self._lock = threading.Lock()
        self._is_closed = False
        self._upkeep = Upkeep(path, backups)
        self._backups = backups
        self._opening: Future[Opening] = Future()
        self._thread = threading.Thread(target=self._run, name="hearth-database", daemon=True)

    @classmethod
    def open(cls, path: Path, schema: Schema, *, backups: Path) -> Opened:
        """Open or make the database at `path`; waits for the disk.

        Damage never fails: the file is kept aside, what can be read is saved into a fresh one,
        and the notice says so. Raises DatabaseTooNew (nothing touched), StorageFull,
        StorageReadOnly or StorageError.
        """
        database = cls(path, schema, backups=backups)
        database._thread.start()
        found = database._opening.result()
        return Opened(database, found.notice, found.newest_backup)

    def call(self, work: Work[T]) -> Future[T]:
        """Run `work` in a transaction that may write; durable when the future is done."""

        def writing(connection: sqlite3.Connection) -> T:
            with transaction(connection):
                return work(connection)

        return self._submit(writing, writes=True)

    def read(self, work: Work[T]) -> Future[T]:
        """Run `work` in a transaction that only reads, on one state of the data."""

        def reading(connection: sqlite3.Connection) -> T:
            with transaction(connection, "DEFERRED"):
                return work(connection)

        return self._submit(reading)

    def restore(self, backup: Path) -> Future[int]:
        """Bring back from a copy what is missing here; how many rows that was.

        Nothing stored now is changed or removed. DatabaseDamaged when the copy is no good.
        """

        def restoring(connection: sqlite3.Connection) -> int:
            # Not at start-up: hardly anybody ever needs it.
            from app.database.restoring import merge

            return merge(connection, backup, self._schema, self.path)

        return self._submit(restoring, writes=True)

    def start_upkeep(self, report: Callable[[HearthError], None], first_delay_s: float) -> None:
        """Make the daily copy on a thread of its own, the first after `first_delay_s` seconds.

        `report` is called there with what a person should know: damage found, no space left.
        """
        self._upkeep.start(report, first_delay_s)

    def close(self, deadline_s: float) -> bool:
        """Finish what was asked for, fold the log into the file, close. False if that took longer.

        Later calls fail with a StorageError; closing again only waits.
        """
        ends_at = time.monotonic() + deadline_s
        self._upkeep.stop(deadline_s)
        with self._lock:
            if not self._is_closed:
                self._is_closed = True
                self._jobs.put(None)
        self._thread.join(max(0.0, ends_at - time.monotonic()))
        return not self._thread.is_alive()

    def _submit(self, work: Work[T], *, writes: bool = False) -> Future[T]:
        answer: Answer[T] = Answer(self._thread)
        with self._lock:
            if not self._is_closed:
                self._jobs.put(_Job(work, answer, writes))
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
            found = open_file(self.path, self._schema, self._backups)
        except BaseException as error:  # noqa: BLE001 - it belongs to whoever waits
            self._opening.set_exception(_translated(error, self.path))
            return
        self._opening.set_result(found)
        while (job := self._jobs.get()) is not None:
            if found.is_frozen and job.writes:
                found = self._thawed(found)
            self._carry_out(found, job)
            # Not to keep alive what the caller has let go of until the next job comes.
            del job
        _close(found.connection)

    def _thawed(self, frozen: Opening) -> Opening:
        """What can only be read is opened again before a write: there may be room by now."""
        try:
            again = open_file(self.path, self._schema, self._backups)
        except (HearthError, sqlite3.Error) as error:
            log.warning("database: still read-only: %s", error)
            return frozen
        frozen.connection.close()
        return again

    def _carry_out(self, found: Opening, job: _Job[T]) -> None:
        if not job.answer.set_running_or_notify_cancel():
            return
        if found.is_frozen and job.writes:
            job.answer.set_exception(found.notice)
            return
        try:
            result = job.work(found.connection)
        except BaseException as error:  # noqa: BLE001 - it belongs to whoever waits
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


def _close(connection: sqlite3.Connection) -> None:
    started = time.monotonic()
    try:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    except sqlite3.Error as error:
        log.warning("database: the log stays beside the file: %s", error)
    connection.close()
    log.info("database: closed in %.0f ms", (time.monotonic() - started) * 1000)
