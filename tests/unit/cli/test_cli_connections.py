"""`hearth connections`: the record as text, JSON and CSV."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path

import pytest

from app.bootstrap.command_line import services_for
from app.bootstrap.runtime import Runtime
from app.cli import main as cli
from app.cli.output import DONE, WRONG_USE
from app.cli.services import CliServices
from app.foundation.paths import open_profile
from app.network.connections import Connections


@pytest.fixture
def services(tmp_path: Path) -> CliServices:
    return services_for(Runtime(open_profile(tmp_path / "profile")))


@pytest.fixture
def record(tmp_path: Path, services: CliServices) -> Connections:
    return Connections(services.profile().connections)


def run(services: CliServices, *words: str) -> int:
    return cli.run(cli.parse(["connections", *words]), services)


def test_where_none_was_made_it_says_so_and_makes_no_file(
    services: CliServices, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(services) == DONE
    assert capsys.readouterr().out == "No connection was ever made.\n"
    assert run(services, "--json") == DONE
    assert json.loads(capsys.readouterr().out) == {"n_dropped": 0, "connections": []}
    assert not services.profile().connections.exists()


def test_each_is_told_with_when_to_whom_why_and_how_much(
    services: CliServices, record: Connections, capsys: pytest.CaptureFixture[str]
) -> None:
    opened = record.begin("huggingface.co", "files of a/b")
    opened.sent_bytes, opened.received_bytes = 300, 12_000
    opened.end("200")
    record.begin("huggingface.co", "=1+1")
    assert run(services) == DONE
    told = capsys.readouterr().out
    assert "huggingface.co  files of a/b" in told
    assert "sent 300 bytes, received 12" in told
    assert "cut off" in told
    assert run(services, "--json") == DONE
    first, second = json.loads(capsys.readouterr().out)["connections"]
    assert set(first) == {"at", "host", "purpose", "sent_bytes", "received_bytes", "outcome"}
    assert (first["received_bytes"], first["outcome"]) == (12_000, "200")
    assert (second["purpose"], second["outcome"]) == ("=1+1", "cut off")
    assert run(services, "--csv") == DONE
    names, *rows = csv.reader(io.StringIO(capsys.readouterr().out))
    assert names == list(first)
    assert [row[2] for row in rows] == ["files of a/b", "'=1+1"]


def test_what_is_no_longer_listed_is_counted(
    services: CliServices, record: Connections, capsys: pytest.CaptureFixture[str]
) -> None:
    services.profile().connections.write_text('{"dropped": 7}\nnonsense\n')
    record.begin("huggingface.co", "files of a/b").end("200")
    assert run(services) == DONE
    assert capsys.readouterr().out.startswith("7 older connections are no longer listed.\n")
    assert run(services, "--json") == DONE
    found = json.loads(capsys.readouterr().out)
    assert (found["n_dropped"], len(found["connections"])) == (7, 1)


def test_it_is_one_table(services: CliServices, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(services, "--csv", "--json") == WRONG_USE
    assert json.loads(capsys.readouterr().out)["error"]["code"] == "invalid_input"
