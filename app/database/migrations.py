"""Numbered steps from an empty file to today's tables. Runs on the database thread.

Step n takes a database from version n - 1 to n in one transaction, the number included: after
a crash it has happened or it has not. Does not know what the tables are for.
"""

from __future__ import annotations

import logging
import sqlite3
from collections.abc import Callable, Sequence

from app.database.header import APPLICATION_ID
from app.foundation.errors import DatabaseTooNew

log = logging.getLogger(__name__)

Migration = Callable[[sqlite3.Connection], None]


def version_of(connection: sqlite3.Connection) -> int:
    """How many steps this database has been through."""
    return int(connection.execute("PRAGMA user_version").fetchone()[0])


def migrate(
    connection: sqlite3.Connection,
    migrations: Sequence[Migration],
    before: Callable[[int], object],
) -> int:
    """Carry out the missing steps; how many there were.

    `before` is called once with the version found, when there is something to lose, and stops
    everything by raising.
    """
    found = version_of(connection)
    if found > 0 and found < len(migrations):
        before(found)
    for number, step in enumerate(migrations[found:], found + 1):
        log.info("database: step %d of %d", number, len(migrations))
        connection.execute("BEGIN IMMEDIATE")
        try:
            step(connection)
            connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
            connection.execute(f"PRAGMA user_version = {number}")
            connection.execute("COMMIT")
        except BaseException:
            if connection.in_transaction:
                connection.execute("ROLLBACK")
            raise
    return max(0, len(migrations) - found)


def too_new(found: int, known: int) -> DatabaseTooNew:
    return DatabaseTooNew(
        "Your chats were last opened by a newer Hearth.",
        f"Their database has version {found}; this Hearth knows versions up to {known}. "
        "It was not touched.",
        "Start the newer Hearth, or use another folder for this one: hearth --profile FOLDER",
    )
