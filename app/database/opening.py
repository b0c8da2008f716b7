"""From a path to a connection, whatever state the file is in. Runs on the database thread.

Sound files are brought up to date; damaged ones are kept aside whole and replaced by a fresh
one with all that can be read; newer ones are left untouched. Does not know what rows mean.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import logging
import os
import sqlite3
import sys
from dataclasses import dataclass
from pathlib import Path

from app.database import backups
from app.database.faults import is_damage, translate
from app.database.header import APPLICATION_ID, read_header, shm_of, wal_of
from app.database.migrations import Schema, migrate, too_new, version_of
from app.database.transaction import transaction
from app.foundation.errors import DatabaseDamaged, HearthError, StorageFull, StorageReadOnly
from app.foundation.paths import unused

log = logging.getLogger(__name__)

BUSY_TIMEOUT_MS = 5000
LOG_LIMIT_BYTES = 16 << 20
CHECKED_AT_ONCE_BYTES = 32 << 20

_PRAGMAS = (
    f"PRAGMA busy_timeout = {BUSY_TIMEOUT_MS}",
    "PRAGMA trusted_schema = OFF",
    "PRAGMA cell_size_check = ON",
    "PRAGMA foreign_keys = ON",
    "PRAGMA temp_store = MEMORY",
)
_DURABLE = (
    "PRAGMA synchronous = FULL",
    f"PRAGMA journal_size_limit = {LOG_LIMIT_BYTES}",
    # On macOS a plain fsync leaves data in the drive's cache.
    "PRAGMA fullfsync = ON",
    "PRAGMA checkpoint_fullfsync = ON",
)


class _Damage(Exception):
    """What a check of the file found."""


@dataclass(frozen=True, slots=True)
class Opening:
    """An open connection and what a person should know about how it came to be."""

    connection: sqlite3.Connection
    notice: HearthError | None = None
    newest_backup: Path | None = None

    @property
    def is_frozen(self) -> bool:
        """True if it can only be read, for the reason in the notice."""
        return isinstance(self.notice, (StorageFull, StorageReadOnly))


def open_file(path: Path, schema: Schema, folder: Path) -> Opening:
    """Open `path`, with backups in `folder`. Raises what `Database.open` says."""
    header = read_header(path)
    if header is not None and header.user_version > schema.version:
        raise too_new(header.user_version, schema.version)
    try:
        _refuse_remains(path, folder)
        connection = _open_sound(path, schema, folder)
    except _Damage as damage:
        return _start_afresh(path, schema, folder, str(damage))
    except sqlite3.Error as error:
        if is_damage(error):
            return _start_afresh(path, schema, folder, str(error))
        return _open_frozen(path, schema, translate(error, path))
    except OSError as error:
        return _open_frozen(path, schema, translate(error, path))
    return Opening(connection)


def ask_for_check(path: Path) -> None:
    """Leave word that damage was met, so that the next opening checks all of the file."""
    with contextlib.suppress(OSError):
        _word(path).touch(mode=0o600)


def _word(path: Path) -> Path:
    return path.with_name(path.name + "-check")


def _refuse_remains(path: Path, folder: Path) -> None:
    """SQLite would make a fresh file in place of a lost one, and throw its log away."""
    if path.exists() and path.stat().st_size > 0:
        return
    log_file = wal_of(path)
    if log_file.exists() and log_file.stat().st_size > 0:
        raise _Damage("the file is gone, only its log is left")
    if backups.stored(folder) or _set_aside_before(path):
        raise _Damage("the file is empty" if path.exists() else "the file is gone")


def _open_sound(path: Path, schema: Schema, folder: Path) -> sqlite3.Connection:
    _make_private(path)
    if path.stat().st_size > 0:
        # Read-only: closing a connection that may write would fold the log into the damage.
        with contextlib.closing(_connect(path, "?mode=ro")) as reader:
            _check(reader, path, schema)
    connection = _connect(path)
    try:
        mode = connection.execute("PRAGMA journal_mode = WAL").fetchone()[0]
        if mode != "wal":
            log.warning("database: this folder does not allow a write-ahead log (%s)", mode)
        for pragma in _DURABLE:
            connection.execute(pragma)
        migrate(connection, schema.steps, lambda version: _save_before(path, folder, version))
        _word(path).unlink(missing_ok=True)
    except BaseException:
        connection.close()
        raise
    return connection


def _connect(path: Path, options: str = "") -> sqlite3.Connection:
    connection = sqlite3.connect(
        f"{path.absolute().as_uri()}{options}", uri=True, isolation_level=None
    )
    # Bytes that are no UTF-8 must reach the reader of the row, not end the whole query.
    connection.text_factory = _readable
    try:
        for pragma in _PRAGMAS:
            connection.execute(pragma)
        if sys.version_info >= (3, 12):
            connection.setconfig(sqlite3.SQLITE_DBCONFIG_DEFENSIVE, True)
    except BaseException:
        connection.close()
        raise
    return connection


def _readable(stored: bytes) -> str:
    return stored.decode("utf-8", "surrogateescape")


def _make_private(path: Path) -> None:
    """The file with mode 0600, which its log and index inherit."""
    try:
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600))
    except FileExistsError:
        if os.name == "posix":
            for file in _parts(path):
                with contextlib.suppress(FileNotFoundError):
                    if file.stat().st_mode & 0o077:
                        file.chmod(0o600)


def _check(connection: sqlite3.Connection, path: Path, schema: Schema) -> None:
    """Raise when the file is damaged, another program's, or newer.

    In full (2 ms a megabyte), but a large file only after damage was met: its daily copy is
    checked anyway.
    """
    version = version_of(connection)
    owner = connection.execute("PRAGMA application_id").fetchone()[0]
    tables = connection.execute("SELECT count(*) FROM sqlite_schema").fetchone()[0]
    if owner != APPLICATION_ID and (owner != 0 or version != 0 or tables != 0):
        raise _Damage("the file belongs to another program")
    if owner == APPLICATION_ID and version == 0:
        raise _Damage("the file does not say its version")
    if version > schema.version:
        raise too_new(version, schema.version)
    if path.stat().st_size > CHECKED_AT_ONCE_BYTES and not _word(path).exists():
        return
    verdict = connection.execute("PRAGMA integrity_check(1)").fetchone()[0]
    if verdict != "ok":
        raise _Damage(str(verdict))


def _save_before(path: Path, folder: Path, version: int) -> None:
    today = dt.datetime.now(dt.UTC).date()
    target = unused(folder / backups.upgrade_name(version, today))
    backups.copy(path, target, pause_s=0)


def _open_frozen(path: Path, schema: Schema, reason: BaseException) -> Opening:
    """What is stored can still be read on a full disk or in a folder that may not be written."""
    header = read_header(path)
    if not isinstance(reason, (StorageFull, StorageReadOnly)) or header is None:
        raise reason
    if header.user_version != schema.version:
        raise reason
    log_file = wal_of(path)
    is_folded = not log_file.exists() or log_file.stat().st_size == 0
    try:
        connection = _connect(path, "?mode=ro&immutable=1" if is_folded else "?mode=ro")
        connection.execute("SELECT count(*) FROM sqlite_schema").fetchone()
    except sqlite3.Error as error:
        raise reason from error
    return Opening(connection, reason)


def _start_afresh(path: Path, schema: Schema, folder: Path, what: str) -> Opening:
    # Not at start-up: hardly anybody ever needs it.
    from app.database.salvage import save_rows

    aside, moved = _set_aside(path)
    try:
        connection = _open_sound(path, schema, folder)
    except BaseException:
        for file in _parts(path):
            file.unlink(missing_ok=True)
        for file, kept in moved.items():
            kept.replace(file)
        raise
    newest = backups.newest(folder, schema.version)
    if newest is not None:
        with contextlib.suppress(OSError):
            newest = backups.keep(newest)
    saved = save_rows(aside, wal_of(aside), connection)
    try:
        with transaction(connection):
            schema.mend(connection)
    except sqlite3.Error:
        log.exception("database: what was saved could not be mended")
    log.error("database: damaged (%s); kept as %s; %s", what, aside, saved)
    return Opening(connection, _notice(path, moved, what, saved.sentence(), newest), newest)


def _set_aside(path: Path) -> tuple[Path, dict[Path, Path]]:
    """Rename the file, its log and its index; what to save from, and what went from where to where.

    When a crash came between this and the fresh file, the one set aside then is saved from.
    """
    stamp = dt.datetime.now(dt.UTC).strftime("%Y-%m-%d-%H%M%S")
    base = path.with_name(f"{path.stem}-damaged-{stamp}{path.suffix}")
    number = 1
    while any(file.exists() for file in _parts(base)):
        number += 1
        base = path.with_name(f"{path.stem}-damaged-{stamp}-{number}{path.suffix}")
    pairs = zip(_parts(path), _parts(base), strict=True)
    moved = {file: kept for file, kept in pairs if file.exists()}
    for file, kept in moved.items():
        file.replace(kept)
    earlier = _set_aside_before(path)
    return (base if moved or not earlier else earlier[-1]), moved


def _set_aside_before(path: Path) -> list[Path]:
    return sorted(path.parent.glob(f"{path.stem}-damaged-*{path.suffix}"))


def _parts(path: Path) -> tuple[Path, Path, Path]:
    return path, wal_of(path), shm_of(path)


def _notice(
    path: Path,
    moved: dict[Path, Path],
    what: str,
    saved: str,
    newest: Path | None,
) -> DatabaseDamaged:
    reason = what.strip().splitlines()[-1]
    kept = f" The damaged file was kept as {moved[path].name}." if path in moved else ""
    return DatabaseDamaged(
        "Some of your chats may be missing.",
        f"The file they are stored in, {path.name}, was damaged ({reason}).{kept} {saved}",
        f"The newest backup is {newest.name}: restore it to bring back what is missing."
        if newest
        else "There is no backup yet; from now on Hearth makes one every day.",
    )
