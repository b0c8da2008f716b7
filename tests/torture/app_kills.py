"""Kill the whole program with SIGKILL while answers stream, and look for what it had shown.

    python -m tests.torture.app_kills --count 100 --seed 1
    python -m tests.torture.app_kills --control        the control must be caught

Each round starts the real window (offscreen) on the same profile, writes messages into it with
keys, and kills it at a random moment. Then the database is opened: every message that the window
had shown as stored must be there with its words, every answer with all that was on the screen
half a second before the end, and SQLite must find nothing wrong. The next round must find the
window usable and in its usual mode.
"""

from __future__ import annotations

import argparse
import random
import sqlite3
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

from app.conversations.records import Turn
from tests.fixtures.windows import (
    Seen,
    Shown,
    Window,
    choose,
    left_notes,
    opened,
    stored_turns,
    storyteller,
    verdict,
)

LIMIT_S = 0.5
LONGEST_S = 2.5
A_LONG_CHAT = 40
A_PROFILE = 20


@dataclass
class Tally:
    """What a run found. `wrong` holds descriptions, empty when all is well."""

    kills: int = 0
    stored: int = 0
    cut: int = 0
    lost_s: list[float] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)


@dataclass
class Known:
    """What windows of one profile have shown as stored, by id."""

    ended: dict[str, Shown] = field(default_factory=dict)
    open: dict[str, list[tuple[float, str]]] = field(default_factory=dict)
    n_stored: int = 0

    def take(self, sights: Sequence[Seen]) -> None:
        """Note what one run of the window showed, up to its end."""
        self.open = {}
        for seen in sights:
            for message in seen.messages:
                if message.state == "writing":
                    self.open.setdefault(message.id, []).append((seen.at_s, message.text))
                elif message.state:
                    self.open.pop(message.id, None)
                    self.n_stored += message.id not in self.ended
                    self.ended[message.id] = message


def run(count: int, seed: int, folder: Path, *, limit_s: float = LIMIT_S) -> Tally:
    """Kill the program `count` times; now and then on a fresh profile."""
    source = random.Random(seed)
    tally = Tally()
    known = Known()
    profile = folder
    for number in range(count):
        if number % A_PROFILE == 0:
            tally.stored += known.n_stored
            profile, known = folder / f"profile-{number:04}", Known()
            choose(profile, storyteller(folder))
        _kill_one(profile, source, known, tally, number)
        tally.kills += 1
        found = _look(profile, known, tally, limit_s)
        tally.wrong += [f"kill {number}: {what}" for what in found]
    tally.stored += known.n_stored
    return tally


def _kill_one(
    profile: Path, source: random.Random, known: Known, tally: Tally, number: int
) -> None:
    with opened(profile) as window:
        window.ready()
        # A start that is killed before its model is ready is to be followed by a safe one.
        window.found(lambda: not left_notes(profile))
        if window.now.safe_mode:
            tally.wrong.append(f"kill {number}: safe mode after a usual kill")
        if window.now.chats and source.random() < 0.6:
            window.do("chat", title=window.now.chats[0])
            window.until(lambda seen: len(seen.messages) > 1)
        for _ in range(source.randrange(3)):
            _say(window, source)
            window.until(lambda seen: seen.is_answering and len(seen.answer) > 20)
            window.do("click", name="Stop")
            window.until(lambda seen: seen.is_answered)
        _say(window, source)
        _pause(window, source.uniform(0, LONGEST_S))
        window.kill()
        known.take(window.seen)


def _say(window: Window, source: random.Random) -> None:
    if len(window.now.messages) > A_LONG_CHAT:
        window.do("press", keys="Ctrl+N")
        window.until(lambda seen: not seen.messages)
    if source.random() < 0.3 and "Continue" in window.now.buttons:
        window.do("click", name="Continue")
        return
    window.ask(f"Question {source.randrange(1 << 30)} " + "why " * source.randrange(20))


def _pause(window: Window, pause_s: float) -> None:
    """A random moment: from before the message is stored to well into the answer."""
    end_s = time.monotonic() + pause_s
    while time.monotonic() < end_s:
        window.do("look")
        time.sleep(0.01)


def _look(profile: Path, known: Known, tally: Tally, limit_s: float) -> Iterator[str]:
    if notes := left_notes(profile):
        yield f"sentinels left: {notes}"
    if (found := verdict(profile)) != "ok":
        yield f"corrupt: {found}"
    stored = {turn.id: turn for turn in stored_turns(profile)}
    yield from _missing(known, stored)
    yield from _cut(known, stored, tally, limit_s)
    for turn_id, turn in stored.items():
        known.ended[turn_id] = Shown(turn_id, turn.role, turn.text, "", turn.state)


def _cut(known: Known, stored: dict[str, Turn], tally: Tally, limit_s: float) -> Iterator[str]:
    for turn_id, sights in known.open.items():
        tally.cut += 1
        turn = stored.get(turn_id)
        if turn is None:
            yield f"answer {turn_id} is gone"
            continue
        lost_s = _lost_s(sights, turn.text)
        if lost_s is None:
            yield f"answer {turn_id} has other words"
            continue
        tally.lost_s.append(lost_s)
        if lost_s > limit_s:
            yield f"answer {turn_id} lost its last {lost_s:.2f} s"


def _missing(known: Known, stored: dict[str, Turn]) -> Iterator[str]:
    for turn_id, message in known.ended.items():
        turn = stored.get(turn_id)
        if turn is None:
            yield f"{message.role} {turn_id} is gone"
        elif turn_id not in known.open and not turn.text.startswith(message.text):
            yield f"{message.role} {turn_id} has other words"
        elif message.role == "user" and turn.text != message.text:
            yield f"question {turn_id} has other words"


def _lost_s(sights: list[tuple[float, str]], text: str) -> float | None:
    """How old the first word was that was shown and is not stored; None for other words."""
    last_s, last = sights[-1]
    if not (text.startswith(last) or last.startswith(text)):
        return None
    return next((last_s - at_s for at_s, shown in sights if len(shown) > len(text)), 0.0)


def control(folder: Path, seed: int) -> list[str]:
    """What a store that loses words would look like; the controls that were not caught."""
    missed = []
    known, tally = Known(), Tally()
    profile = folder / "tampered"
    choose(profile, storyteller(folder))
    _kill_one(profile, random.Random(seed), known, tally, 0)
    if list(_look(profile, known, tally, limit_s=60.0)):
        missed.append("all was well before anything was tampered with")
    for what, change in (
        ("a question cut short", "substr(text, 1, length(text) - 1) WHERE role = 'user'"),
        ("an answer emptied", "'' WHERE role = 'assistant'"),
    ):
        with closing(sqlite3.connect(profile / "hearth.db", isolation_level=None)) as connection:
            connection.execute(f"UPDATE turn SET text = {change}")
        if not list(_look(profile, known, tally, LIMIT_S)):
            missed.append(what)
    return missed


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--count", type=int, default=100)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--control", action="store_true")
    wish = parser.parse_args()
    started = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="hearth-app-kills-") as name:
        if wish.control:
            missed = control(Path(name), wish.seed)
            print(f"not caught: {missed}" if missed else "the controls were caught")
            return 1 if missed else 0
        tally = run(wish.count, wish.seed, Path(name))
    late = sorted(tally.lost_s)
    print(
        f"{tally.kills} kills (seed {wish.seed}), {tally.stored} messages shown as stored, "
        f"{tally.cut} answers cut, "
        f"lost of them: median {late[len(late) // 2] if late else 0:.2f} s, "
        f"most {late[-1] if late else 0:.2f} s; {len(tally.wrong)} wrong, "
        f"{time.monotonic() - started:.0f} s"
    )
    for found in tally.wrong[:20]:
        print("  " + found)
    return 1 if tally.wrong else 0


if __name__ == "__main__":
    sys.exit(main())
