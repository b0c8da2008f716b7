"""The list of models on the command line: what is in use, a newer one, and the way back."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from app.bootstrap.command_line import services_for
from app.bootstrap.runtime import Runtime
from app.cli import main as cli
from app.cli.output import DONE, FAILED, NOT_POSSIBLE
from app.foundation.paths import open_profile
from app.models.catalog import load
from app.models.catalogue_update import CatalogueUpdates
from tests.fixtures.catalogues import NEXT, Place, published
from tests.fixtures.far_end import far_end

Run = Callable[..., tuple[int, dict[str, Any]]]


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    with far_end() as far:
        found = Place(open_profile(tmp_path / "profile").root, far)
        yield found
        found.client.close()


@pytest.fixture
def runtime(place: Place) -> Iterator[Runtime]:
    made = Runtime(place.profile)
    yield made
    assert made.close()


def printed(runtime: Runtime, capsys: pytest.CaptureFixture[str], source: Any = None) -> Run:
    services = services_for(runtime)
    if source is not None:
        services = replace(services, catalogue_updates=source)

    def run(*words: str) -> tuple[int, dict[str, Any]]:
        code = cli.run(cli.parse(["models", "catalogue", *words, "--json"]), services)
        return code, json.loads(capsys.readouterr().out)

    return run


@pytest.fixture
def run(runtime: Runtime, place: Place, capsys: pytest.CaptureFixture[str]) -> Run:
    """The command where a build names an update source, which is on loopback."""

    @contextmanager
    def source() -> Iterator[CatalogueUpdates]:
        yield place.updates

    return printed(runtime, capsys, source)


def test_a_build_without_a_source_says_so(
    runtime: Runtime, capsys: pytest.CaptureFixture[str]
) -> None:
    run = printed(runtime, capsys)
    n_models = len(load().entries)
    assert run() == (
        DONE,
        {
            "serial": load().serial,
            "n_models": n_models,
            "is_configured": False,
            "is_fetched": False,
        },
    )
    code, found = run("--update")
    assert code == NOT_POSSIBLE
    assert found["error"]["title"] == "No update source is configured."
    assert run("--undo")[0] == DONE
    cli.run(cli.parse(["models", "catalogue"]), services_for(runtime))
    said = capsys.readouterr().out
    assert f"with {n_models} models" in said
    assert "No update source is configured" in said


def test_nobody_is_asked_before_update_is_said(run: Run, place: Place) -> None:
    place.offer(published(NEXT))
    assert run()[1]["is_configured"]
    assert place.far.asked == []


def test_a_newer_list_is_used_and_taken_back(run: Run, place: Place) -> None:
    place.offer(published(NEXT))
    code, found = run("--update")
    assert (code, found["serial"], found["is_new"], found["is_fetched"]) == (DONE, NEXT, True, True)
    assert found["added"] == ["Renamed"]
    assert load().entries[0].name in found["removed"]
    assert found["n_models"] == 6
    assert run("--update")[1]["is_new"] is False
    code, found = run("--undo")
    assert (code, found["serial"], found["is_fetched"]) == (DONE, load().serial, False)
    assert found["n_models"] == len(load().entries)


def test_what_is_not_signed_changes_nothing(run: Run, place: Place) -> None:
    place.offer(published(NEXT), type(place.signer)())
    code, found = run("--update")
    assert code == FAILED
    assert "not signed" in found["error"]["title"]
    assert run()[1]["serial"] == load().serial
