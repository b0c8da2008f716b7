"""A profile that a newer Hearth has used: refused in words, and not a byte of it is touched."""

from __future__ import annotations

import contextlib
import datetime as dt
import hashlib
import json
import sqlite3
from pathlib import Path

import pytest

from app.bootstrap import start
from app.bootstrap.newer import refuse_newer, way_back
from app.conversations.schema import SCHEMA
from app.database.backups import copy, upgrade_name
from app.database.connection import Database
from app.database.header import read_header
from app.foundation.errors import DatabaseTooNew, HearthError, ProfileTooNew
from app.foundation.paths import Profile

OLDER_SETTINGS = {"schema": 1, "values": {"appearance.theme": "light"}}
NEWER_SETTINGS = {"schema": 2, "values": {"appearance.theme": "dark", "later": [1]}}


@pytest.fixture
def profile(tmp_path: Path) -> Profile:
    profile = Profile(tmp_path / "profile")
    profile.root.mkdir()
    opened = Database.open(profile.database, SCHEMA, backups=profile.backups)
    assert opened.database.close(10.0)
    return profile


def later_database(profile: Profile) -> None:
    with contextlib.closing(sqlite3.connect(profile.database)) as connection:
        connection.execute(f"PRAGMA user_version = {SCHEMA.version + 1}")


def later_settings(profile: Profile) -> None:
    profile.settings.write_text(json.dumps(NEWER_SETTINGS))


def picture(profile: Profile) -> dict[str, tuple[int, str]]:
    """Every file and folder, when it was changed and what is in it."""
    return {
        str(path): (
            path.stat().st_mtime_ns,
            hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else "",
        )
        for path in [profile.root, *profile.root.rglob("*")]
    }


@pytest.mark.parametrize("make", [later_database, later_settings])
@pytest.mark.parametrize("words", [[], ["ask", "How do I open a model?"], ["models", "list"]])
def test_nothing_of_it_is_touched(
    profile: Profile, make: object, words: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    make(profile)  # type: ignore[operator]
    before = picture(profile)
    assert start(["--profile", str(profile.root), *words]) != 0
    assert picture(profile) == before
    assert "newer Hearth" in capsys.readouterr().err


def test_the_errors_say_what_to_do(profile: Profile) -> None:
    refuse_newer(profile, SCHEMA.version)  # today's own is fine
    later_settings(profile)
    with pytest.raises(ProfileTooNew) as settings:
        refuse_newer(profile, SCHEMA.version)
    later_database(profile)
    with pytest.raises(DatabaseTooNew) as database:
        refuse_newer(profile, SCHEMA.version)
    for caught in (settings, database):
        error: HearthError = caught.value
        assert "--profile" in error.remedy
    assert way_back(profile, SCHEMA.version) is None


def copies(profile: Profile) -> None:
    """What a newer Hearth kept before it changed anything."""
    profile.backups.mkdir(exist_ok=True)
    day = dt.date(2026, 12, 1)
    copy(profile.database, profile.backups / upgrade_name(SCHEMA.version, day))
    profile.settings.with_name("settings-schema-1.json").write_text(json.dumps(OLDER_SETTINGS))
    profile.settings.with_name("settings-schema-3.json").write_text(json.dumps(NEWER_SETTINGS))


def test_doctor_goes_back_and_keeps_what_the_newer_one_wrote(
    profile: Profile, capsys: pytest.CaptureFixture[str]
) -> None:
    copies(profile)
    later_settings(profile)
    later_database(profile)
    with pytest.raises(DatabaseTooNew) as refused:
        refuse_newer(profile, SCHEMA.version)
    assert "your chats and your settings as they were" in refused.value.remedy
    assert "hearth doctor --go-back" in refused.value.remedy
    start(["--profile", str(profile.root), "doctor", "--go-back", "--json"])
    kept = json.loads(capsys.readouterr().out)["kept"]
    chats, settings = map(Path, kept)
    header = read_header(chats)
    assert header is not None
    assert header.user_version == SCHEMA.version + 1
    assert json.loads(settings.read_text()) == NEWER_SETTINGS
    assert json.loads(profile.settings.read_text()) == OLDER_SETTINGS
    refuse_newer(profile, SCHEMA.version)
    assert way_back(profile, SCHEMA.version) is None


def test_there_is_no_way_back_for_the_half_of_it(profile: Profile) -> None:
    later_settings(profile)
    copies(profile)
    later_database(profile)
    way = way_back(profile, SCHEMA.version)
    assert way is not None
    assert way.chats is not None
    assert way.settings is not None
    way.chats.unlink()
    assert way_back(profile, SCHEMA.version) is None


def test_doctor_has_nothing_to_go_back_to(
    profile: Profile, capsys: pytest.CaptureFixture[str]
) -> None:
    start(["--profile", str(profile.root), "doctor", "--go-back"])
    assert "There is nothing to go back to." in capsys.readouterr().out


@pytest.mark.parametrize("content", [b"", b"{", b'{"schema": "2", "values": {}}'])
def test_what_cannot_be_read_is_for_others_to_say(profile: Profile, content: bytes) -> None:
    profile.settings.write_bytes(content)
    refuse_newer(profile, SCHEMA.version)
    profile.database.write_bytes(content)
    refuse_newer(profile, SCHEMA.version)


def test_update_still_says_what_is_so(profile: Profile) -> None:
    later_database(profile)
    assert start(["--profile", str(profile.root), "update"]) == 0
