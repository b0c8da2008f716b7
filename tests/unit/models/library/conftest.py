"""A desk with a library, and a trash of its own."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.fixtures.shelves import Desk


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    desk = Desk(tmp_path)
    yield desk
    desk.close()


@pytest.fixture
def trashed(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """The trash of this test; the library that moves things there is the real one."""
    from send2trash import plat_other

    home = tmp_path / "Trash"
    monkeypatch.setattr(plat_other, "HOMETRASH", str(home))
    monkeypatch.setattr(plat_other, "HOMETRASH_B", os.fsencode(home))
    return home / "files"
