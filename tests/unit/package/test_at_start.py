"""What the bundle's start changes in the environment, so that other programs get their own."""

from __future__ import annotations

import os
import runpy
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

SCRIPT = Path(__file__).resolve().parents[3] / "installer" / "package" / "at_start.py"


@pytest.fixture
def environment(monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    started = {
        "LD_LIBRARY_PATH": "/opt/hearth/_internal",
        "_PYI_APPLICATION_HOME_DIR": "/opt/hearth/_internal",
        "HOME": "/home/someone",
    }
    monkeypatch.setattr(os, "environ", started)
    return started


def test_others_are_not_given_our_libraries(environment: dict[str, str]) -> None:
    runpy.run_path(str(SCRIPT))
    environment.pop("PYTEST_CURRENT_TEST")
    assert environment == {"HOME": "/home/someone"}


def test_what_the_person_had_set_is_put_back(environment: dict[str, str]) -> None:
    environment["LD_LIBRARY_PATH_ORIG"] = "/usr/local/lib"
    runpy.run_path(str(SCRIPT))
    environment.pop("PYTEST_CURRENT_TEST")
    assert environment == {"HOME": "/home/someone", "LD_LIBRARY_PATH": "/usr/local/lib"}


@pytest.mark.skipif(sys.platform != "linux", reason="/proc is Linux's")
def test_modules_are_read_from_the_program_that_was_started(
    environment: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also after a package of the system has put another one in its place."""
    program = tmp_path / "hearth"
    program.write_text("the first")
    archive = SimpleNamespace(_filename=str(program))
    monkeypatch.setitem(sys.modules, "pyimod02_importers", SimpleNamespace(pyz_archive=archive))
    runpy.run_path(str(SCRIPT))
    (tmp_path / "new").write_text("another")
    (tmp_path / "new").rename(program)
    assert Path(archive._filename).read_text() == "the first"
    os.close(int(Path(archive._filename).name))
