from __future__ import annotations

import contextlib
import datetime as dt
import os
import sqlite3
import threading
from pathlib import Path

import pytest

from app.conversations.repository import Repository
from app.conversations.schema import SCHEMA
from app.database import backups, upkeep
from app.database.connection import Database
from app.foundation.errors import DatabaseDamaged, HearthError, StorageFull
from tests.fixtures.store import DEADLINE_S, chat, opened_database

TODAY = dt.date(2026, 11, 23)


def n_turns(path: Path) -> int:
    with contextlib.closing(sqlite3.connect(path)) as connection:
        return int(connection.execute("SELECT count(*) FROM turn").fetchone()[0])


def test_a_copy_has_everything_is_private_and_leaves_no_half_file(tmp_path: Path) -> None:
    with opened_database(tmp_path) as opened:
        chat(Repository(opened.database), "x", 20)
        made = upkeep.make_daily_copy(tmp_path / "hearth.db", tmp_path / "backups", TODAY)
    assert made == tmp_path / "backups" / "hearth-2026-11-23.db"
    assert n_turns(made) == 20
    assert [path.name for path in made.parent.iterdir()] == [made.name]
    assert backups.is_sound(made, SCHEMA.version)
    if os.name == "posix":
        assert made.stat().st_mode & 0o777 == 0o600
        assert made.parent.stat().st_mode & 0o777 == 0o700


def test_what_a_crash_left_of_a_copy_is_removed_by_the_next(tmp_path: Path) -> None:
    with opened_database(tmp_path):
        folder = tmp_path / "backups"
        folder.mkdir(exist_ok=True)
        # The system gives numbers of processes again: one of these may be ours.
        for process in (1, os.getpid()):
            (folder / f"hearth-2026-11-20.db.{process}.part").write_bytes(b"half")
            (folder / f"hearth-2026-11-23.db.{process}.part").write_bytes(b"half")
        (folder / "notes.part").write_bytes(b"a person's own")
        made = upkeep.make_daily_copy(tmp_path / "hearth.db", folder, TODAY)
    assert made is not None
    assert sorted(path.name for path in folder.iterdir()) == [made.name, "notes.part"]


def test_closing_does_not_wait_for_the_check_of_a_copy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(backups, "_STEPS_BETWEEN_LOOKS", 1)
    with opened_database(tmp_path) as opened:
        chat(Repository(opened.database), "x", 20)
        folder = tmp_path / "backups"
        made = upkeep.make_daily_copy(tmp_path / "hearth.db", folder, TODAY)
        assert made is not None
        stop = threading.Event()
        assert backups.is_sound(made, SCHEMA.version, stop=stop)

        class SetOnceCopied(threading.Event):
            def is_set(self) -> bool:
                return any(folder.glob("*.part"))

        assert not backups.is_sound(made, SCHEMA.version, stop=_set(stop))
        with pytest.raises(backups.BackupStopped):
            upkeep.make_daily_copy(
                tmp_path / "hearth.db", folder, TODAY + dt.timedelta(1), SetOnceCopied()
            )
    assert [path.name for path in folder.iterdir()] == [made.name]


def _set(event: threading.Event) -> threading.Event:
    event.set()
    return event


def test_a_fault_of_ours_does_not_end_the_copies_to_come(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = threading.Semaphore(0)

    def fail(*_: object, **__: object) -> Path:
        asked.release()
        raise sqlite3.ProgrammingError("a fault of ours")

    monkeypatch.setattr(backups, "copy", fail)
    monkeypatch.setattr(upkeep, "LOOK_EVERY_S", 0.01)
    looking = upkeep.Upkeep(tmp_path / "hearth.db", tmp_path / "backups")
    looking.start(lambda _error: None, 0.0)
    try:
        assert asked.acquire(timeout=DEADLINE_S)
        assert asked.acquire(timeout=DEADLINE_S)
    finally:
        looking.stop(DEADLINE_S)


def test_one_copy_a_day_is_enough(tmp_path: Path) -> None:
    with opened_database(tmp_path):
        path, folder = tmp_path / "hearth.db", tmp_path / "backups"
        assert upkeep.make_daily_copy(path, folder, TODAY) is not None
        assert upkeep.make_daily_copy(path, folder, TODAY) is None
        assert upkeep.make_daily_copy(path, folder, TODAY + dt.timedelta(1)) is not None


def test_messages_are_stored_while_a_copy_is_made(tmp_path: Path) -> None:
    with opened_database(tmp_path) as opened:
        repository = Repository(opened.database)
        key = chat(repository, "x", 100, "Many words " * 400)
        target = tmp_path / "copy.db"
        stepping = threading.Event()
        written = threading.Event()

        class Pausing(threading.Event):
            def wait(self, timeout: float | None = None) -> bool:
                stepping.set()
                assert written.wait(DEADLINE_S)
                return False

        copier = threading.Thread(
            target=backups.copy, args=(tmp_path / "hearth.db", target), kwargs={"stop": Pausing()}
        )
        copier.start()
        assert stepping.wait(DEADLINE_S)
        repository.append(key, None, "user", "written meanwhile").result(DEADLINE_S)
        written.set()
        copier.join(DEADLINE_S)
        assert n_turns(target) == 100
        assert n_turns(tmp_path / "hearth.db") == 101


def test_stopping_gives_up_a_copy_and_cleans_up(tmp_path: Path) -> None:
    stop = threading.Event()
    stop.set()
    with opened_database(tmp_path) as opened:
        chat(Repository(opened.database), "x", 2)
        with pytest.raises(backups.BackupStopped):
            upkeep.make_daily_copy(tmp_path / "hearth.db", tmp_path / "backups", TODAY, stop)
    assert list((tmp_path / "backups").iterdir()) == []


def test_without_room_no_copy_is_begun(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(backups, "SPARE_BYTES", 1 << 62)
    with opened_database(tmp_path), pytest.raises(StorageFull) as caught:
        upkeep.make_daily_copy(tmp_path / "hearth.db", tmp_path / "backups", TODAY)
    assert caught.value.remedy


def test_a_copy_of_damage_is_never_kept_and_the_next_start_looks_closer(tmp_path: Path) -> None:
    path, folder = tmp_path / "hearth.db", tmp_path / "backups"
    with opened_database(tmp_path) as opened:
        chat(Repository(opened.database), "x", 60, "Words " * 200)
        good = upkeep.make_daily_copy(path, folder, TODAY)
    with opened_database(tmp_path):
        with path.open("r+b") as file:
            file.seek(4096 * 5)
            file.write(b"\xff" * 4096 * 3)
        with pytest.raises(DatabaseDamaged):
            upkeep.make_daily_copy(path, folder, TODAY + dt.timedelta(1))
    assert list(folder.iterdir()) == [good]
    opened = Database.open(path, SCHEMA, backups=folder)
    assert isinstance(opened.notice, DatabaseDamaged)
    assert opened.database.close(DEADLINE_S)


def fake_copies(folder: Path, *names: str) -> None:
    folder.mkdir(exist_ok=True)
    for name in names:
        (folder / name).touch()


def test_seven_days_and_four_weeks_are_kept(tmp_path: Path) -> None:
    days = [TODAY - dt.timedelta(n) for n in range(90)]
    fake_copies(tmp_path, *(backups.daily_name(day) for day in days))
    backups.thin_out(tmp_path)
    kept = sorted((path.name[7:17] for path in tmp_path.iterdir()), reverse=True)
    assert len(kept) == 11
    assert kept[:7] == [day.isoformat() for day in days[:7]]
    weeks = [dt.date.fromisoformat(day).isocalendar()[:2] for day in kept[7:]]
    assert len(set(weeks)) == 4
    assert backups.thin_out(tmp_path) == []


def test_what_is_kept_is_the_same_when_thinned_out_every_day(tmp_path: Path) -> None:
    for n in range(120):
        fake_copies(tmp_path, backups.daily_name(TODAY + dt.timedelta(n)))
        backups.thin_out(tmp_path)
        assert (tmp_path / backups.daily_name(TODAY + dt.timedelta(n))).exists()
    ages = sorted(
        (TODAY + dt.timedelta(119) - dt.date.fromisoformat(path.name[7:17])).days
        for path in tmp_path.iterdir()
    )
    assert ages[:7] == list(range(7))
    assert len(ages) == 11
    assert ages[-1] >= 28


def test_old_copies_stay_when_no_newer_ones_are_made(tmp_path: Path) -> None:
    fake_copies(tmp_path, *(f"hearth-2020-01-0{n}.db" for n in range(1, 8)))
    assert backups.thin_out(tmp_path) == []


def test_copies_kept_for_a_reason_and_foreign_files_are_never_touched(tmp_path: Path) -> None:
    others = ["hearth-2020-01-01-kept.db", "notes.txt", "hearth-99.db", "hearth-2026-99-99.db"]
    fake_copies(tmp_path, *others)
    fake_copies(tmp_path, *(backups.daily_name(TODAY - dt.timedelta(n)) for n in range(40)))
    backups.thin_out(tmp_path)
    assert {path.name for path in tmp_path.iterdir()} >= set(others)


def test_three_copies_from_before_upgrades_are_kept(tmp_path: Path) -> None:
    names = [backups.upgrade_name(n, TODAY + dt.timedelta(n)) for n in range(5)]
    fake_copies(tmp_path, *names)
    backups.thin_out(tmp_path)
    assert {path.name for path in tmp_path.iterdir()} == set(names[2:])


def test_the_newest_sound_copy_is_found_past_rotten_and_too_new_ones(tmp_path: Path) -> None:
    folder = tmp_path / "backups"
    with opened_database(tmp_path):
        good = upkeep.make_daily_copy(tmp_path / "hearth.db", folder, TODAY)
        assert good is not None
        too_new = folder / "hearth-2026-11-25.db"
        too_new.write_bytes(good.read_bytes())
    with contextlib.closing(sqlite3.connect(too_new)) as connection:
        connection.execute("PRAGMA user_version = 99")
    (folder / "hearth-2026-11-24.db").write_bytes(good.read_bytes()[:5000])
    (folder / "hearth-2026-11-26.db").touch()
    assert backups.newest(folder, SCHEMA.version) == good
    assert backups.newest(tmp_path / "nowhere", SCHEMA.version) is None
    assert {path.name for path in folder.iterdir()} == {
        f"hearth-2026-11-2{day}.db" for day in (3, 4, 5, 6)
    }, "verifying leaves nothing beside a copy"


def test_upkeep_makes_the_copy_by_itself_and_ends_with_the_database(tmp_path: Path) -> None:
    told: list[HearthError] = []
    made = threading.Event()
    with opened_database(tmp_path) as opened:
        chat(Repository(opened.database), "x", 2)
        real = backups.thin_out

        def noticed(folder: Path) -> list[Path]:
            made.set()
            return real(folder)

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(backups, "thin_out", noticed)
            opened.database.start_upkeep(told.append, first_delay_s=0.0)
            assert made.wait(DEADLINE_S)
    assert told == []
    assert backups.newest(tmp_path / "backups", SCHEMA.version) is not None


def test_upkeep_says_a_problem_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(backups, "SPARE_BYTES", 1 << 62)
    monkeypatch.setattr(upkeep, "LOOK_EVERY_S", 0.01)
    told: list[HearthError] = []
    looks = threading.Semaphore(0)
    real = backups.has_space

    def counted(source: Path, folder: Path) -> bool:
        looks.release()
        return real(source, folder)

    monkeypatch.setattr(backups, "has_space", counted)
    with opened_database(tmp_path) as opened:
        opened.database.start_upkeep(told.append, first_delay_s=0.0)
        for _ in range(3):
            assert looks.acquire(timeout=DEADLINE_S)
    assert [error.code for error in told] == ["storage_full"]
