"""Refuses a profile that a newer Hearth has used, before a byte of it is touched.

Reads the heads of two files. Main thread, before the log is started.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

from app.database import backups
from app.database.header import read_header
from app.database.migrations import too_new
from app.foundation.errors import HearthError, ProfileTooNew
from app.foundation.paths import Profile
from app.settings.file import schema_of
from app.settings.migrations import MIGRATIONS

MAY_LOOK: Final = frozenset({"doctor", "update", "connections", "probe"})
"""Commands that change nothing a newer Hearth would miss; the first two say how to go on."""


def refuse_newer(profile: Profile, schema_version: int) -> None:
    """Raises DatabaseTooNew or ProfileTooNew; what cannot be read is for others to say."""
    try:
        header = read_header(profile.database)
    except OSError:
        header = None
    if header is not None and header.user_version > schema_version:
        error: HearthError = too_new(header.user_version, schema_version)
        raise _with_copy(error, profile.backups, schema_version)
    found = schema_of(profile.settings)
    if found is not None and found > len(MIGRATIONS) + 1:
        raise ProfileTooNew(
            "Your settings were last used by a newer Hearth.",
            f"They are of form {found}; this Hearth knows forms up to {len(MIGRATIONS) + 1}. "
            "Nothing was touched.",
            "Start the newer Hearth, or use another folder for this one: hearth --profile FOLDER",
        )


def _with_copy(error: HearthError, folder: Path, schema_version: int) -> HearthError:
    """Say where the copy is that the newer one made before it changed anything."""
    try:
        copy = backups.before_upgrade(folder, schema_version)
    except OSError:
        copy = None
    if copy is not None:
        error.remedy += (
            f". What was there before the newer Hearth opened it is kept in {copy.parent.name}/"
            f"{copy.name}."
        )
    return error
