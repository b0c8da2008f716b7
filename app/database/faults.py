"""SQLite's result codes, sorted into what the environment did and what is our own bug.

Pure but for one look at the folder. A bug stays the sqlite3 error it was.
"""

from __future__ import annotations

import errno
import os
import shutil
import sqlite3
from pathlib import Path

from app.foundation.errors import DatabaseDamaged, StorageError
from app.foundation.paths import storage_error

_SCARCE_BYTES = 1 << 20


def is_damage(error: BaseException) -> bool:
    """Whether SQLite found the file itself to be wrong."""
    code = _primary_code(error)
    return code in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)


def translate(error: BaseException, path: Path) -> BaseException:
    """The StorageError that says what the environment did; a bug comes back as it is."""
    if isinstance(error, OSError):
        return storage_error(error, path)
    code = _primary_code(error)
    if code == sqlite3.SQLITE_FULL:
        return storage_error(OSError(errno.ENOSPC, ""), path)
    if code in (sqlite3.SQLITE_READONLY, sqlite3.SQLITE_PERM):
        return storage_error(OSError(errno.EROFS, ""), path)
    if is_damage(error):
        return damaged(path, str(error))
    if code in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
        return StorageError(
            "Another program is holding Hearth's database.",
            f"{path.name} has been locked for several seconds, so nothing could be stored.",
            "Close backup or synchronisation programs that work on the profile folder, "
            "then try again.",
        )
    if code in (sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_IOERR):
        return storage_error(OSError(_reason(path.parent), str(error)), path)
    return error


def damaged(path: Path, what: str) -> DatabaseDamaged:
    """Damage met while the database was in use; the next opening mends what it can."""
    return DatabaseDamaged(
        "Some of your chats cannot be read.",
        f"{path.name} is damaged ({what}).",
        "Start Hearth again: it keeps the damaged file aside, saves every message that can be "
        "read, and offers the newest backup.",
    )


def _primary_code(error: BaseException) -> int | None:
    code = getattr(error, "sqlite_errorcode", None) if isinstance(error, sqlite3.Error) else None
    return None if code is None else int(code) & 0xFF


def _reason(folder: Path) -> int:
    """SQLite says only that it could not: a full disk and a folder that may not be written look
    alike to it."""
    if _is_scarce(folder):
        return errno.ENOSPC
    return errno.EIO if os.access(folder, os.W_OK) else errno.EROFS


def _is_scarce(folder: Path) -> bool:
    try:
        return shutil.disk_usage(folder).free < _SCARCE_BYTES
    except OSError:
        return False
