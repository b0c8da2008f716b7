"""Refuses a profile that a newer Hearth has used, before a byte of it is touched; knows a way back.

Reads the heads of two files. Main thread, before the log is started.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from app.database import backups, going_back
from app.database.header import read_header
from app.database.migrations import too_new
from app.foundation.errors import HearthError, ProfileTooNew
from app.foundation.paths import Profile
from app.settings import going_back as settings_back
from app.settings.file import schema_of
from app.settings.migrations import MIGRATIONS

MAY_LOOK: Final = frozenset({"doctor", "update", "connections", "probe"})
"""Commands that change nothing a newer Hearth would miss; the first two say how to go on."""
_SETTINGS_SCHEMA: Final = len(MIGRATIONS) + 1


@dataclass(frozen=True, slots=True)
class WayBack:
    """Copies from before a newer Hearth: of the chats, of the settings, None where these are not
    in the way. `day` is that of the older one."""

    profile: Profile
    schema_version: int
    chats: Path | None
    settings: Path | None
    day: dt.date

    def take(self) -> list[Path]:
        """Put them in place; where the newer ones are kept. Raises StorageError."""
        kept = []
        if self.chats is not None:
            today = dt.datetime.now(dt.UTC).date()
            kept.append(
                going_back.go_back(self.profile.database, self.chats, self.schema_version, today)
            )
        if self.settings is not None:
            kept.append(settings_back.go_back(self.profile.settings, self.settings))
        return kept

    def sentence(self, day: str) -> str:
        """What it would mean; `day` is ours, in words or numbers."""
        parts = (self.chats and "your chats", self.settings and "your settings")
        what = " and ".join(part for part in parts if part)
        return (
            f"Start the newer Hearth, or go on with {what} as they were on {day}. "
            "What the newer Hearth wrote is kept."
        )


def refuse_newer(profile: Profile, schema_version: int) -> None:
    """Raises DatabaseTooNew or ProfileTooNew; what cannot be read is for others to say."""
    error: HearthError
    version, form = _newer_parts(profile, schema_version)
    if version:
        error = too_new(version, schema_version)
    elif form:
        error = ProfileTooNew(
            "Your settings were last used by a newer Hearth.",
            f"They are of form {form}; this Hearth knows forms up to {_SETTINGS_SCHEMA}. "
            "Nothing was touched.",
            "Start the newer Hearth, or use another folder for this one: hearth --profile FOLDER",
        )
    else:
        return
    way = way_back(profile, schema_version)
    if way is not None:
        error.remedy = f"{way.sentence(way.day.isoformat())} To do so: hearth doctor --go-back"
    raise error


def way_back(profile: Profile, schema_version: int) -> WayBack | None:
    """How this Hearth can go on; None where a copy of what is too new is missing, or none is."""
    version, form = _newer_parts(profile, schema_version)
    chats = settings = None
    try:
        if version:
            chats = backups.before_upgrade(profile.backups, schema_version)
        if form:
            settings = settings_back.copy_from_before(profile.settings, _SETTINGS_SCHEMA)
        copies = [copy for copy in (chats, settings) if copy is not None]
        if not copies or len(copies) < bool(version) + bool(form):
            return None
        day = min(dt.date.fromtimestamp(copy.stat().st_mtime) for copy in copies)
    except OSError:
        return None
    return WayBack(profile, schema_version, chats, settings, day)


def _newer_parts(profile: Profile, schema_version: int) -> tuple[int, int]:
    """Version of the database and form of the settings; 0 for what is not too new."""
    try:
        header = read_header(profile.database)
    except OSError:
        header = None
    version = header.user_version if header is not None else 0
    form = schema_of(profile.settings) or 0
    return (
        version if version > schema_version else 0,
        form if form > _SETTINGS_SCHEMA else 0,
    )
