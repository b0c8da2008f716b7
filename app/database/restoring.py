"""Bring back from a copy what the open database lacks. Runs on the database thread.

Adds rows whose key is not there and changes none: every key in Hearth's tables is unique for
all time. Does not know what rows mean.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import sqlite3
from pathlib import Path

from app.database.backups import is_sound
from app.database.migrations import Schema, migrate
from app.database.salvage import tables_of
from app.database.transaction import transaction
from app.foundation.errors import DatabaseDamaged


def merge(connection: sqlite3.Connection, backup: Path, schema: Schema, path: Path) -> int:
    """Add what `backup` has and the database at `path` lacks; how many rows that was.

    The copy itself is not changed: an older one is brought up to date in a copy of it.
    """
    if not is_sound(backup, schema.version):
        raise DatabaseDamaged(
            "This backup cannot be restored.",
            f"{backup.name} is damaged, or was made by a newer Hearth.",
            "Choose another backup. Nothing was changed.",
        )
    part = path.with_name(f"{path.name}.restoring")
    try:
        part.unlink(missing_ok=True)
        os.close(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
        shutil.copyfile(backup, part)
        with contextlib.closing(sqlite3.connect(part, isolation_level=None)) as old:
            old.execute("PRAGMA journal_mode = DELETE")
            migrate(old, schema.steps, lambda _version: None)
        return _add_missing(connection, part, schema)
    finally:
        part.unlink(missing_ok=True)


def _add_missing(connection: sqlite3.Connection, source: Path, schema: Schema) -> int:
    connection.execute("PRAGMA foreign_keys = OFF")
    connection.execute("ATTACH ? AS restored", (source.absolute().as_uri() + "?mode=ro",))
    try:
        with transaction(connection):
            schema.unmend(connection)
            before = connection.total_changes
            for table in tables_of(connection):
                names = ", ".join(column.name for column in table.columns)
                connection.execute(
                    f"INSERT OR IGNORE INTO main.{table.name} ({names})"
                    f" SELECT {names} FROM restored.{table.name}"
                )
            added = connection.total_changes - before
            schema.mend(connection)
            return added
    finally:
        connection.execute("DETACH restored")
        connection.execute("PRAGMA foreign_keys = ON")
