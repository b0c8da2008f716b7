"""An older Hearth goes on with the copy from before an upgrade, and loses nothing of the newer."""

from __future__ import annotations

import contextlib
import datetime as dt
import errno
import os
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from app.conversations.schema import SCHEMA
from app.database.backups import copy, upgrade_name
from app.database.connection import Database
from app.database.going_back import go_back
from app.database.header import read_header, wal_of
from app.database.migrations import Schema
from app.foundation.errors import DatabaseDamaged, HearthError, ProfileInUse, StorageFull

TODAY = dt.date(2026, 12, 3)


def _step(connection: sqlite3.Connection) -> None:
    connection.execute("CREATE TABLE later (id INTEGER PRIMARY KEY)")


NEWER = Schema((*SCHEMA.steps, _step), SCHEMA.mend, SCHEMA.unmend)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "hearth.db"


@pytest.fixture
def backups(tmp_path: Path) -> Path:
    return tmp_path / "backups"


@pytest.fixture
def before(path: Path, backups: Path) -> Path:
    """The copy that a newer Hearth made; the database itself is the newer one's by now."""
    for schema in (SCHEMA, NEWER):
        opened = Database.open(path, schema, backups=backups)
        assert opened.database.close(10.0)
    (made,) = backups.glob("*.db")
    return made


def go(path: Path, made: Path) -> Path:
    return go_back(path, made, SCHEMA.version, TODAY)


def version_at(path: Path) -> int:
    header = read_header(path)
    assert header is not None
    return header.user_version


def test_the_older_one_opens_and_the_newer_one_is_kept(
    path: Path, backups: Path, before: Path
) -> None:
    assert version_at(path) == NEWER.version
    newer = path.read_bytes()
    kept = go(path, before)
    assert kept == backups / f"hearth-from-newer-{NEWER.version}-2026-12-03.db"
    assert kept.read_bytes() == newer
    assert before.exists()
    opened = Database.open(path, SCHEMA, backups=backups)
    assert opened.notice is None
    assert opened.database.close(10.0)
    assert kept.read_bytes() == newer
    if os.name == "posix":
        assert path.stat().st_mode & 0o777 == 0o600


def test_what_is_still_in_the_log_of_the_newer_one_is_kept_too(path: Path, before: Path) -> None:
    connection = sqlite3.connect(path)
    connection.execute("INSERT INTO later VALUES (7)")
    connection.commit()
    log = wal_of(path).read_bytes()
    connection.close()
    wal_of(path).write_bytes(log)  # as after a crash
    kept = go(path, before)
    assert not wal_of(path).exists()
    with contextlib.closing(sqlite3.connect(kept)) as newer:
        assert newer.execute("SELECT id FROM later").fetchall() == [(7,)]


def test_not_while_another_hearth_has_it_open(path: Path, before: Path) -> None:
    opened = Database.open(path, NEWER, backups=before.parent)
    content = path.read_bytes()
    with pytest.raises(ProfileInUse):
        go(path, before)
    assert opened.database.close(10.0)
    assert path.read_bytes()[:16] == content[:16]
    assert version_at(path) == NEWER.version
    assert sorted(before.parent.iterdir()) == [before]


def test_a_copy_that_is_not_sound_is_not_used(path: Path, before: Path) -> None:
    newer = path.read_bytes()
    before.write_bytes(before.read_bytes()[:5000])
    with pytest.raises(DatabaseDamaged, match="cannot be used"):
        go(path, before)
    copy(path, unsuited := before.parent / upgrade_name(9, TODAY))
    with pytest.raises(DatabaseDamaged, match="cannot be used"):
        go(path, unsuited)
    assert path.read_bytes() == newer


def test_a_file_system_without_links_gets_a_copy(
    path: Path, before: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_names: object) -> None:
        raise OSError(errno.EPERM, "no links here")

    newer = path.read_bytes()
    monkeypatch.setattr(os, "link", refuse)
    assert go(path, before).read_bytes() == newer
    assert version_at(path) == SCHEMA.version


def _failing(monkeypatch: pytest.MonkeyPatch, at: int) -> list[str]:
    """The disk is full from the `at`-th operation on; what was asked of it."""
    asked: list[str] = []

    def failing(name: str, real: Callable[..., Any]) -> Callable[..., Any]:
        def call(*words: Any, **more: Any) -> Any:
            asked.append(name)
            if len(asked) > at:
                raise OSError(errno.ENOSPC, "full")
            return real(*words, **more)

        return call

    for name in ("open", "fsync", "link"):
        monkeypatch.setattr(os, name, failing(name, getattr(os, name)))
    monkeypatch.setattr(Path, "replace", failing("replace", Path.replace))
    return asked


@pytest.mark.parametrize("at", range(12))
def test_a_disk_that_is_full_at_any_moment_leaves_one_or_the_other(
    path: Path, before: Path, monkeypatch: pytest.MonkeyPatch, at: int
) -> None:
    newer = path.read_bytes()
    with monkeypatch.context() as patched:
        asked = _failing(patched, at)
        error: HearthError | None = None
        try:
            go(path, before)
        except HearthError as caught:
            error = caught
    if error is None:
        assert len(asked) <= at or version_at(path) == SCHEMA.version
        return
    assert isinstance(error, StorageFull)
    assert path.read_bytes() == newer
    assert sorted(before.parent.iterdir()) == [before]
    assert not list(path.parent.glob("*.going-back"))
