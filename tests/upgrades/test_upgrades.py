"""Today's code opens the profile of every released version, and nothing of it is lost."""

from __future__ import annotations

import contextlib
import json
import shutil
import sqlite3
from pathlib import Path
from typing import Any

import pytest

from app.conversations.repository import Repository
from app.conversations.schema import SCHEMA
from app.database import backups
from app.database.connection import Database
from app.settings.file import SettingsFile
from app.settings.schema import BY_KEY, OPTIONS
from tests.fixtures.store import DEADLINE_S, opened_database
from tests.upgrades import make

RELEASES = sorted(path.parent for path in make.HERE.glob("*/hearth.sql"))


@pytest.fixture(params=RELEASES, ids=lambda folder: str(folder.name))
def release(request: pytest.FixtureRequest) -> Path:
    folder: Path = request.param
    return folder


@pytest.fixture
def profile(release: Path, tmp_path: Path) -> Path:
    """The profile of that release, as its own code left it on disk."""
    sql = (release / "hearth.sql").read_text(encoding="utf-8")
    with contextlib.closing(sqlite3.connect(tmp_path / "hearth.db")) as connection:
        connection.executescript(sql)
        connection.execute("PRAGMA journal_mode = WAL")
    shutil.copyfile(release / "settings.json", tmp_path / "settings.json")
    return tmp_path


def expected_of(release: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((release / "expected.json").read_text(encoding="utf-8"))
    return found


def same(then: Any, now: Any) -> bool:
    """Equal in everything that was known then; fields that came later are free."""
    if isinstance(then, dict):
        return isinstance(now, dict) and all(same(then[key], now.get(key)) for key in then)
    if isinstance(then, list):
        return len(then) == len(now) and all(map(same, then, now))
    return bool(then == now)


def test_there_is_a_profile_of_the_first_release() -> None:
    assert "0.1.0" in [folder.name for folder in RELEASES]


def test_every_conversation_and_turn_is_there(profile: Path, release: Path) -> None:
    with opened_database(profile) as opened:
        assert opened.notice is None
        found = make.listing(opened.database)
    expected = expected_of(release)["conversations"]
    assert len(expected) == len(found)
    for then, now in zip(expected, found, strict=True):
        assert same(then, now), f"{then}\n{now}"


def test_every_setting_is_there(profile: Path, release: Path) -> None:
    settings = SettingsFile(profile / "settings.json")
    assert settings.notice is None
    for key, value in expected_of(release)["settings"].items():
        if key in BY_KEY:
            assert settings.get(BY_KEY[key]) == value


def test_it_can_be_used_and_restored_as_any_other(profile: Path, release: Path) -> None:
    with opened_database(profile) as opened:
        repository = Repository(opened.database)
        assert repository.mark_interrupted().result(DEADLINE_S) >= 1
        for conversation in repository.list().result(DEADLINE_S):
            turns = repository.turns(conversation.id).result(DEADLINE_S)
            head = turns[-1].id if turns else None
            repository.append(conversation.id, head, "user", "today").result(DEADLINE_S)
        saved = backups.copy(profile / "hearth.db", profile / "saved.db", pause_s=0)
    fresh = profile / "fresh"
    opened_fresh = Database.open(fresh_path(fresh), SCHEMA, backups=fresh / "backups")
    try:
        opened_fresh.database.restore(saved).result(DEADLINE_S)
        restored = Repository(opened_fresh.database).list().result(DEADLINE_S)
        expected = expected_of(release)["conversations"]
        assert {entry.id for entry in restored} == {
            entry["id"] for entry in expected if entry["deleted_at"] is None
        }
    finally:
        assert opened_fresh.database.close(DEADLINE_S)


def fresh_path(folder: Path) -> Path:
    folder.mkdir()
    return folder / "hearth.db"


def test_todays_profile_could_be_released(tmp_path: Path) -> None:
    folder = tmp_path / "next"
    make.make(folder)
    expected = expected_of(folder)
    assert set(expected["settings"]) == {option.key for option in OPTIONS}
    states = {turn["state"] for entry in expected["conversations"] for turn in entry["turns"]}
    assert states == {"complete", "writing", "interrupted", "stopped", "failed"}
