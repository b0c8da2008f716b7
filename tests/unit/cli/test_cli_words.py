"""Words of the command line that lead nowhere: sentences, never tracebacks."""

from __future__ import annotations

import dataclasses
import io
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from app.bootstrap.command_line import services_for
from app.bootstrap.runtime import Runtime
from app.cli import main as cli
from app.cli.commands import ask
from app.cli.output import FAILED, WRONG_USE
from app.cli.services import CliServices
from app.foundation.errors import InvalidInput
from app.foundation.paths import open_profile
from app.hardware.profile import MachineProfile

ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture
def services(tmp_path: Path) -> CliServices:
    return services_for(Runtime(open_profile(tmp_path / "profile")))


def run(services: CliServices, *words: str) -> int:
    return cli.run(cli.parse(words), services)


@pytest.mark.parametrize("word", ["a" * 5000, "~nobody-of-that-name/model.gguf", "/proc/1/root/x"])
def test_paths_that_cannot_be_are_models_that_are_not_there(
    services: CliServices, capsys: pytest.CaptureFixture[str], word: str
) -> None:
    assert run(services, "models", "inspect", word) == FAILED
    assert "There is no model" in capsys.readouterr().err


@pytest.mark.parametrize("name", ["a" * 5000, "~nobody-of-that-name/notes.txt", "/"])
def test_files_that_cannot_be_read_are_named(
    services: CliServices, capsys: pytest.CaptureFixture[str], name: str
) -> None:
    assert run(services, "ask", "hi", "--file", name) == WRONG_USE
    assert "cannot be read" in capsys.readouterr().err


def test_a_question_is_read_only_up_to_a_limit(
    services: CliServices, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ask, "_LIMIT_BYTES", 100)
    long = tmp_path / "long.txt"
    long.write_text("x" * 101)
    with pytest.raises(InvalidInput, match="too long"):
        ask.carry_out(cli.parse(["ask", "hi", "--file", str(long)]), services, _silent())
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"y" * 101)))
    with pytest.raises(InvalidInput, match="Standard input is too long"):
        ask.carry_out(cli.parse(["ask", "-"]), services, _silent())


def _silent() -> cli.Output:
    return cli.Output(as_json=True)


@pytest.mark.parametrize("content", ["[" * 100_000, "{}", '"probe"', "\ufeff{", '{"system": 1}'])
def test_what_is_no_saved_probe_is_said_to_be_none(
    services: CliServices, tmp_path: Path, capsys: pytest.CaptureFixture[str], content: str
) -> None:
    machine = tmp_path / "machine.json"
    machine.write_text(content, encoding="utf-8")
    assert run(services, "plan", "hearth-guide", "--machine", str(machine)) == WRONG_USE
    assert "not a saved probe" in capsys.readouterr().err


def test_a_fault_of_ours_is_a_document_too(
    services: CliServices, capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    def break_down() -> MachineProfile:
        raise ZeroDivisionError("by nothing")

    broken = dataclasses.replace(services, machine=break_down)
    assert run(broken, "probe", "--json") == FAILED
    error = json.loads(capsys.readouterr().out)["error"]
    assert (error["code"], error["detail"]) == ("error", "ZeroDivisionError: by nothing")
    assert "Traceback" in caplog.text


def test_commands_leave_damaged_settings_for_the_window_to_tell(
    services: CliServices, tmp_path: Path
) -> None:
    settings = tmp_path / "profile" / "settings.json"
    settings.write_text("{broken")
    assert run(services, "models", "list") == 0
    assert settings.read_text() == "{broken"


def test_a_reader_that_is_gone_before_the_error_comes_is_no_traceback(tmp_path: Path) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    words = ["--profile", str(tmp_path / "p"), "models", "inspect", "missing.gguf", "--json"]
    done = subprocess.run(
        [sys.executable, "-m", "app", *words],
        cwd=ROOT,
        stdout=writing,
        stderr=subprocess.PIPE,
        check=False,
    )
    os.close(writing)
    assert (done.returncode, done.stderr) == (FAILED, b"")
