"""Children: answers, errors, deaths and limits are all told apart."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
import time
from pathlib import Path

import psutil
import pytest

from app.foundation import child_side, children
from app.foundation.cancellation import Cancellation
from app.foundation.children import ChildDied, ResidentChild, run_child
from app.foundation.errors import ModelFileInvalid

BODY = """
import os, signal, sys, time
from app.foundation.errors import ModelFileInvalid

def answer(request, progress):
    what = request["do"]
    if what == "echo":
        progress({"seen": True})
        print("noise from native code")
        os.write(1, b"more noise\\n")
        return {"echo": request.get("value"), "pid": os.getpid()}
    if what == "refuse":
        raise ModelFileInvalid("Broken.", "Byte 7.", "Get it again.")
    if what == "die":
        os.kill(os.getpid(), signal.SIGSEGV)
    if what == "exit":
        os._exit(5)
    if what == "hang":
        time.sleep(60)
    if what == "bloat":
        return {"size": len(bytearray(10**10))}
    if what == "no object":
        return [1]
    if what == "bug":
        return 1 / 0
"""

DRIVER = """
import subprocess
import sys
sys.path.insert(0, {folder!r})
from app.foundation.child_side import serve
sys.exit(serve("body"))
"""


@pytest.fixture(autouse=True)
def child_named_body(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Any child name starts the body above, through the real child side."""
    (tmp_path / "body.py").write_text(BODY)
    driver = DRIVER.format(folder=str(tmp_path))
    monkeypatch.setattr(children, "command_for", lambda name: [sys.executable, "-c", driver])


def ask(**request: object) -> dict[str, object]:
    return run_child("body", dict(request), deadline_s=30)


def test_an_answer_comes_back_past_native_noise() -> None:
    seen: list[object] = []
    answer = run_child(
        "body", {"do": "echo", "value": "é\n"}, deadline_s=30, on_progress=seen.append
    )
    assert answer["echo"] == "é\n"
    assert seen == [{"seen": True}]


def test_an_error_for_people_arrives_as_itself() -> None:
    with pytest.raises(ModelFileInvalid) as caught:
        ask(do="refuse")
    assert caught.value.as_dict() == {
        "code": "model_file_invalid",
        "title": "Broken.",
        "detail": "Byte 7.",
        "remedy": "Get it again.",
    }


def test_a_bug_in_the_child_is_a_failure_with_its_name() -> None:
    with pytest.raises(Exception, match="ZeroDivisionError"):
        ask(do="bug")


@pytest.mark.skipif(sys.platform == "win32", reason="signals end processes on POSIX only")
def test_death_by_signal_is_told() -> None:
    with pytest.raises(ChildDied) as caught:
        ask(do="die")
    assert (caught.value.verdict, caught.value.signal_number) == ("signal", 11)


def test_an_exit_without_answer_is_told() -> None:
    with pytest.raises(ChildDied) as caught:
        ask(do="exit")
    assert caught.value.verdict == "exit"


def test_a_child_that_hangs_is_ended_at_its_deadline() -> None:
    with pytest.raises(ChildDied) as caught:
        run_child("body", {"do": "hang"}, deadline_s=0.5)
    assert caught.value.verdict == "timeout"


def test_a_child_that_does_not_read_is_ended_at_its_deadline(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    deaf = [sys.executable, "-c", "import time; time.sleep(600)"]
    monkeypatch.setattr(children, "command_for", lambda _name: deaf)
    with pytest.raises(ChildDied) as caught:
        run_child("deaf", {"value": "more than a pipe holds " * 100_000}, deadline_s=0.5)
    assert caught.value.verdict == "timeout"


def test_a_child_is_ended_when_cancelled() -> None:
    cancellation = Cancellation()
    timer = threading.Timer(0.2, cancellation.cancel)
    timer.start()
    with pytest.raises(ChildDied) as caught:
        run_child("body", {"do": "hang"}, deadline_s=30, cancellation=cancellation)
    timer.join()
    assert caught.value.verdict == "cancelled"


@pytest.mark.skipif(sys.platform != "linux", reason="the limit is set through RLIMIT_AS")
def test_memory_beyond_the_limit_ends_the_child_alone() -> None:
    with pytest.raises(ChildDied) as caught:
        run_child("body", {"do": "bloat"}, deadline_s=30, memory_limit_bytes=512 * 1024 * 1024)
    assert caught.value.verdict == "exit"


def test_a_resident_child_stays_and_comes_back_after_dying() -> None:
    child = ResidentChild("body")
    try:
        first = child.ask({"do": "echo"}, deadline_s=30)["pid"]
        assert child.ask({"do": "echo"}, deadline_s=30)["pid"] == first
        with pytest.raises(ChildDied):
            child.ask({"do": "hang"}, deadline_s=0.5)
        assert child.ask({"do": "echo"}, deadline_s=30)["pid"] != first
    finally:
        child.close()


def test_a_resident_child_that_answers_nonsense_is_not_left_behind() -> None:
    child = ResidentChild("body")
    first = child.ask({"do": "echo"}, deadline_s=30)["pid"]
    with pytest.raises(ChildDied) as caught:
        child.ask({"do": "no object"}, deadline_s=30)
    assert caught.value.verdict == "garbage"
    assert not psutil.pid_exists(first)
    child.close()


def test_closing_ends_a_resident_child_that_is_busy() -> None:
    child = ResidentChild("body")
    first = child.ask({"do": "echo"}, deadline_s=30)["pid"]
    deaths: list[ChildDied] = []

    def hang() -> None:
        try:
            child.ask({"do": "hang"}, deadline_s=30)
        except ChildDied as death:
            deaths.append(death)

    asking = threading.Thread(target=hang)
    asking.start()
    while not child._lock.locked():
        time.sleep(0.01)
    child.close()
    asking.join()
    assert [death.verdict for death in deaths] == ["signal"]
    assert not psutil.pid_exists(first)


@pytest.mark.skipif(sys.platform == "win32", reason="limits are POSIX's")
def test_a_limit_that_the_system_refuses_is_no_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    import resource

    asked: list[tuple[int, tuple[int, int]]] = []

    def refuse(what: int, limits: tuple[int, int]) -> None:
        asked.append((what, limits))
        if what == resource.RLIMIT_AS:
            raise ValueError("current limit exceeds maximum limit")

    monkeypatch.setattr(resource, "setrlimit", refuse)
    monkeypatch.setattr(resource, "getrlimit", lambda what: (1 << 30, 1 << 30))
    child_side._limit({"memory_bytes": 1 << 33})
    assert asked[-1] == (resource.RLIMIT_AS, (1 << 30, 1 << 30))


def test_requests_travel_as_ascii_json() -> None:
    assert json.dumps({"value": "é"}).isascii()
    assert ask(do="echo", value="\ud83d\ude00 ü")["echo"] == "😀 ü"


@pytest.mark.skipif(sys.platform == "win32", reason="POSIX polling")
def test_a_child_does_not_outlive_who_asked(tmp_path: Path) -> None:
    (tmp_path / "body.py").write_text(BODY)
    command = [sys.executable, "-c", DRIVER.format(folder=str(tmp_path))]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as child:
        assert child.stdin is not None
        child.stdin.write(b'{"hello": true}\n{"request": {"do": "hang"}}\n')
        child.stdin.flush()
        assert child.stdout is not None
        assert json.loads(child.stdout.readline()) == {"answer": {}}
        child.stdin.close()
        assert child.wait(30) == 0


def test_a_child_that_cannot_be_ended_holds_nobody_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """A driver that hangs inside the system keeps its process, whatever signal is sent."""
    monkeypatch.setattr(children, "_GRACE_S", 0.1)
    asleep = [sys.executable, "-c", "import time; time.sleep(30)"]
    monkeypatch.setattr(children, "command_for", lambda name: asleep)
    end = subprocess.Popen.kill
    held: list[subprocess.Popen[bytes]] = []

    def kill_in_vain(process: subprocess.Popen[bytes]) -> None:
        held.append(process)

    monkeypatch.setattr(subprocess.Popen, "kill", kill_in_vain)
    with pytest.raises(ChildDied) as caught:
        run_child("body", {}, deadline_s=0.1)
    assert caught.value.verdict == "timeout"
    assert held[0].poll() is None
    end(held[0])
    held[0].wait()
