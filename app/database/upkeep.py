"""The daily copy of the database, made while Hearth runs, on a thread of its own.

Verifying the copy checks the live file too: it is the same pages. Reads through a connection of
its own, so that messages go on being stored meanwhile.
"""

from __future__ import annotations

import datetime as dt
import logging
import sqlite3
import threading
from collections.abc import Callable
from pathlib import Path

from app.database import backups
from app.database.faults import damaged, translate
from app.database.opening import ask_for_check
from app.foundation.errors import HearthError, StorageFull

log = logging.getLogger(__name__)

LOOK_EVERY_S = 1800.0


class Upkeep:
    """Looks now and then whether today has its copy, until stopped."""

    def __init__(self, path: Path, folder: Path) -> None:
        self._path = path
        self._folder = folder
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None

    def start(self, report: Callable[[HearthError], None], first_delay_s: float) -> None:
        """Begin; at most once."""
        assert self._thread is None, "upkeep is running already"
        self._thread = threading.Thread(
            target=self._run, args=(report, first_delay_s), name="hearth-upkeep", daemon=True
        )
        self._thread.start()

    def stop(self, deadline_s: float) -> None:
        """Give up a copy being made, and end."""
        self._stop.set()
        if self._thread is not None:
            self._thread.join(deadline_s)

    def _run(self, report: Callable[[HearthError], None], first_delay_s: float) -> None:
        told = ""
        wait_s = first_delay_s
        while not self._stop.wait(wait_s):
            wait_s = LOOK_EVERY_S
            problem = self._look()
            if problem is not None and problem.code != told:
                told = problem.code
                report(problem)

    def _look(self) -> HearthError | None:
        try:
            make_daily_copy(self._path, self._folder, dt.datetime.now().date(), self._stop)
        except backups.BackupStopped:
            return None
        except HearthError as error:
            return error
        except sqlite3.Error:
            # A fault of ours must not end the copies of the days to come.
            log.exception("database: today's copy failed")
        return None


def make_daily_copy(
    path: Path, folder: Path, today: dt.date, stop: threading.Event | None = None
) -> Path | None:
    """Today's verified copy, older ones thinned out; None when today has one already.

    Raises a StorageError, BackupStopped when `stop` is set, and leaves no half copy.
    """
    target = folder / backups.daily_name(today)
    if target.exists():
        return None
    try:
        backups.copy(path, target, stop=stop)
        deleted = backups.thin_out(folder)
    except backups.UnsoundCopy as error:
        ask_for_check(path)
        raise damaged(path, str(error)) from error
    except (sqlite3.Error, OSError) as error:
        told = translate(error, path)
        raise (_no_space(path) if isinstance(told, StorageFull) else told) from error
    log.info("database: copied to %s, %d old copies deleted", target.name, len(deleted))
    return target


def _no_space(path: Path) -> StorageFull:
    return StorageFull(
        "There is no room for today's backup of your chats.",
        f"A copy of {path.name} would fill the disk. Your chats themselves are stored as ever.",
        "Free some space; the backup is then made by itself.",
    )
