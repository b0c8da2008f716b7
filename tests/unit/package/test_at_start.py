"""What the bundle's start changes in the environment, so that other programs get their own."""

from __future__ import annotations

import os
import runpy
from pathlib import Path

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
