"""Fill a small disk while chats are written, again and again.

    mount -t tmpfs -o size=1M tmpfs FOLDER
    python -m tests.torture.full_disk FOLDER --count 300 --seed 1

FOLDER must be on a file system of its own, of a few megabytes. A write that does not fit must say
StorageFull and nothing else; what was acknowledged must be readable on the full disk, after
quitting and starting on it, and when there is room again.
"""

from __future__ import annotations

import argparse
import logging
import random
import shutil
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from app.conversations.repository import Repository
from app.foundation.errors import HearthError, StorageFull
from tests.fixtures.store import DEADLINE_S, opened_database

LARGEST_DISK_BYTES = 64 << 20
ROOM_BYTES = 400_000
WRITES = 200
REFUSALS_ENOUGH = 4


@dataclass
class Tally:
    """What a run found. `wrong` is empty when all is well."""

    filled: int = 0
    stored: int = 0
    refused: int = 0
    wrong: list[str] = field(default_factory=list)


def run(count: int, seed: int, folder: Path) -> Tally:
    """Fill the disk `count` times, with another amount of room each time."""
    tally = Tally()
    for number in range(count):
        profile = folder / "profile"
        shutil.rmtree(profile, ignore_errors=True)
        profile.mkdir()
        source = random.Random(f"{seed}-{number}")
        found = _fill(profile, source, tally, quits_while_full=bool(number % 2))
        tally.wrong += [f"{seed}-{number}: {what}" for what in found]
        tally.filled += 1
        shutil.rmtree(profile)
    return tally


def _fill(
    profile: Path, source: random.Random, tally: Tally, *, quits_while_full: bool
) -> Iterator[str]:
    ballast = profile / "ballast"
    with opened_database(profile) as opened:
        repository = Repository(opened.database)
        key = repository.create("x").result(DEADLINE_S).id
        room_bytes = shutil.disk_usage(profile).free - source.randrange(ROOM_BYTES)
        ballast.write_bytes(bytes(max(0, room_bytes)))
        texts, refusals = _write(repository, key, source)
        tally.stored += len(texts)
        tally.refused += sum(isinstance(refusal, StorageFull) for refusal in refusals)
        yield from (f"odd refusal {r!r}" for r in refusals if not isinstance(r, StorageFull))
        yield from _differences(repository, key, texts, "on the full disk")
        if not quits_while_full:
            ballast.unlink()
            texts.append("after")
            head = repository.turns(key).result(DEADLINE_S)
            parent = head[-1].id if head else None
            repository.append(key, parent, "user", "after").result(DEADLINE_S)
    if quits_while_full:
        with opened_database(profile) as opened:
            yield from _differences(Repository(opened.database), key, texts, "started when full")
        ballast.unlink()
    with opened_database(profile) as opened:
        if opened.notice is not None:
            yield f"damaged: {opened.notice}"
        yield from _differences(Repository(opened.database), key, texts, "with room again")
        verdict = opened.database.read(
            lambda connection: connection.execute("PRAGMA integrity_check").fetchall()
        ).result(DEADLINE_S)
        if verdict != [("ok",)]:
            yield f"corrupt: {verdict}"


def _write(
    repository: Repository, key: str, source: random.Random
) -> tuple[list[str], list[HearthError]]:
    texts: list[str] = []
    refusals: list[HearthError] = []
    parent = None
    for _ in range(WRITES):
        text = "words " * source.randrange(400)
        try:
            stored = repository.append(key, parent, "user", text).result(DEADLINE_S)
        except HearthError as error:
            refusals.append(error)
            if len(refusals) == REFUSALS_ENOUGH:
                break
        else:
            texts.append(text)
            parent = stored.id
    return texts, refusals


def _differences(repository: Repository, key: str, texts: list[str], when: str) -> Iterator[str]:
    found = [turn.text for turn in repository.turns(key).result(DEADLINE_S)]
    if found != texts:
        yield f"{when}: {len(found)} messages, {len(texts)} were acknowledged"


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", type=Path)
    parser.add_argument("--count", type=int, default=300)
    parser.add_argument("--seed", type=int, default=1)
    wish = parser.parse_args()
    if shutil.disk_usage(wish.folder).total > LARGEST_DISK_BYTES:
        parser.error("the folder is not on a small disk of its own; this would fill a real one")
    logging.disable(logging.WARNING)
    started = time.monotonic()
    tally = run(wish.count, wish.seed, wish.folder)
    print(
        f"{tally.filled} full disks (seed {wish.seed}): {tally.stored} messages stored, "
        f"{tally.refused} refused with a sentence, {len(tally.wrong)} wrong, "
        f"{time.monotonic() - started:.0f} s"
    )
    for wrong in tally.wrong[:20]:
        print("  " + wrong)
    return 1 if tally.wrong else 0


if __name__ == "__main__":
    sys.exit(main())
