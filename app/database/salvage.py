"""What can still be read of a damaged file, put into a fresh one. Runs on the database thread.

The damaged file is only read. Tables are known by the fresh file's schema; what their rows mean
is left to the schema's `mend`.
"""

from __future__ import annotations

import logging
import sqlite3
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from app.database.pages import RawFile, Row, Value
from app.database.transaction import transaction

log = logging.getLogger(__name__)

_BATCH = 500


@dataclass(frozen=True, slots=True)
class Saved:
    """How many rows came through, and in how many places something could not be read."""

    n_rows: int = 0
    n_broken: int = 0

    def sentence(self) -> str:
        if self.n_rows == 0:
            return "Nothing of it could be read."
        lost = f"; {self.n_broken} places in it could not be read" if self.n_broken else ""
        return f"What can be read of it was saved ({self.n_rows} entries){lost}."


@dataclass(frozen=True, slots=True)
class _Column:
    name: str
    kind: str
    is_needed: bool
    is_key: bool

    def takes(self, value: Value) -> bool:
        if value is None:
            return not self.is_needed
        if self.kind == "TEXT":
            return isinstance(value, str)
        return isinstance(value, int if self.kind == "INTEGER" else (int, float))

    def filled(self, value: Value) -> Value:
        """Something for a lost value that must not be missing, so that the rest is not lost."""
        if value is not None or not self.is_needed:
            return value
        return "" if self.kind == "TEXT" else 0


@dataclass(frozen=True, slots=True)
class Table:
    """A table of today's schema, by name."""

    name: str
    columns: tuple[_Column, ...]

    def fits(self, row: Row) -> bool:
        """Whether a row found anywhere looks like one of this table."""
        if len(row.values) != len(self.columns):
            return False
        return all(
            column.takes(value) for column, value in zip(self.columns, row.values, strict=True)
        )

    def entry(self, row: Row) -> tuple[Value, ...] | None:
        """The values to store; None where the key is lost."""
        values = [*row.values[: len(self.columns)]]
        values += [None] * (len(self.columns) - len(values))
        for position, (column, value) in enumerate(zip(self.columns, values, strict=True)):
            if column.is_key and column.kind == "INTEGER" and value is None:
                values[position] = row.rowid
            elif column.is_key and not column.takes(value):
                return None
        return tuple(
            column.filled(value) for column, value in zip(self.columns, values, strict=True)
        )


def save_rows(damaged: Path, wal: Path, fresh: sqlite3.Connection) -> Saved:
    """Copy every row of `damaged` (and its log) that can be read into `fresh`, an empty database.

    About 20 MB a second. Foreign keys are off meanwhile; a full disk ends it early.
    """
    tables = tables_of(fresh)
    fresh.execute("PRAGMA foreign_keys = OFF")
    try:
        with RawFile(damaged, wal) as raw:
            n_rows = _save_trees(raw, tables, fresh) + _save_strays(raw, tables, fresh)
            return Saved(n_rows, raw.n_broken)
    except (OSError, sqlite3.Error):
        log.exception("database: salvage ended early")
        return Saved(sum(_count(fresh, table) for table in tables), 1)
    finally:
        fresh.execute("PRAGMA foreign_keys = ON")


def tables_of(fresh: sqlite3.Connection) -> list[Table]:
    names = fresh.execute(
        "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite~_%' ESCAPE"
        " '~'"
    ).fetchall()
    return [Table(name, tuple(_columns(fresh, name))) for (name,) in names]


def _columns(fresh: sqlite3.Connection, table: str) -> Iterator[_Column]:
    for _, name, kind, not_null, default, key in fresh.execute(f"PRAGMA table_info({table})"):
        yield _Column(name, kind, bool(not_null) and default is None, bool(key))


def _save_trees(raw: RawFile, tables: list[Table], fresh: sqlite3.Connection) -> int:
    roots = raw.roots()
    n_rows = 0
    for table in tables:
        if table.name in roots:
            rows = raw.table(roots[table.name])
            n_rows += _insert(fresh, table, rows)
    return n_rows


def _save_strays(raw: RawFile, tables: list[Table], fresh: sqlite3.Connection) -> int:
    n_rows = 0
    for row in raw.strays():
        table = next((table for table in tables if table.fits(row)), None)
        if table is not None:
            n_rows += _insert(fresh, table, [row])
    return n_rows


def _insert(fresh: sqlite3.Connection, table: Table, rows: Iterable[Row]) -> int:
    names = ", ".join(column.name for column in table.columns)
    marks = ", ".join("?" for _ in table.columns)
    statement = f"INSERT OR IGNORE INTO {table.name} ({names}) VALUES ({marks})"
    entries = (entry for row in rows if (entry := table.entry(row)) is not None)
    before = fresh.total_changes
    while batch := list(islice(entries, _BATCH)):
        with transaction(fresh):
            fresh.executemany(statement, batch)
    return fresh.total_changes - before


def _count(fresh: sqlite3.Connection, table: Table) -> int:
    return int(fresh.execute(f"SELECT count(*) FROM {table.name}").fetchone()[0])
