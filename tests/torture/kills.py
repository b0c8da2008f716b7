"""Kill a writer with SIGKILL at random moments and look for what it had acknowledged.

    python -m tests.torture.kills --count 1000 --seed 1
    python -m tests.torture.kills --control        both controls must be caught

A child writes as a chat does: a question, an answer opened, checkpoints, its end. After each
commit it says so over a pipe. The parent kills it, opens the database again and checks that
every acknowledged word is there and SQLite finds nothing wrong.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

from app.conversations.records import Turn
from app.conversations.repository import Repository
from app.conversations.schema import SCHEMA
from app.database.connection import Database

ROOT = Path(__file__).resolve().parents[2]
DEADLINE_S = 60.0
ANSWERS_A_CHAT = 40
PAUSE_S = 0.25
WHILE_OPENING = 0.1
PIECE = "A few words of the answer, number {}. "


@dataclass
class Acknowledged:
    """What the child said is stored: questions, and answers as far as they had come."""

    questions: dict[str, str] = field(default_factory=dict)
    answers: dict[str, tuple[str, int]] = field(default_factory=dict)
    n_writes: int = 0

    def note(self, line: str) -> None:
        kind, turn_id, *rest = json.loads(line)
        if kind == "ready":
            return
        self.n_writes += 1
        if kind == "question":
            self.questions[turn_id] = rest[0]
        else:
            self.answers[turn_id] = (kind, rest[0])


@dataclass
class Tally:
    """What a run found. `lost` and `corrupt` are descriptions, empty when all is well."""

    kills: int = 0
    acknowledged: int = 0
    interrupted: int = 0
    lost: list[str] = field(default_factory=list)
    corrupt: list[str] = field(default_factory=list)

    @property
    def is_clean(self) -> bool:
        return not self.lost and not self.corrupt


def answer_text(turn_id: str, n_pieces: int) -> str:
    """What an answer must hold after so many pieces; different for every answer."""
    return f"{turn_id}: " + "".join(PIECE.format(number) for number in range(n_pieces))


# --- the child ---


def write_as_a_chat(folder: Path, seed: int) -> None:
    """Write and acknowledge until killed."""
    source = random.Random(seed)
    opened = Database.open(folder / "hearth.db", SCHEMA, backups=folder / "backups")
    repository = Repository(opened.database)
    repository.mark_interrupted().result(DEADLINE_S)
    say("ready", "")
    while True:
        conversation = repository.create(f"Chat {source.random()}").result(DEADLINE_S)
        parent = None
        for number in range(ANSWERS_A_CHAT):
            text = f"Question {number} " + "why " * source.randrange(200)
            asked = repository.append(conversation.id, parent, "user", text).result(DEADLINE_S)
            say("question", asked.id, text)
            parent = _answer(repository, conversation.id, asked.id, source)


def _answer(repository: Repository, conversation_id: str, asked: str, source: random.Random) -> str:
    opened = repository.append(conversation_id, asked, "assistant", "", state="writing")
    turn_id = opened.result(DEADLINE_S).id
    say("opened", turn_id, 0)
    n_pieces = 0
    for _ in range(source.randrange(12)):
        n_pieces += source.randrange(1, 30)
        repository.checkpoint(turn_id, answer_text(turn_id, n_pieces)).result(DEADLINE_S)
        say("writing", turn_id, n_pieces)
    text = answer_text(turn_id, n_pieces)
    repository.finish(turn_id, text, "complete", "stop", None, None).result(DEADLINE_S)
    say("complete", turn_id, n_pieces)
    return turn_id


def write_carelessly(folder: Path, seed: int) -> None:
    """The control: acknowledges before it commits, so a kill must lose words."""
    source = random.Random(seed)
    with closing(sqlite3.connect(folder / "hearth.db", isolation_level=None)) as connection:
        connection.execute("PRAGMA foreign_keys = OFF")
        say("ready", "")
        number = 0
        while True:
            connection.execute("BEGIN")
            for _ in range(50):
                number += 1
                key = f"careless-{seed}-{number}"
                text = "why " * source.randrange(200)
                connection.execute(
                    "INSERT INTO turn (id, conversation_id, role, state, text, created_at)"
                    " VALUES (?, 'none', 'user', 'complete', ?, 0)",
                    (key, text),
                )
                say("question", key, text)
            connection.execute("COMMIT")


def say(*words: str | int) -> None:
    """One line in one write: whole in the pipe or not there."""
    os.write(1, (json.dumps(words) + "\n").encode())


# --- the parent ---


def run(count: int, seed: int, folder: Path, *, careless: bool = False) -> Tally:
    """Kill a writer `count` times on one growing database; a fresh one every 100 kills."""
    source = random.Random(seed)
    tally = Tally()
    known = Acknowledged()
    profile = folder
    for number in range(count):
        if number % 100 == 0:
            profile = folder / f"profile-{number:06}"
            profile.mkdir()
            known = Acknowledged()
            _make(profile)
        n_before = known.n_writes
        _kill_one(profile, source, known, careless)
        tally.kills += 1
        tally.acknowledged += known.n_writes - n_before
        _look(profile, known, tally)
    return tally


def _make(profile: Path) -> None:
    opened = Database.open(profile / "hearth.db", SCHEMA, backups=profile / "backups")
    opened.database.close(DEADLINE_S)


def _kill_one(profile: Path, source: random.Random, known: Acknowledged, careless: bool) -> None:
    command = [sys.executable, "-m", "tests.torture.kills", "--child", str(profile)]
    command += ["--seed", str(source.randrange(1 << 30)), *(["--careless"] if careless else [])]
    while_opening = source.random() < WHILE_OPENING
    pause_s = source.random() * PAUSE_S
    with subprocess.Popen(command, stdout=subprocess.PIPE, cwd=ROOT) as child:
        assert child.stdout is not None
        ready = b"" if while_opening else child.stdout.readline()
        time.sleep(pause_s)
        child.kill()
        for line in (ready + child.stdout.read()).decode().splitlines():
            known.note(line)
        if child.wait(DEADLINE_S) != (-9 if os.name == "posix" else 1):
            raise RuntimeError(f"the writer ended by itself: {child.returncode}")


def _look(profile: Path, known: Acknowledged, tally: Tally) -> None:
    opened = Database.open(profile / "hearth.db", SCHEMA, backups=profile / "backups")
    if opened.notice is not None:
        tally.corrupt.append(str(opened.notice))
    verdict = opened.database.read(
        lambda connection: connection.execute("PRAGMA integrity_check").fetchall()
    ).result(DEADLINE_S)
    if verdict != [("ok",)]:
        tally.corrupt.append(str(verdict))
    repository = Repository(opened.database)
    interrupted = repository.mark_interrupted().result(DEADLINE_S)
    stored = {turn.id: turn for turn in _every_turn(repository)} | _loose_turns(opened.database)
    tally.lost += list(_missing(known, stored))
    tally.interrupted += interrupted
    opened.database.close(DEADLINE_S)


def _every_turn(repository: Repository) -> Iterator[Turn]:
    for conversation in repository.list().result(DEADLINE_S):
        yield from repository.turns(conversation.id).result(DEADLINE_S)


def _loose_turns(database: Database) -> dict[str, Turn]:
    """Turns of the careless writer, which makes no conversations."""
    rows = database.read(
        lambda connection: connection.execute(
            "SELECT id, text FROM turn WHERE conversation_id = 'none'"
        ).fetchall()
    ).result(DEADLINE_S)
    return {key: Turn(key, "none", None, "user", text, "complete", 0.0) for key, text in rows}


def _missing(known: Acknowledged, stored: dict[str, Turn]) -> Iterator[str]:
    for turn_id, text in known.questions.items():
        if turn_id not in stored:
            yield f"question {turn_id} is gone"
        elif stored[turn_id].text != text:
            yield f"question {turn_id} has other words"
    for turn_id, (kind, n_pieces) in known.answers.items():
        turn = stored.get(turn_id)
        if turn is None:
            yield f"answer {turn_id} is gone"
        elif kind == "complete" and (turn.state, turn.text) != (
            "complete",
            answer_text(turn_id, n_pieces),
        ):
            yield f"answer {turn_id} was complete and is not any more"
        elif not _holds(turn, n_pieces):
            yield f"answer {turn_id} is shorter than its last checkpoint"
        elif turn.state not in ("interrupted", "complete"):
            yield f"answer {turn_id} is {turn.state}"


def _holds(turn: Turn, n_pieces: int) -> bool:
    """At least the acknowledged pieces, and nothing but pieces."""
    if n_pieces == 0 and turn.text == "":
        return True
    longest = answer_text(turn.id, 12 * 30)
    return turn.text.startswith(answer_text(turn.id, n_pieces)) and longest.startswith(turn.text)


def control(folder: Path, seed: int) -> list[str]:
    """What a broken store would look like; the names of the controls that were not caught."""
    missed = []
    (folder / "careless").mkdir()
    if run(10, seed, folder / "careless", careless=True).is_clean:
        missed.append("a writer that acknowledges before it commits")
    (folder / "tampered").mkdir()
    if _tampered(folder / "tampered", seed).is_clean:
        missed.append("an answer cut short after it was acknowledged")
    return missed


def _tampered(profile: Path, seed: int) -> Tally:
    _make(profile)
    source = random.Random(seed)
    known = Acknowledged()
    for _ in range(5):
        _kill_one(profile, source, known, careless=False)
    with closing(sqlite3.connect(profile / "hearth.db", isolation_level=None)) as connection:
        connection.execute(
            "UPDATE turn SET text = substr(text, 1, length(text) - 1) WHERE id ="
            " (SELECT id FROM turn WHERE role = 'user' ORDER BY id LIMIT 1)"
        )
    tally = Tally()
    _look(profile, known, tally)
    return tally


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--count", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--control", action="store_true")
    parser.add_argument("--child", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--careless", action="store_true", help=argparse.SUPPRESS)
    wish = parser.parse_args()
    if wish.child is not None:
        (write_carelessly if wish.careless else write_as_a_chat)(wish.child, wish.seed)
    started = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="hearth-kills-") as name:
        if wish.control:
            missed = control(Path(name), wish.seed)
            print(f"not caught: {missed}" if missed else "both controls were caught")
            return 1 if missed else 0
        tally = run(wish.count, wish.seed, Path(name))
    print(
        f"{tally.kills} kills (seed {wish.seed}), {tally.acknowledged} acknowledged writes, "
        f"{tally.interrupted} answers interrupted, {len(tally.lost)} lost, "
        f"{len(tally.corrupt)} corrupt, {time.monotonic() - started:.0f} s"
    )
    for found in (*tally.lost[:10], *tally.corrupt[:10]):
        print("  " + found)
    return 0 if tally.is_clean else 1


if __name__ == "__main__":
    sys.exit(main())
