"""These tests are about what is installed on Linux: `python3 dev.py package --verify` names it.

Without it they are left, and the summary says how many. The bare root is made once and kept with
what was built; it needs root, debootstrap and the mirror that apt is set up with.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.fixtures.bare_root import BareRoot, Screen, Unavailable, prepared_base
from tests.fixtures.left_out import leave_out

HERE = Path(__file__).resolve().parent
_TESTED = "HEARTH_TESTED_PACKAGE"
_left: list[str] = []


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if os.environ.get(_TESTED):
        return
    _left.extend(item.name for item in leave_out(config, items, HERE))


def pytest_terminal_summary(terminalreporter: Any) -> None:
    if _left:
        terminalreporter.write_line(
            f"{len(_left)} tests of Linux packages were left to `python3 dev.py package --verify`"
        )


@pytest.fixture(scope="session")
def out() -> Path:
    """Where all that was made is."""
    return Path(os.environ[_TESTED])


@pytest.fixture(scope="session")
def deb(out: Path) -> Path:
    """The Debian package that was made last."""
    made = sorted(out.glob("hearth_*.deb"), key=lambda path: path.stat().st_mtime)
    if not made:
        pytest.skip("no .deb was made")
    return made[-1]


@pytest.fixture(scope="session")
def archive(out: Path) -> Path:
    """The archive for one person that was made last."""
    made = sorted(out.glob("hearth-*.tar.xz"), key=lambda path: path.stat().st_mtime)
    if not made:
        pytest.skip("no .tar.xz was made")
    return made[-1]


@pytest.fixture(scope="session")
def base(out: Path, deb: Path) -> Path:
    """A bare Debian with what the package depends on, and nothing else."""
    try:
        return prepared_base(out / "work" / "bare-root", deb)
    except Unavailable as why:
        pytest.skip(str(why))


@pytest.fixture(scope="module")
def bare(base: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[BareRoot]:
    """A copy of the bare root for one file of tests."""
    root = BareRoot.copied(base, tmp_path_factory.mktemp("bare") / "root")
    yield root
    shutil.rmtree(root.folder)


@pytest.fixture(scope="module")
def screen() -> Iterator[Screen]:
    """An X server outside the root."""
    try:
        opened = Screen.opened()
    except Unavailable as why:
        pytest.skip(str(why))
    yield opened
    opened.close()
