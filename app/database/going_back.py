"""Puts a copy from before an upgrade in the place of a database that a newer Hearth wrote.

Any thread that may wait for a disk, while nobody has the database open. Loses nothing: the newer
one is kept beside the copies. Does not know what rows mean.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import errno
import os
import shutil
import sqlite3
from pathlib import Path

from app.database.backups import has_space, is_sound
from app.database.faults import translate
from app.database.header import read_header, wal_of
from app.foundation.atomic import keep_names, sync_folder
from app.foundation.errors import DatabaseDamaged, ProfileInUse
from app.foundation.paths import unused


def go_back(path: Path, copy: Path, version: int, today: dt.date) -> Path:
    """Have the database at `path` be what `copy` is; where the newer one is kept.

    `version` is the newest that this Hearth opens. After a crash it is the one or the other,
    whole. Raises ProfileInUse where another Hearth has it open, DatabaseDamaged where the copy
    is not sound, StorageError; then nothing has changed.
    """
    if not is_sound(copy, version):
        raise DatabaseDamaged(
            "This copy of your chats cannot be used.",
            f"{copy.name} is damaged, or was made by a newer Hearth.",
            "Start the newer Hearth. Nothing was changed.",
        )
    part = path.with_name(f"{path.name}.going-back")
    try:
        if not has_space(copy, path.parent):
            raise OSError(errno.ENOSPC, "a copy would fill the disk")
        _fold(path)
        _write(copy, part)
        kept = _name_for(path, copy.parent, today)
        try:
            _keep(path, kept)
            part.replace(path)
        except OSError:
            kept.unlink(missing_ok=True)
            raise
        keep_names(path.parent)
    except (OSError, sqlite3.Error) as error:
        raise translate(error, path) from error
    finally:
        with contextlib.suppress(OSError):
            part.unlink(missing_ok=True)
    return kept


def _fold(path: Path) -> None:
    """All of it into the one file: its log would be taken for the copy's."""
    connection = sqlite3.connect(f"{path.absolute().as_uri()}?mode=rw", uri=True)
    with contextlib.closing(connection):
        is_busy = connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0]
    # The last one to close it takes the log away.
    if is_busy or wal_of(path).exists():
        raise ProfileInUse(
            "Another Hearth is using these chats.",
            "They cannot be exchanged meanwhile.",
            "Close the newer Hearth and try again. Nothing was changed.",
        )


def _write(copy: Path, part: Path) -> None:
    part.unlink(missing_ok=True)
    with open(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        with copy.open("rb") as source:
            shutil.copyfileobj(source, file, 1 << 20)
        file.flush()
        os.fsync(file.fileno())


def _name_for(path: Path, folder: Path, today: dt.date) -> Path:
    header = read_header(path)
    version = header.user_version if header is not None else 0
    return unused(folder / f"hearth-from-newer-{version}-{today.isoformat()}.db")


def _keep(path: Path, kept: Path) -> None:
    """A second name for the file at `path`; a copy of it where a file can have but one."""
    try:
        os.link(path, kept)
    except OSError:
        _write(path, kept)
    sync_folder(kept.parent)
