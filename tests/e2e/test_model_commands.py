"""Models from a hub on loopback by the command line, in a process as a person starts it."""

from __future__ import annotations

import hashlib
import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.fixtures.program import program
from tests.hub import samples
from tests.hub.content import sown_model
from tests.hub.faults.lines import Slow
from tests.hub.server import LoopbackHub
from tests.hub.shelf import Repository

ROOT = Path(__file__).resolve().parents[2]
DEADLINE_S = 120
LLAMA = "example-labs/Tiny-Llama-GGUF"
LARGE = "example-labs/Large-GGUF"
LARGE_BYTES = 24_000_000

Hearth = Callable[..., subprocess.CompletedProcess[bytes]]


@pytest.fixture
def filled(hub: LoopbackHub) -> LoopbackHub:
    samples.fill(hub.shelf, large_bytes=2_000_000)
    return hub


@pytest.fixture
def environment(hub: LoopbackHub, tmp_path: Path) -> dict[str, str]:
    home = str(tmp_path / "home")
    return {**os.environ, "HF_ENDPOINT": hub.url, "HOME": home, "USERPROFILE": home}


@pytest.fixture
def command(tmp_path: Path) -> list[str]:
    return [*program(), "--profile", str(tmp_path / "profile")]


@pytest.fixture
def hearth(command: list[str], environment: dict[str, str]) -> Hearth:
    def run(*words: str, **more: str) -> Any:
        return subprocess.run(
            [*command, *words],
            cwd=ROOT,
            capture_output=True,
            timeout=DEADLINE_S,
            env={**environment, **more},
            check=False,
        )

    return run


def lines(output: bytes) -> list[dict[str, Any]]:
    return [json.loads(line) for line in output.splitlines()]


def test_a_search_lists_what_can_run_in_the_order_asked_for(
    hearth: Hearth, filled: LoopbackHub
) -> None:
    done = hearth("models", "search", "tiny", "--sort", "likes", "--limit", "2", "--json")
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert [repo["id"] for repo in found["repositories"]] == [
        "example-labs/Tiny-Mixtral-GGUF",
        LLAMA,
    ]
    assert found["has_more"]
    assert len(filled.record.asked) == 1
    spoken = hearth("models", "search", "nothing", "of", "that", "name")
    assert spoken.returncode == 0
    assert b"no GGUF repository with \xe2\x80\x9cnothing of that name" in spoken.stdout


def test_a_model_is_fetched_used_by_its_name_and_found_again(
    hearth: Hearth, filled: LoopbackHub, tmp_path: Path
) -> None:
    done = hearth("models", "get", LLAMA, "--json")
    assert done.returncode == 0, done.stderr
    chosen, *_, last = lines(done.stdout)
    assert (chosen["event"], chosen["is_recommended"], chosen["fits"]) == ("chosen", True, "well")
    assert last["event"] == "done"
    path = Path(last["path"])
    assert path.is_relative_to(tmp_path / "profile" / "models")
    content = filled.shelf.repositories[LLAMA].files[chosen["files"][0]["name"]]
    assert hashlib.sha256(path.read_bytes()).hexdigest() == content.sha256
    filled.record.clear()
    again = hearth("models", "get", LLAMA, "--json")
    assert lines(again.stdout)[-1] == {**last, "was_here": True, "total_bytes": content.bytes}
    assert list(filled.record.at("store")) == []
    for word in (path.stem, LLAMA, f"{LLAMA}:{path.name}"):
        answered = hearth("ask", "hi", "--model", word, "--max-tokens", "2", "--json")
        assert answered.returncode == 0, answered.stdout
    purposes = [
        each["purpose"]
        for each in json.loads(hearth("connections", "--json").stdout)["connections"]
    ]
    assert f"files of {LLAMA}" in purposes
    assert f"download of {path.name}" in purposes


def test_people_read_size_fit_and_place_before_anything_is_fetched(
    hearth: Hearth, filled: LoopbackHub
) -> None:
    done = hearth("models", "get", f"{LLAMA}:Q8_0")
    assert done.returncode == 0, done.stderr
    what, how, where, end = done.stdout.decode().splitlines()
    assert what.startswith("Tiny-Llama-GGUF, Q8_0: ")
    assert how.startswith("On this computer: runs well")
    assert where.startswith(f"From {LLAMA}, into ")
    assert end.endswith("Tiny-Llama-Q8_0.gguf")
    assert done.stderr == b""


@pytest.mark.skipif(sys.platform == "win32", reason="POSIX signals")
def test_control_c_keeps_what_has_come_and_the_next_goes_on(
    command: list[str], environment: dict[str, str], hearth: Hearth, hub: LoopbackHub
) -> None:
    hub.shelf.add(Repository(LARGE, {"Large-Q4_K_M.gguf": sown_model(LARGE_BYTES)}))
    hub.sabotage(Slow(3_000_000))
    process = subprocess.Popen(
        [*command, "models", "get", LARGE, "--json"],
        cwd=ROOT,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    watch = threading.Timer(DEADLINE_S, process.kill)
    watch.start()
    told: list[dict[str, Any]] = []
    assert process.stdout is not None
    for line in process.stdout:
        told.append(json.loads(line))
        if told[-1].get("done_bytes", 0) > 4_000_000 and told[-1]["event"] == "progress":
            process.send_signal(signal.SIGINT)
            break
    rest, errors = process.communicate()
    watch.cancel()
    assert process.returncode == 130, errors
    assert errors == b""
    paused = lines(rest)[-1]
    assert paused["event"] == "paused"
    assert paused["done_bytes"] >= 4_000_000
    hub.heal()
    hub.record.clear()
    done = hearth("models", "get", LARGE)
    assert done.returncode == 0, done.stderr
    sent = sum(asked.sent_bytes for asked in hub.record.at("store") if asked.method == "GET")
    # What came for the header's sake is not counted: it is far below a hundredth.
    assert sent <= LARGE_BYTES - paused["done_bytes"] + LARGE_BYTES // 10
