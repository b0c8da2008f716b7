"""Hearth as a process beside a graphics driver that ends or deceives whoever asks it."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.fixtures import fake_gpu
from tests.fixtures.program import program

pytestmark = pytest.mark.skipif(bool(fake_gpu.why_not()), reason=fake_gpu.why_not() or "-")

ROOT = Path(__file__).resolve().parents[2]
Hearth = Callable[..., dict[str, Any]]


@pytest.fixture(scope="module")
def runtime(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return fake_gpu.make_runtime(tmp_path_factory.mktemp("runtime"))


@pytest.fixture
def hearth(runtime: Path, tmp_path: Path) -> Hearth:
    """A command in a profile of its own, with the driver as it is told; its JSON."""

    def run(driver: str, *words: str) -> dict[str, Any]:
        command = [*program(), "--profile", str(tmp_path / "profile"), *words]
        environment = os.environ | {"HEARTH_RUNTIME": str(runtime), "FAKE_GPU": driver}
        done = subprocess.run(
            [*command, "--json"],
            cwd=ROOT,
            env=environment,
            capture_output=True,
            timeout=180,
            check=False,
        )
        assert done.returncode in (0, 1), done.stderr
        return dict(json.loads(done.stdout))

    return run


def checks(answer: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {check["name"]: check for check in answer["checks"]}


def test_hearth_answers_says_what_happened_and_tries_again_when_asked(hearth: Hearth) -> None:
    assert hearth("abort-asking", "selftest")["passed"]
    found = checks(hearth("abort-asking", "doctor"))
    assert found["llama.cpp"]["ok"]
    tests = found["Hardware tests"]
    assert not tests["ok"]
    assert "graphics module fake is not used since" in tests["detail"]
    assert "signal 6" in tests["detail"]
    assert "hearth doctor --retry" in tests["remedy"]
    # The driver may be well again; nobody asks it.
    assert hearth("good", "probe")["devices"] == []
    again = hearth("good", "doctor", "--retry")
    assert again["n_retried"] == 1
    assert checks(again)["Hardware tests"]["ok"]
    assert "fake0: Fake Graphics 9000" in checks(again)["Graphics"]["detail"]
    (device,) = hearth("good", "probe")["devices"]
    assert (device["module"], device["verdict"]) == ("fake", "verified")
    assert hearth("good", "selftest")["passed"]


def test_a_driver_that_deceives_is_shown_and_left(hearth: Hearth) -> None:
    (device,) = hearth("subtle", "probe")["devices"]
    assert device["verdict"].startswith("rejected: it writes other text than the processor")
    assert hearth("abort-loading", "selftest")["passed"]  # it is not opened any more
