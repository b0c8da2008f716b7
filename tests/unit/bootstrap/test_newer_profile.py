"""A profile that a newer Hearth has used: refused in words, and not a byte of it is touched."""

from __future__ import annotations

import contextlib
import hashlib
import json
import sqlite3
from pathlib import Path

import pytest

from app.bootstrap import start
from app.bootstrap.newer import refuse_newer
from app.conversations.schema import SCHEMA
from app.database.connection import Database
from app.foundation.errors import DatabaseTooNew, HearthError, ProfileTooNew
from app.foundation.paths import Profile

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
    profile.backups.mkdir(exist_ok=True)
    for name in (
        f"hearth-before-upgrade-{SCHEMA.version}-2026-12-01.db",
        f"hearth-before-upgrade-{SCHEMA.version + 1}-2026-12-02.db",
    ):
        (profile.backups / name).write_bytes(b"")
    with pytest.raises(DatabaseTooNew) as with_copy:
        refuse_newer(profile, SCHEMA.version)
    assert f"backups/hearth-before-upgrade-{SCHEMA.version}-2026-12-01.db" in with_copy.value.remedy


@pytest.mark.parametrize("content", [b"", b"{", b'{"schema": "2", "values": {}}'])
def test_what_cannot_be_read_is_for_others_to_say(profile: Profile, content: bytes) -> None:
    profile.settings.write_bytes(content)
    refuse_newer(profile, SCHEMA.version)
    profile.database.write_bytes(content)
    refuse_newer(profile, SCHEMA.version)


def test_update_still_says_what_is_so(profile: Profile) -> None:
    later_database(profile)
    assert start(["--profile", str(profile.root), "update"]) == 0
