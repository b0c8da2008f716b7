from __future__ import annotations

import contextlib
import datetime as dt
import sqlite3
from pathlib import Path

import pytest

from app.conversations.repository import Repository
from app.conversations.schema import SCHEMA
from app.database import upkeep
from app.database.connection import Database, Opened
from app.database.migrations import Schema
from app.foundation.errors import DatabaseDamaged
from tests.fixtures.store import DEADLINE_S, chat, opened_database

TODAY = dt.date(2026, 11, 23)


def backed_up(folder: Path) -> Path:
    made = upkeep.make_daily_copy(folder / "hearth.db", folder / "backups", TODAY)
    assert made is not None
    return made


def titles(opened: Opened) -> set[str]:
    return {found.title for found in Repository(opened.database).list().result(DEADLINE_S)}


def test_restoring_adds_what_is_missing_and_changes_nothing_else(tmp_path: Path) -> None:
    with opened_database(tmp_path) as opened:
        repository = Repository(opened.database)
        kept, lost = (chat(repository, title, 4) for title in ("kept", "lost"))
        copy = backed_up(tmp_path)
        repository.rename(kept, "renamed since").result(DEADLINE_S)
        head = repository.turns(kept).result(DEADLINE_S)[-1]
        newer = repository.append(kept, head.id, "user", "since then").result(DEADLINE_S)
        repository.delete(lost).result(DEADLINE_S)
        repository.purge(9e12).result(DEADLINE_S)
        assert opened.database.restore(copy).result(DEADLINE_S) == 5
        assert titles(opened) == {"renamed since", "lost"}
        assert len(repository.turns(lost).result(DEADLINE_S)) == 4
        assert repository.turns(kept).result(DEADLINE_S)[-1] == newer
        assert opened.database.restore(copy).result(DEADLINE_S) == 0
    assert sorted(path.name for path in tmp_path.iterdir()) == ["backups", "hearth.db"]


def test_a_recovered_chat_gets_its_own_name_back(tmp_path: Path) -> None:
    with opened_database(tmp_path) as opened:
        key = chat(Repository(opened.database), "The true title", 4)
        copy = backed_up(tmp_path)
    # Foreign keys are off in a plain connection: the turns stay, as after damage.
    with contextlib.closing(sqlite3.connect(tmp_path / "hearth.db", isolation_level=None)) as plain:
        plain.execute("DELETE FROM conversation")
        SCHEMA.mend(plain)
    with opened_database(tmp_path) as opened:
        repository = Repository(opened.database)
        assert titles(opened) == {"Recovered chat"}
        assert len(repository.turns(key).result(DEADLINE_S)) == 4
        opened.database.restore(copy).result(DEADLINE_S)
        assert titles(opened) == {"The true title"}
        assert len(repository.turns(key).result(DEADLINE_S)) == 4


def test_a_copy_of_an_older_schema_is_brought_up_to_date_first(tmp_path: Path) -> None:
    with opened_database(tmp_path) as opened:
        chat(Repository(opened.database), "old", 2)
        copy = backed_up(tmp_path)
        content = copy.read_bytes()

    def add_column(connection: sqlite3.Connection) -> None:
        connection.execute("ALTER TABLE conversation ADD COLUMN pinned INTEGER DEFAULT 0")

    later = Schema((*SCHEMA.steps, add_column), SCHEMA.mend, SCHEMA.unmend)
    fresh = tmp_path / "fresh"
    fresh.mkdir()
    opened = Database.open(fresh / "hearth.db", later, backups=fresh / "backups")
    try:
        assert opened.database.restore(copy).result(DEADLINE_S) == 3
        assert titles(opened) == {"old"}
    finally:
        assert opened.database.close(DEADLINE_S)
    assert copy.read_bytes() == content


def test_a_bad_copy_is_refused_and_changes_nothing(tmp_path: Path) -> None:
    bad = tmp_path / "bad.db"
    with opened_database(tmp_path) as opened:
        chat(Repository(opened.database), "x", 2)
        for content in (b"", b"no database" * 1000):
            bad.write_bytes(content)
            with pytest.raises(DatabaseDamaged, match="cannot be restored"):
                opened.database.restore(bad).result(DEADLINE_S)
        with pytest.raises(DatabaseDamaged):
            opened.database.restore(tmp_path / "missing.db").result(DEADLINE_S)
        assert titles(opened) == {"x"}
        chat(Repository(opened.database), "y", 2)
