"""The record of connections: complete, bounded, and readable whatever happened to it."""

from __future__ import annotations

import subprocess
import sys
import threading
from pathlib import Path

import pytest

from app.foundation.errors import StorageError
from app.network import connections as module
from app.network.connections import CUT_OFF, Connections


def test_a_connection_is_on_disk_before_it_ends(tmp_path: Path) -> None:
    path = tmp_path / "connections.jsonl"
    under_way = Connections(path).begin("example.org", "a test")
    (one,) = Connections(path).all()
    assert (one.host, one.outcome) == ("example.org", CUT_OFF)
    under_way.received_bytes = 7
    under_way.end("200")
    (one,) = Connections(path).all()
    assert (one.received_bytes, one.outcome) == (7, "200")
    assert path.stat().st_mode & 0o077 == 0


def test_several_at_once_do_not_mix(tmp_path: Path) -> None:
    record = Connections(tmp_path / "connections.jsonl")

    def ask(number: int) -> None:
        for _ in range(20):
            under_way = record.begin(f"host{number}", "a test")
            under_way.sent_bytes = number
            under_way.end("200")

    threads = [threading.Thread(target=ask, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    found = record.all()
    assert len(found) == 80
    assert all(entry.host == f"host{entry.sent_bytes}" for entry in found)


def test_the_oldest_go_and_are_counted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST_BYTES", 4096)
    path = tmp_path / "connections.jsonl"
    record = Connections(path)
    for number in range(200):
        record.begin(f"host{number}", "a test").end("200")
    found = record.all()
    assert path.stat().st_size <= 4096 + 200
    assert found[-1].host == "host199"
    assert len(found) + record.n_dropped() == 200
    assert record.n_dropped() > 100


def test_damaged_lines_are_left_out(tmp_path: Path) -> None:
    path = tmp_path / "connections.jsonl"
    Connections(path).begin("example.org", "a test").end("200")
    good = path.read_bytes()
    path.write_bytes(b'\xff\xfe{\n[1]\n{"id": 5}\n' + b"[" * 5000 + b"\n" + good + b'{"id": "cut')
    assert [entry.host for entry in Connections(path).all()] == ["example.org"]
    assert Connections(path).n_dropped() == 0
    assert Connections(tmp_path / "none").all() == ()


def test_a_line_that_was_cut_off_hides_no_later_connection(tmp_path: Path) -> None:
    path = tmp_path / "connections.jsonl"
    Connections(path).begin("one.example", "a test").end("200")
    path.write_bytes(path.read_bytes()[:-20])
    Connections(path).begin("two.example", "a test").end("200")
    found = [(entry.host, entry.outcome) for entry in Connections(path).all()]
    assert found == [("one.example", CUT_OFF), ("two.example", "200")]


def test_a_record_that_cannot_be_read_is_not_an_empty_one(tmp_path: Path) -> None:
    path = tmp_path / "connections.jsonl"
    path.mkdir()
    for ask in (Connections(path).all, Connections(path).n_dropped):
        with pytest.raises(StorageError, match="cannot be read"):
            ask()


_OTHER = """
import sys
from pathlib import Path
from app.network import connections as module
module.MOST_BYTES = int(sys.argv[3])
record = module.Connections(Path(sys.argv[1]))
sys.stdin.readline()
for number in range(1500):
    record.begin(f"{sys.argv[2]}{number}", "a test").end("200")
"""


def test_several_processes_hide_nothing_of_each_other_while_the_oldest_go(tmp_path: Path) -> None:
    path = tmp_path / "connections.jsonl"
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", _OTHER, str(path), name, "60000"],
            stdin=subprocess.PIPE,
            text=True,
        )
        for name in "abc"
    ]
    for process in processes:
        assert process.stdin is not None
        process.stdin.write("go\n")
        process.stdin.flush()
    for process in processes:
        process.communicate()
        assert process.returncode == 0
    record = Connections(path)
    assert len(record.all()) + record.n_dropped() == 4500
    assert [entry.outcome for entry in record.all()] == ["200"] * len(record.all())
