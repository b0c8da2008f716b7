"""Copies of the database: made in small steps, verified by opening, thinned out with age.

Runs on any thread but the GUI's and the database's; reads the live file through a connection of
its own. A copy has its final name only once it was verified, so every name is a good copy.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import errno
import logging
import os
import re
import shutil
import sqlite3
import threading
from pathlib import Path

from app.database.header import APPLICATION_ID, read_header
from app.foundation.paths import unused

log = logging.getLogger(__name__)

DAILY_KEPT = 7
WEEKLY_KEPT = 4
UPGRADES_KEPT = 3
PAGES_PER_STEP = 64
PAUSE_S = 0.002
SPARE_BYTES = 256 << 20
_STEPS_BETWEEN_LOOKS = 10_000

_DAILY = re.compile(r"hearth-(\d{4}-\d{2}-\d{2})\.db")
_UPGRADE = re.compile(r"hearth-before-upgrade-(\d+)-(\d{4}-\d{2}-\d{2})(?:-\d+)?\.db")
_KEPT = re.compile(r"hearth-(\d{4}-\d{2}-\d{2})-kept(?:-\d+)?\.db")


class BackupStopped(Exception):
    """Closing cut a copy short; nothing was left behind."""


class UnsoundCopy(Exception):
    """A fresh copy does not verify, so the database it was made from does not either."""


def before_upgrade(folder: Path, version: int) -> Path | None:
    """The newest copy made before an upgrade that `version` can open. Raises OSError."""
    found = [
        (match[2], int(match[1]), path)
        for path in folder.glob("*.db")
        if (match := _UPGRADE.fullmatch(path.name)) and int(match[1]) <= version
    ]
    return max(found)[2] if found else None


def daily_name(day: dt.date) -> str:
    return f"hearth-{day.isoformat()}.db"


def copy(
    source: Path,
    target: Path,
    *,
    stop: threading.Event | None = None,
    pause_s: float = PAUSE_S,
) -> Path:
    """A verified copy of the live database `source` under the new name `target`.

    Reads one state of the data while others go on writing. Raises BackupStopped when `stop` is
    set, UnsoundCopy, sqlite3.Error or OSError; leaves nothing behind then.
    """
    target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    _remove_remains(target.parent)
    if not has_space(source, target.parent):
        raise OSError(errno.ENOSPC, "a copy would fill the disk")
    part = target.with_name(f"{target.name}.{os.getpid()}.part")
    try:
        os.close(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
        with contextlib.closing(_open_for_reading(source)) as live:
            live.execute("BEGIN")
            live.execute("SELECT count(*) FROM sqlite_schema").fetchone()
            with contextlib.closing(sqlite3.connect(part, isolation_level=None)) as copied:
                _step_through(live, copied, stop, pause_s)
                copied.execute("PRAGMA journal_mode = DELETE")
        if not is_sound(part, stop=stop):
            if stop is not None and stop.is_set():
                raise BackupStopped
            raise UnsoundCopy("a copy of it does not verify")
        _sync(part)
        part.replace(target)
        _sync(target.parent)
    finally:
        part.unlink(missing_ok=True)
    return target


def _remove_remains(folder: Path) -> None:
    """What copies left that a crash cut short: each is as large as the database, and useless."""
    for part in folder.glob("hearth-*.db.*.part*"):
        with contextlib.suppress(OSError):
            part.unlink()


def _open_for_reading(source: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(
        f"{source.absolute().as_uri()}?mode=ro", uri=True, isolation_level=None
    )
    connection.execute("PRAGMA busy_timeout = 5000")
    return connection


def _step_through(
    live: sqlite3.Connection,
    copied: sqlite3.Connection,
    stop: threading.Event | None,
    pause_s: float,
) -> None:
    stop = stop or threading.Event()

    def after_step(_status: int, _remaining: int, _total: int) -> None:
        if stop.wait(pause_s) if pause_s else stop.is_set():
            raise BackupStopped

    live.backup(copied, pages=PAGES_PER_STEP, progress=after_step)


def is_sound(
    path: Path, migrations_known: int | None = None, *, stop: threading.Event | None = None
) -> bool:
    """Whether a copy opens as Hearth's database, passes SQLite's full check, and is not too new.

    `stop` ends the check of a large one early, with False.
    """
    header = read_header(path)
    if header is None or header.application_id != APPLICATION_ID:
        return False
    if migrations_known is not None and header.user_version > migrations_known:
        return False
    try:
        uri = f"{path.absolute().as_uri()}?mode=ro&immutable=1"
        with contextlib.closing(sqlite3.connect(uri, uri=True)) as connection:
            if stop is not None:
                connection.set_progress_handler(stop.is_set, _STEPS_BETWEEN_LOOKS)
            verdict = connection.execute("PRAGMA integrity_check(1)").fetchone()
            return bool(verdict == ("ok",))
    except sqlite3.Error:
        return False


def has_space(source: Path, folder: Path) -> bool:
    """Whether a copy leaves the disk enough to go on working."""
    return shutil.disk_usage(folder).free > source.stat().st_size + SPARE_BYTES


def stored(folder: Path) -> list[Path]:
    """Every copy in `folder`, the newest first; by name, unopened."""
    found: list[tuple[str, int, Path]] = []
    for path in _files(folder):
        for rank, pattern in enumerate((_UPGRADE, _KEPT, _DAILY)):
            if match := pattern.fullmatch(path.name):
                found.append((match.groups()[-1], rank, path))
    return [path for _, _, path in sorted(found, reverse=True)]


def newest(folder: Path, migrations_known: int) -> Path | None:
    """The newest copy that this Hearth can restore; each is opened until one is sound."""
    return next((path for path in stored(folder) if is_sound(path, migrations_known)), None)


def keep(path: Path) -> Path:
    """Give a daily copy a name that thinning out never touches."""
    match = _DAILY.fullmatch(path.name)
    return path.replace(unused(path.with_name(path.stem + "-kept.db"))) if match else path


def upgrade_name(version: int, day: dt.date) -> str:
    return f"hearth-before-upgrade-{version}-{day.isoformat()}.db"


def thin_out(folder: Path) -> list[Path]:
    """Delete what age makes superfluous, after a new copy was verified; what was deleted.

    Stays: those of the last 7 days that have one, the oldest of each of the 4 weeks before (which
    then stays the oldest), 3 from before upgrades, and everything `keep` was called for.
    """
    names = {path.name: path for path in _files(folder)}
    days = sorted((m.group(1) for m in map(_DAILY.fullmatch, names) if m is not None), reverse=True)
    upgrades = sorted(
        ((m.group(2), name) for name in names if (m := _UPGRADE.fullmatch(name)) is not None),
        reverse=True,
    )
    doomed = [names[f"hearth-{day}.db"] for day in _superfluous(days)]
    doomed += [names[name] for _, name in upgrades[UPGRADES_KEPT:]]
    for path in doomed:
        path.unlink()
    return doomed


def _superfluous(days: list[str]) -> set[str]:
    """Those of `days`, newest first, that are neither daily nor weekly copies any more."""
    oldest_of_week: dict[tuple[int, int], str] = {}
    dated = []
    for day in days[DAILY_KEPT:]:
        with contextlib.suppress(ValueError):
            year, week, _ = dt.date.fromisoformat(day).isocalendar()
            oldest_of_week[year, week] = day
            dated.append(day)
    return set(dated) - set(list(oldest_of_week.values())[:WEEKLY_KEPT])


def _files(folder: Path) -> list[Path]:
    try:
        return [path for path in folder.iterdir() if path.is_file()]
    except FileNotFoundError:
        return []


def _sync(path: Path) -> None:
    """Make a file's content, or a folder's names, survive a power cut."""
    if path.is_dir() and os.name == "nt":
        return
    handle = os.open(path, os.O_RDONLY if path.is_dir() else os.O_RDWR)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
