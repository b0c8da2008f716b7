"""A program that was put in the place of the one that runs."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

from app.foundation.exchanged import Exchanged


def put(folder: Path, version: str) -> Path:
    """As a package manager does: written beside, and renamed."""
    (folder / "_internal").mkdir(parents=True, exist_ok=True)
    (folder / "_internal" / "build.json").write_text(json.dumps({"version": version}))
    (folder / "hearth.new").write_text("a program")
    (folder / "hearth.new").rename(folder / "hearth")
    return folder / "hearth"


def test_another_program_in_its_place_is_seen_and_named(tmp_path: Path) -> None:
    program = put(tmp_path / "hearth", "1.0.0")
    exchanged = Exchanged(program)
    os.utime(program, (1, 1))
    assert exchanged.by() is None
    put(tmp_path / "hearth", "1.1.0")
    assert exchanged.by() == "1.1.0"


def test_one_that_was_removed_is_seen(tmp_path: Path) -> None:
    exchanged = Exchanged(put(tmp_path / "hearth", "1.0.0"))
    shutil.rmtree(tmp_path / "hearth")
    assert exchanged.by() == ""


def test_where_nothing_was_nothing_is_said(tmp_path: Path) -> None:
    exchanged = Exchanged(tmp_path / "nothing")
    put(tmp_path, "1.0.0")
    assert exchanged.by() is None
