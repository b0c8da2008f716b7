"""What a person's own programs may write is not started as administrator."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from app.foundation import raised, versions
from app.foundation.errors import NotPossibleHere
from app.foundation.versions import Versions
from app.updates.program import Program


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "program"
    (made / "versions").mkdir(parents=True)
    made.chmod(0o700)
    (made / "versions").chmod(0o700)
    return made


@pytest.mark.parametrize(
    ("is_administrator", "place", "is_raised"),
    [
        (False, "Program Files", False),
        (True, "Program Files", True),
        (True, "AppData", False),
        (False, "AppData", False),
    ],
)
def test_only_as_administrator_and_from_everybodys_folder(
    is_administrator: bool,
    place: str,
    is_raised: bool,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(raised, "is_administrator", lambda: is_administrator)
    monkeypatch.setattr(sys, "executable", str(tmp_path / place / "Hearth" / "hearth.exe"))
    monkeypatch.setenv("LOCALAPPDATA", str(tmp_path / "AppData"))
    assert raised.is_raised() == is_raised
    monkeypatch.delenv("LOCALAPPDATA")
    assert raised.is_raised() == is_administrator


def test_then_nothing_is_started_from_there_or_installed(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert Versions(folder).is_ours()
    monkeypatch.setattr(versions, "is_raised", lambda: True)
    assert not Versions(folder).is_ours()
    monkeypatch.setattr("app.updates.program.is_raised", lambda: True)
    with pytest.raises(NotPossibleHere, match="administrator"):
        Program(folder, "1.0.0", tmp_path / "hearth").check_possible()
