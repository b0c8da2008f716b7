"""Damage a database in every way a disk can, and open it.

    python -m tests.torture.damage --count 300 --seed 1

Opening must never fail; the damaged files must be kept bit for bit, the backup offered, and every
message be there again after restoring it. Prints what share of the messages came through the
damage without the backup, by kind.
"""

from __future__ import annotations

import argparse
import contextlib
import datetime as dt
import hashlib
import random
import shutil
import sqlite3
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from app.conversations.repository import Repository
from app.conversations.schema import SCHEMA
from app.database import upkeep
from app.database.connection import Database
from app.foundation.errors import DatabaseDamaged
from tests.fixtures.store import DEADLINE_S, chat

PAGE = 4096
NAME = "hearth.db"
LOG = "hearth.db-wal"
Damage = Callable[[Path, random.Random], None]


def _flip(path: Path, source: random.Random, n: int) -> None:
    with path.open("r+b") as file:
        size = path.stat().st_size
        for _ in range(n):
            at = source.randrange(size)
            file.seek(at)
            byte = file.read(1)[0]
            file.seek(at)
            file.write(bytes([byte ^ 1 << source.randrange(8)]))


def flip_bits(folder: Path, source: random.Random) -> None:
    _flip(folder / NAME, source, source.choice((1, 10, 100, 1000)))


def flip_bits_in_log(folder: Path, source: random.Random) -> None:
    _flip(folder / LOG, source, source.choice((1, 10, 100)))


def overwrite_pages(folder: Path, source: random.Random) -> None:
    path = folder / NAME
    content = source.choice((bytes(PAGE), b"\xff" * PAGE, source.randbytes(PAGE)))
    with path.open("r+b") as file:
        for _ in range(source.choice((1, 1, 3, 10))):
            file.seek(PAGE * source.randrange(path.stat().st_size // PAGE))
            file.write(content)


def overwrite_first_page(folder: Path, source: random.Random) -> None:
    with (folder / NAME).open("r+b") as file:
        file.write(source.randbytes(source.choice((16, 100, PAGE))))


def swap_pages(folder: Path, source: random.Random) -> None:
    path = folder / NAME
    first, second = (PAGE * source.randrange(path.stat().st_size // PAGE) for _ in range(2))
    content = bytearray(path.read_bytes())
    content[first : first + PAGE], content[second : second + PAGE] = (
        content[second : second + PAGE],
        content[first : first + PAGE],
    )
    path.write_bytes(content)


def cut(folder: Path, source: random.Random) -> None:
    path = folder / NAME
    with path.open("r+b") as file:
        file.truncate(source.randrange(path.stat().st_size))


def cut_log(folder: Path, source: random.Random) -> None:
    path = folder / LOG
    with path.open("r+b") as file:
        file.truncate(source.randrange(path.stat().st_size))


def delete_log(folder: Path, _source: random.Random) -> None:
    (folder / LOG).unlink()


def fill_with_nothing(folder: Path, source: random.Random) -> None:
    path = folder / source.choice((NAME, LOG))
    path.write_bytes(bytes(path.stat().st_size))


def delete_file(folder: Path, _source: random.Random) -> None:
    (folder / NAME).unlink()


def use_older_file(folder: Path, _source: random.Random) -> None:
    """The file of some days ago beside today's log, as a careless file copy leaves them."""
    backup = next((folder / "backups").iterdir())
    shutil.copyfile(backup, folder / NAME)


KINDS: tuple[Damage, ...] = (
    flip_bits,
    flip_bits,
    flip_bits_in_log,
    overwrite_pages,
    overwrite_pages,
    overwrite_first_page,
    swap_pages,
    cut,
    cut_log,
    delete_log,
    fill_with_nothing,
    delete_file,
    use_older_file,
)


@dataclass
class Base:
    """An undamaged profile as a crash leaves it, log included, and what is in it."""

    folder: Path
    texts: dict[str, str]
    in_backup: set[str]


@dataclass
class Tally:
    """What a run found. `wrong` is empty when all is well."""

    opened: int = 0
    noticed: int = 0
    broken_for_sqlite: int = 0
    wrong: list[str] = field(default_factory=list)
    shares: dict[str, list[float]] = field(default_factory=dict)


def make_base(folder: Path, n_chats: int = 24, n_turns: int = 20) -> Base:
    """Chats of short and long messages; the last few are in the log only, not in the backup."""
    live = folder / "live"
    crashed = folder / "base"
    live.mkdir()
    crashed.mkdir()
    opened = Database.open(live / NAME, SCHEMA, backups=live / "backups")
    repository = Repository(opened.database)
    source = random.Random(0)

    def fill(number: int) -> None:
        text = f"Chat {number} says " + "something long " * source.choice((1, 10, 100, 700))
        chat(repository, f"Chat {number}", n_turns, text)

    for number in range(n_chats):
        fill(number)
    upkeep.make_daily_copy(live / NAME, live / "backups", dt.date(2026, 11, 1))
    in_backup = set(_texts(repository))
    # Closing folds the log into the file; what follows is in the log alone.
    opened.database.close(DEADLINE_S)
    opened = Database.open(live / NAME, SCHEMA, backups=live / "backups")
    repository = Repository(opened.database)
    for number in range(n_chats, n_chats + 4):
        fill(number)
    texts = _texts(repository)
    for name in (NAME, LOG):
        shutil.copyfile(live / name, crashed / name)
    shutil.copytree(live / "backups", crashed / "backups")
    opened.database.close(DEADLINE_S)
    return Base(crashed, texts, in_backup)


def _texts(repository: Repository) -> dict[str, str]:
    return {
        turn.id: turn.text
        for conversation in repository.list().result(DEADLINE_S)
        for turn in repository.turns(conversation.id).result(DEADLINE_S)
    }


def _stored_ids(database: Database) -> set[str]:
    """Every turn, also those that a damaged parent puts on another branch."""
    return database.read(
        lambda connection: {key for (key,) in connection.execute("SELECT id FROM turn")}
    ).result(DEADLINE_S)


def run(count: int, seed: int, folder: Path) -> Tally:
    """Damage and open `count` copies, every kind in turn."""
    base = make_base(folder)
    tally = Tally()
    for number in range(count):
        kind = KINDS[number % len(KINDS)]
        profile = folder / f"profile-{number:06}"
        shutil.copytree(base.folder, profile)
        kind(profile, random.Random(f"{seed}-{number}"))
        found = _open_damaged(profile, base, tally, kind.__name__)
        tally.wrong += [f"{kind.__name__} {seed}-{number}: {what}" for what in found]
        shutil.rmtree(profile)
    return tally


def _open_damaged(profile: Path, base: Base, tally: Tally, kind: str) -> list[str]:
    digests = _digests(profile, NAME, LOG)
    tally.broken_for_sqlite += _is_broken_for_sqlite(profile)
    try:
        opened = Database.open(profile / NAME, SCHEMA, backups=profile / "backups")
    except Exception as error:  # noqa: BLE001 - whatever it is, it is the finding
        return [f"opening failed: {error!r}"]
    wrong = []
    tally.opened += 1
    try:
        repository = Repository(opened.database)
        texts = _texts(repository)
        kept = [key for key, text in texts.items() if base.texts.get(key) == text]
        tally.shares.setdefault(kind, []).append(len(kept) / len(base.texts))
        if opened.notice is not None:
            tally.noticed += 1
            if not isinstance(opened.notice, DatabaseDamaged):
                wrong.append(f"odd notice {opened.notice!r}")
            if not digests <= _digests(profile, "hearth-damaged-*"):
                wrong.append("the damaged files were not kept as they were")
            if opened.newest_backup is None:
                wrong.append("the backup was not offered")
            else:
                opened.database.restore(opened.newest_backup).result(DEADLINE_S)
                if not base.in_backup <= _stored_ids(opened.database):
                    wrong.append("restoring did not bring everything back")
        chat(repository, "life goes on", 2)
    finally:
        opened.database.close(DEADLINE_S)
    again = Database.open(profile / NAME, SCHEMA, backups=profile / "backups")
    if again.notice is not None:
        wrong.append(f"still damaged at the next start: {again.notice}")
    again.database.close(DEADLINE_S)
    return wrong


def _digests(folder: Path, *patterns: str) -> set[str]:
    return {
        hashlib.sha256(path.read_bytes()).hexdigest()
        for pattern in patterns
        for path in folder.glob(pattern)
        if not path.name.endswith("-shm")
    }


def _is_broken_for_sqlite(profile: Path) -> bool:
    """The control: whether plain SQLite, on a copy, finds the same file wrong."""
    with tempfile.TemporaryDirectory() as name:
        for path in profile.glob(NAME + "*"):
            shutil.copyfile(path, Path(name, path.name))
        try:
            with contextlib.closing(sqlite3.connect(Path(name, NAME))) as connection:
                found = connection.execute("PRAGMA integrity_check(1)").fetchone()[0]
                n_turns = connection.execute("SELECT count(*) FROM turn").fetchone()[0]
        except sqlite3.Error:
            return True
        return bool(found != "ok" or n_turns == 0)


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--count", type=int, default=300)
    parser.add_argument("--seed", type=int, default=1)
    wish = parser.parse_args()
    started = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="hearth-damage-") as name:
        tally = run(wish.count, wish.seed, Path(name))
    print(
        f"{wish.count} damaged databases (seed {wish.seed}): {tally.opened} opened, "
        f"{tally.noticed} said to be damaged, {tally.broken_for_sqlite} of no use to plain "
        f"SQLite, {len(tally.wrong)} wrong, {time.monotonic() - started:.0f} s"
    )
    for kind, shares in sorted(tally.shares.items()):
        mean = sum(shares) / len(shares)
        print(f"  {kind}: {mean:.1%} of the messages whole, at least {min(shares):.1%}")
    for wrong in tally.wrong[:20]:
        print("  " + wrong)
    return 1 if tally.wrong else 0


if __name__ == "__main__":
    sys.exit(main())
