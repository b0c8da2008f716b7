"""The ledger of hardware tests: what is kept, what is forgotten, what damage does to it."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest

from app.hardware.ledger import FILE, Key, Ledger

MODULE = Key("module", "vulkan", "runtime", "driver")


def bad(ledger: Ledger, key: Key = MODULE, why: str = "signal 6") -> None:
    with ledger.trying(key) as attempt:
        attempt.bad("died", why)


def test_another_process_reads_what_was_written(tmp_path: Path) -> None:
    with Ledger(tmp_path).trying(MODULE) as attempt:
        attempt.good({"devices": [1]})
    entry = Ledger(tmp_path).get(MODULE)
    assert entry is not None
    assert (entry.outcome, entry.found, entry.is_bad) == ("good", {"devices": [1]}, False)
    assert Ledger(tmp_path).get(Key("module", "vulkan", "runtime", "another driver")) is None


def test_the_intent_is_on_disk_while_it_is_tried(tmp_path: Path) -> None:
    with Ledger(tmp_path).trying(MODULE):
        saved = json.loads((tmp_path / FILE).read_text())["tried"]
        assert [(item["key"]["name"], item["outcome"]) for item in saved] == [("vulkan", "trying")]
    assert json.loads((tmp_path / FILE).read_text())["tried"] == []


def test_a_try_without_a_verdict_leaves_what_was_known(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path)
    ledger.note(MODULE, {"devices": [1]})
    with pytest.raises(KeyboardInterrupt), ledger.trying(MODULE):
        raise KeyboardInterrupt
    entry = ledger.get(MODULE)
    assert entry is not None
    assert (entry.outcome, entry.found) == ("good", {"devices": [1]})


def test_what_went_wrong_can_be_forgotten(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path)
    bad(ledger)
    ledger.note(Key("disk", "1", ""), {"read_bytes_per_s": 1.0})
    assert [entry.why for entry in ledger.forget_bad()] == ["signal 6"]
    assert [entry.key.kind for entry in ledger.entries()] == ["disk"]
    assert ledger.forget_bad() == []


def tried(kind: str = "disk", **changes: Any) -> dict[str, Any]:
    key = {"kind": kind, "name": "1", "runtime": "", "driver": ""}
    entry = {"key": key, "outcome": "good", "why": "", "since_s": 0, "found": {}}
    return entry | {"process": [0, 0]} | changes


def test_what_is_tried_below_is_read(tmp_path: Path) -> None:
    (tmp_path / FILE).write_text(json.dumps({"version": 1, "tried": [tried()]}))
    assert len(Ledger(tmp_path).entries()) == 1


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "[]",
        "null",
        '{"version": 99, "tried": []}',
        '{"version": 1, "tried": [{}]}',
        '{"version": 1, "tried": 5}',
        json.dumps({"version": 1, "tried": [tried(kind="spell")]}),
        json.dumps({"version": 1, "tried": [tried(found=3)]}),
        json.dumps({"version": 1, "tried": [tried(outcome="perhaps")]}),
        json.dumps({"version": 1, "tried": [tried(process=[1])]}),
        "\0\0\0\0",
    ],
)
def test_a_damaged_file_is_as_good_as_none(tmp_path: Path, text: str) -> None:
    (tmp_path / FILE).write_text(text)
    ledger = Ledger(tmp_path)
    assert ledger.entries() == []
    bad(ledger)
    assert [entry.key for entry in Ledger(tmp_path).entries()] == [MODULE]


def test_where_nothing_can_be_written_this_process_still_knows(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path / "not" / "there")
    bad(ledger)
    entry = ledger.get(MODULE)
    assert entry is not None
    assert entry.is_bad
    # Once it can be written again, it is.
    (tmp_path / "not" / "there").mkdir(parents=True)
    bad(ledger, Key("module", "cuda", "runtime", "driver"))
    assert len(Ledger(tmp_path / "not" / "there").entries()) == 2


def test_only_the_newest_are_kept(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path)
    bad(ledger)
    for number in range(120):
        ledger.note(Key("disk", str(number), ""), {"read_bytes_per_s": 1.0})
    names = [entry.key.name for entry in ledger.entries()]
    assert len(names) == 100
    assert names[-1] == "119"
    assert "vulkan" not in names


def test_two_threads_lose_nothing(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path)

    def write(name: str) -> None:
        for number in range(10):
            bad(ledger, Key("module", f"{name}{number}", "runtime"))

    threads = [threading.Thread(target=write, args=(name,)) for name in "ab"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(ledger.entries()) == 20


ENDS_WHILE_TRYING = """
import sys, threading
from pathlib import Path
from app.hardware.ledger import Key, Ledger

ledger, began = Ledger(Path(sys.argv[1])), threading.Event()

def try_it():
    with ledger.trying(Key("module", "vulkan", "runtime", "driver")) as attempt:
        began.set()
        threading.Event().wait()

threading.Thread(target=try_it, daemon=True).start()
began.wait()
"""


def test_closing_hearth_while_something_is_tried_is_no_death(tmp_path: Path) -> None:
    command = [sys.executable, "-c", ENDS_WHILE_TRYING, str(tmp_path)]
    subprocess.run(command, check=True, timeout=60)
    assert Ledger(tmp_path).get(MODULE) is None
    Ledger(tmp_path).note(MODULE, {"devices": [1]})
    subprocess.run(command, check=True, timeout=60)
    entry = Ledger(tmp_path).get(MODULE)
    assert entry is not None
    assert (entry.outcome, entry.found) == ("good", {"devices": [1]})


def test_after_the_end_began_nothing_is_written(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path)
    with ledger.trying(MODULE) as attempt:
        ledger.close()
        attempt.bad("died", "its process was ended with ours")
    assert Ledger(tmp_path).get(MODULE) is None


def test_an_end_from_outside_is_tried_again_and_the_second_in_a_row_is_a_death(
    tmp_path: Path,
) -> None:
    for outcomes in (["interrupted"], ["interrupted", "died"]):
        for outcome in outcomes:
            orphan(tmp_path)
            entry = Ledger(tmp_path).get(MODULE)
            assert entry is not None
            assert (entry.outcome, entry.is_bad) == (outcome, outcome == "died")
        with Ledger(tmp_path).trying(MODULE) as attempt:
            attempt.good({"devices": [1]})


def test_ending_in_order_does_not_make_an_interruption_good(tmp_path: Path) -> None:
    orphan(tmp_path)
    with Ledger(tmp_path).trying(MODULE):
        pass
    orphan(tmp_path)
    entry = Ledger(tmp_path).get(MODULE)
    assert entry is not None
    assert entry.outcome == "died"


def orphan(folder: Path) -> None:
    """Kill a process while it tries the module."""
    source = ENDS_WHILE_TRYING + "print(flush=True)\nthreading.Event().wait()\n"
    child = subprocess.Popen([sys.executable, "-c", source, str(folder)], stdout=subprocess.PIPE)
    with child:
        assert child.stdout is not None
        child.stdout.readline()
        child.kill()
