"""For the tests of the window as a process: a profile, and a model that writes on and on."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.fixtures import windows


@pytest.fixture
def profile(tmp_path: Path) -> Path:
    return tmp_path / "profile"


@pytest.fixture(scope="session")
def storyteller(tiny_models: Path) -> Path:
    return windows.storyteller(tiny_models)
