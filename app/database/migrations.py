"""Numbered steps from an empty file to today's tables. Runs on the database thread.

Step n takes a database from version n - 1 to n in one transaction, the number included: after
a crash it has happened or it has not. Does not know what the tables are for.
"""

from __future__ import annotations

import logging
import sqlite3
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from app.database.header import APPLICATION_ID
from app.database.transaction import transaction
from app.foundation.errors import DatabaseTooNew

log = logging.getLogger(__name__)

Migration = Callable[[sqlite3.Connection], None]


@dataclass(frozen=True, slots=True)
class Schema:
    """The steps to today's tables, in order, and how to make sense of rows that were saved.

    `mend` runs in a transaction after rows came in from a damaged file or from a backup, when
    some that belong together may be missing; `unmend` takes back what `mend` made up, before
    more rows come in. Foreign keys are off in `unmend`.
    """

    steps: tuple[Migration, ...]
    mend: Migration
    unmend: Migration

    @property
    def version(self) -> int:
        return len(self.steps)


def version_of(connection: sqlite3.Connection) -> int:
    """How many steps this database has been through."""
    return int(connection.execute("PRAGMA user_version").fetchone()[0])


def migrate(
    connection: sqlite3.Connection,
    steps: Sequence[Migration],
    before: Callable[[int], object],
) -> int:
    """Carry out the missing steps; how many there were.

    `before` is called once with the version found, when there is something to lose, and stops
    everything by raising.
    """
    found = version_of(connection)
    if found > 0 and found < len(steps):
        before(found)
    for number, step in enumerate(steps[found:], found + 1):
        log.info("database: step %d of %d", number, len(steps))
        with transaction(connection):
            step(connection)
            connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
            connection.execute(f"PRAGMA user_version = {number}")
    return max(0, len(steps) - found)


def too_new(found: int, known: int) -> DatabaseTooNew:
    return DatabaseTooNew(
        "Your chats were last opened by a newer Hearth.",
        f"Their database has version {found}; this Hearth knows versions up to {known}. "
        "It was not touched.",
        "Start the newer Hearth, or use another folder for this one: hearth --profile FOLDER",
    )
