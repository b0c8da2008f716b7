"""These tests are about a bundle: `python3 dev.py package --verify` makes and names one.

Without it they are left, and the summary says how many.
"""

from __future__ import annotations

import os
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.fixtures.left_out import leave_out

HERE = Path(__file__).resolve().parent
_TESTED, _EXECUTABLE = "HEARTH_TESTED_PACKAGE", "HEARTH_EXECUTABLE"
_NOBODY = 65534
DEADLINE_S = 180
_left: list[str] = []

Hearth = Callable[..., subprocess.CompletedProcess[str]]


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if os.environ.get(_TESTED) and os.environ.get(_EXECUTABLE):
        return
    _left.extend(item.name for item in leave_out(config, items, HERE))


def pytest_terminal_summary(terminalreporter: Any) -> None:
    if _left:
        terminalreporter.write_line(
            f"{len(_left)} tests of the bundle were left to `python3 dev.py package --verify`"
        )


@pytest.fixture(scope="session")
def out() -> Path:
    """Where all that was made is."""
    return Path(os.environ[_TESTED])


@pytest.fixture(scope="session")
def bundle(out: Path) -> Path:
    """The bundle as it is handed out."""
    return out / "bundle" / "hearth"


@pytest.fixture(scope="session")
def executable() -> Path:
    """The program of the copy that is tested: read-only, in a folder with an unusual name."""
    return Path(os.environ[_EXECUTABLE])


@pytest.fixture
def home() -> Iterator[Path]:
    """The home of somebody whose name is not English, where others may come as well."""
    with tempfile.TemporaryDirectory(prefix="hearth-home-") as base:
        Path(base).chmod(0o755)
        folder = Path(base).resolve() / "Jürgen Žižek"
        folder.mkdir()
        yield folder


@pytest.fixture
def environment(home: Path, tmp_path: Path) -> dict[str, str]:
    """All that Hearth is given: a home, a path with no program in it, and no display."""
    (tmp_path / "nothing").mkdir()
    return {
        "HOME": str(home),
        "PATH": str(tmp_path / "nothing"),
        "QT_QPA_PLATFORM": "offscreen",
        "LANG": "C",
    }


@pytest.fixture
def hearth(executable: Path, environment: dict[str, str], home: Path) -> Hearth:
    """Starts the bundle as somebody who may not write to its folder."""

    def run(*words: str, under: tuple[str, ...] = (), **more: str) -> Any:
        return subprocess.run(
            [*under, str(executable), *words],
            cwd=home,
            env={**environment, **more},
            capture_output=True,
            text=True,
            encoding="utf-8",
            timeout=DEADLINE_S,
            check=False,
            **as_nobody(home, executable),
        )

    return run


def as_nobody(home: Path, executable: Path) -> dict[str, int]:
    """Root may write anywhere; so the program is started as nobody, where nobody may come there."""
    if os.name != "posix" or os.geteuid() != 0:
        return {}
    if not all(folder.stat().st_mode & 0o001 for folder in (executable, *executable.parents)):
        return {}
    os.chown(home, _NOBODY, _NOBODY)
    return {"user": _NOBODY, "group": _NOBODY}
