"""Nothing leaves: the window and commands under a tracer, and where no network is at all.

What is traced are sockets, addresses and whatever names are looked up with, of Hearth and of every
process that it starts.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from app.foundation.paths import open_profile
from app.network.connections import Connections
from tests.fixtures import window_tour
from tests.fixtures.alone import ALONE, Trace, traced, why_not_alone, why_not_traced
from tests.fixtures.program import program
from tests.fixtures.windows import PATIENCE_S, ROOT, Window, opened

LOG = "calls.txt"
NEEDS_TRACER = pytest.mark.skipif(bool(why_not_traced()), reason=why_not_traced() or "-")
NEEDS_ALONE = pytest.mark.skipif(bool(why_not_alone()), reason=why_not_alone() or "-")

TALKATIVE = """
import contextlib, socket
with contextlib.suppress(OSError):
    socket.getaddrinfo("hearth.invalid", 80)
with contextlib.suppress(OSError):
    socket.create_connection(("192.0.2.1", 443), 1)
with contextlib.suppress(OSError):
    socket.create_connection(("2001:db8::1", 443), 1)
socket.socket(socket.AF_INET, socket.SOCK_DGRAM).close()
"""
DISCREET = """
import socket
with socket.create_server(("127.0.0.1", 0)) as server:
    socket.create_connection(server.getsockname()).close()
"""


def run(under: Sequence[str], *words: str) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(
        [*under, *words],
        cwd=ROOT,
        capture_output=True,
        timeout=PATIENCE_S,
        check=False,
    )


def leave_nothing_out(window: Window, *, may_ask: bool) -> None:
    """Walk through all of the window, and close it."""
    pressed = window_tour.take(window, may_ask=may_ask)
    assert len(pressed) > 15, pressed
    assert window.close() == 0


def nothing_left(log: Path) -> None:
    trace = Trace(log)
    assert trace.n_calls > 100
    assert trace.outside() == []
    assert trace.lookups() == []


@NEEDS_TRACER
@NEEDS_ALONE
def test_the_tracer_sees_what_leaves(tmp_path: Path) -> None:
    log = tmp_path / LOG
    assert run([*ALONE, *traced(log)], sys.executable, "-c", TALKATIVE).returncode == 0
    trace = Trace(log)
    said = "\n".join(trace.outside())
    assert "192.0.2.1" in said
    assert "2001:db8::1" in said
    assert any(call.startswith("socket(AF_INET, SOCK_DGRAM") for call in trace.outside())
    assert any("/etc/resolv.conf" in call for call in trace.lookups())
    assert any("htons(53)" in call for call in trace.lookups())


@NEEDS_TRACER
def test_the_tracer_lets_pass_what_stays(tmp_path: Path) -> None:
    log = tmp_path / LOG
    assert run(traced(log), sys.executable, "-c", DISCREET).returncode == 0
    trace = Trace(log)
    assert (trace.outside(), trace.lookups()) == ([], [])
    assert trace.loopback()


@pytest.mark.skipif(
    bool(why_not_traced() and why_not_alone()),
    reason=f"{why_not_traced()}; {why_not_alone()}",
)
def test_offline_all_of_the_window_works_and_nothing_leaves(tmp_path: Path) -> None:
    """Whatever is pressed, the searches of the hub included; where no network but loopback is."""
    profile, log = tmp_path / "profile", tmp_path / LOG
    under = () if why_not_alone() else ALONE
    under += () if why_not_traced() else traced(log)
    with opened(profile, "--offline", under=under) as window:
        leave_nothing_out(window, may_ask=True)
    if not why_not_traced():
        nothing_left(log)
    assert Connections(open_profile(profile).connections).all() == ()


@NEEDS_TRACER
def test_nothing_leaves_unasked(tmp_path: Path) -> None:
    profile, log = tmp_path / "profile", tmp_path / LOG
    with opened(profile, under=traced(log)) as window:
        leave_nothing_out(window, may_ask=False)
    assert Connections(open_profile(profile).connections).all() == ()
    nothing_left(log)


@NEEDS_TRACER
@pytest.mark.parametrize(
    ("words", "code"),
    [
        (("plan", "qwen3.5-4b"), 0),
        (("plan", "some/repository"), 1),
        (("models", "recommend"), 0),
        (("doctor",), 0),
    ],
)
def test_offline_commands_ask_nobody(tmp_path: Path, words: tuple[str, ...], code: int) -> None:
    profile, log = tmp_path / "profile", tmp_path / LOG
    base = (*program(), "--profile", str(profile), "--offline")
    done = run(traced(log), *base, *words, "--json")
    assert done.returncode == code, done.stderr
    nothing_left(log)
    if code:
        error = json.loads(done.stdout)["error"]
        assert (error["code"], error["remedy"]) == ("offline", "Start Hearth without --offline.")
