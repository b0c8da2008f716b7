"""Damaged, newer, read-only and full: the window opens or says why not, and nothing is lost."""

from __future__ import annotations

import contextlib
import datetime as dt
import os
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from app.database import backups
from app.foundation.paths import open_profile
from tests.fixtures.store import DEADLINE_S, chat, opened_repository
from tests.fixtures.windows import hearth, left_notes, opened, stored_turns, verdict

QUESTION = "How do I add a model?"
FULL = "The disk is full."


@pytest.fixture
def kept(profile: Path) -> Path:
    """A profile with one chat."""
    open_profile(profile)
    with opened_repository(profile) as repository:
        chat(repository, "Old times", 4)
    return profile


@contextlib.contextmanager
def mounted(*words: str) -> Iterator[None]:
    """A mount for the length of a block; the last word is where."""
    if not sys.platform.startswith("linux") or os.geteuid() != 0:
        pytest.skip("only root on Linux can mount")
    done = subprocess.run(["mount", *words], capture_output=True, text=True, check=False)
    if done.returncode != 0:
        pytest.skip(f"this container may not mount: {done.stderr.strip()}")
    try:
        yield
    finally:
        subprocess.run(["umount", "--lazy", words[-1]], check=True)


def test_a_damaged_database_is_kept_and_the_newest_backup_brought_back(kept: Path) -> None:
    database = kept / "hearth.db"
    backups.copy(database, kept / "backups" / backups.daily_name(dt.date.today()))
    with database.open("r+b") as file:
        file.seek(100)
        file.write(b"\xff" * (database.stat().st_size - 100))
    damaged = database.read_bytes()
    with opened(kept) as window:
        window.until(lambda seen: seen.says("Some of your chats may be missing."))
        assert window.ready().chats == ()
        aside = next(kept.glob("hearth-damaged-*.db"))
        assert aside.read_bytes() == damaged
        window.do("click", name="Use the newest backup")
        window.until(lambda seen: seen.chats == ("Old times",))
        assert not window.now.says("Some of your chats")
        window.do("chat", title="Old times")
        window.until(lambda seen: len(seen.messages) == 4)
        window.ask(QUESTION)
        window.until(lambda seen: len(seen.messages) == 6 and seen.is_answered)
        assert window.close() == 0
    assert verdict(kept) == "ok"
    assert len(stored_turns(kept)) == 6


def test_a_newer_database_is_left_as_it_is(kept: Path) -> None:
    with contextlib.closing(sqlite3.connect(kept / "hearth.db")) as connection:
        connection.execute("PRAGMA user_version = 9999")
    before = (kept / "hearth.db").read_bytes()
    done = hearth(kept)
    assert (done.returncode, done.stdout) == (1, "")
    assert "newer" in done.stderr
    assert len(done.stderr.splitlines()) >= 2
    assert "Traceback" not in done.stderr
    assert (kept / "hearth.db").read_bytes() == before
    assert left_notes(kept) == []


def test_a_profile_that_may_not_be_written_can_be_read(kept: Path) -> None:
    before = stored_turns(kept)
    with mounted("--bind", "-o", "ro", str(kept), str(kept)):
        with opened(kept) as window:
            window.until(lambda seen: seen.says("may not write to its profile folder"))
            window.until(lambda seen: seen.chats == ("Old times",))
            window.do("chat", title="Old times")
            window.until(lambda seen: len(seen.messages) == 4)
            window.ask(QUESTION)
            refused = window.until(lambda seen: len(seen.banners) == 2 and len(seen.messages) == 4)
            assert refused.draft == QUESTION
            assert window.close() == 0
        assert hearth(kept, "ask", QUESTION, "--max-tokens", "4").returncode == 0
    assert stored_turns(kept) == before
    assert left_notes(kept) == []


def test_a_full_disk_is_said_and_nothing_is_lost(profile: Path) -> None:
    profile.mkdir()
    with mounted("-t", "tmpfs", "-o", "size=2M", "tmpfs", str(profile)):
        open_profile(profile)
        with opened_repository(profile) as repository:
            key = chat(repository, "Old times", 4)
        fill(profile)
        with opened(profile) as window:
            window.until(lambda seen: seen.says(FULL))
            window.until(lambda seen: seen.chats == ("Old times",))
            window.do("chat", title="Old times")
            window.until(lambda seen: len(seen.messages) == 4)
            window.ask(QUESTION)
            refused = window.until(lambda seen: len(seen.banners) == 2 and len(seen.messages) == 4)
            assert refused.draft == QUESTION
            (profile / "ballast").unlink()
            window.do("press", keys="Return")
            window.until(lambda seen: len(seen.messages) == 6 and seen.is_answered)
            assert window.close() == 0
        assert verdict(profile) == "ok"
        with opened_repository(profile) as repository:
            turns = repository.turns(key).result(DEADLINE_S)
        assert [turn.text for turn in turns][:5] == [f"Words. {n}" for n in range(4)] + [QUESTION]


def test_a_disk_that_fills_up_while_chatting_costs_no_word(profile: Path) -> None:
    profile.mkdir()
    with mounted("-t", "tmpfs", "-o", "size=4M", "tmpfs", str(profile)):
        with opened(profile) as window:
            window.ask(QUESTION)
            window.until(lambda seen: seen.is_answered)
            fill(profile)
            long = "Why is that so? " * 40
            window.do("write", text=long)
            window.do("press", keys="Return")
            refused = window.until(lambda seen: seen.says(FULL))
            assert refused.draft == long
            (profile / "ballast").unlink()
            window.do("press", keys="Return")
            window.until(lambda seen: len(seen.messages) == 4 and seen.is_answered)
            assert window.close() == 0
        assert verdict(profile) == "ok"
        assert [turn.text for turn in stored_turns(profile)][::2] == [QUESTION, long]


def fill(folder: Path) -> None:
    """Leave no byte."""
    ballast = os.open(folder / "ballast", os.O_WRONLY | os.O_CREAT)
    try:
        for size in (1 << 16, 1 << 12, 1):
            with contextlib.suppress(OSError):
                while True:
                    os.write(ballast, bytes(size))
    finally:
        os.close(ballast)
    assert shutil.disk_usage(folder).free == 0
