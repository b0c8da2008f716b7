"""What of a new version's start counts as a failure: only an end that nobody chose."""

from __future__ import annotations

from pathlib import Path

import pytest

from app.bootstrap import start
from app.foundation import launcher


@pytest.fixture
def note(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The note of this start, as the launcher leaves it."""
    path = tmp_path / "0.1.0-0"
    path.write_text("0.1.0")
    monkeypatch.setattr(launcher, "_note", path)
    return path


@pytest.mark.parametrize("words", [["--version"], ["--help"]])
def test_help_and_the_version_are_no_failures(note: Path, words: list[str]) -> None:
    with pytest.raises(SystemExit):
        start(words)
    assert not note.exists()


@pytest.mark.parametrize("words", [["--nonsense"], ["update"], ["update", "undo"]])
def test_commands_are_no_failures_whatever_they_say(
    note: Path, tmp_path: Path, words: list[str]
) -> None:
    start(["--profile", str(tmp_path / "profile"), *words])
    assert not note.exists()


def test_a_profile_that_cannot_be_is_no_failure(note: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    assert start(["--profile", str(tmp_path / "file" / "profile"), "update"]) != 0
    assert not note.exists()
