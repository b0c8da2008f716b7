"""`hearth plan MODEL --machine FILE` for every machine of the zoo, in this process, offline."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from app.bootstrap.command_line import services_for
from app.bootstrap.runtime import Runtime
from app.cli import main as cli
from app.cli.output import DONE, WRONG_USE
from app.cli.services import CliServices
from app.foundation.paths import open_profile
from app.models.catalog import load
from app.settings.schema import OFFLINE
from tests.zoo.keeper import FOLDER, machine_files

FILES = machine_files()
MODELS = ("llama-3.2-1b", "qwen3.5-9b:Q4_K_M", "gpt-oss-20b")


@pytest.fixture(scope="module")
def services(tmp_path_factory: pytest.TempPathFactory) -> Iterator[CliServices]:
    runtime = Runtime(open_profile(tmp_path_factory.mktemp("zoo") / "profile"))
    runtime.settings.set(OFFLINE, True)
    yield services_for(runtime)
    assert runtime.close()


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_a_plan_for_every_machine(
    path: Path, model: str, services: CliServices, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["plan", model, "--machine", str(path)]
    assert cli.run(cli.parse([*words, "--json"]), services) == DONE
    plan = json.loads(capsys.readouterr().out)
    assert plan["id"] == model.partition(":")[0]
    assert plan["fits"] in ("well", "tight", "no")
    for need in plan["memory"].values():
        fits = need["total_bytes"] <= need["free_bytes"]
        assert fits or plan["fits"] == "no"
    assert any("another machine" in reason or "header" in reason for reason in plan["reasons"])
    assert cli.run(cli.parse(words), services) == DONE
    assert "Why:" in capsys.readouterr().out


def test_pictures_are_counted_in_where_a_model_sees(
    services: CliServices, capsys: pytest.CaptureFixture[str]
) -> None:
    needs = []
    for more in ([], ["--pictures"]):
        machine = str(FOLDER / "workstation-128gb.json")
        words = ["plan", "gemma-4-12b", "--machine", machine, *more, "--json"]
        assert cli.run(cli.parse(words), services) == DONE
        needs.append(json.loads(capsys.readouterr().out)["memory"]["CPU"]["total_bytes"])
    projector = load().find("gemma-4-12b")
    assert projector is not None
    assert projector.projector is not None
    assert needs[1] - needs[0] == projector.projector.bytes + (1 << 30)
    assert cli.run(cli.parse(["plan", "llama-3.2-1b", "--pictures"]), services) == WRONG_USE
    assert "no part that sees pictures" in capsys.readouterr().err


@pytest.mark.parametrize(
    "content",
    [b"", b"[1, 2", b"[]", b"42", b'"a machine"', b"\xff\xfe\x00", b"{}", b"[" * 100_000],
    ids=["empty", "cut", "list", "number", "text", "binary", "no fields", "deep"],
)
def test_what_is_no_machine_file_is_refused(
    content: bytes, tmp_path: Path, services: CliServices, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "machine.json"
    path.write_bytes(content)
    _is_refused(path, services, capsys)


def test_a_file_that_is_not_there_is_refused(
    tmp_path: Path, services: CliServices, capsys: pytest.CaptureFixture[str]
) -> None:
    _is_refused(tmp_path / "nothing.json", services, capsys)
    _is_refused(tmp_path, services, capsys)


def test_a_file_that_is_too_long_is_refused(
    tmp_path: Path, services: CliServices, capsys: pytest.CaptureFixture[str]
) -> None:
    whole = (FOLDER / "nvidia-8gb.json").read_text("utf-8")
    path = tmp_path / "machine.json"
    path.write_text("{" + " " * 2_000_000 + whole[1:])
    _is_refused(path, services, capsys)


def _is_refused(path: Path, services: CliServices, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["plan", "llama-3.2-1b", "--machine", str(path), "--json"]
    assert cli.run(cli.parse(words), services) == WRONG_USE
    error = json.loads(capsys.readouterr().out)["error"]
    assert error["title"]
    assert error["remedy"]
