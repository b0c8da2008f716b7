"""The window of one version beside others: proven once drawn, and another installed at its end."""

from __future__ import annotations

import json
from pathlib import Path

from app import __version__
from app.foundation.launcher import LAUNCHED, NOTE
from app.foundation.versions import Pointer, Versions
from tests.fixtures.windows import opened


def test_a_window_that_was_drawn_proves_its_version(profile: Path, tmp_path: Path) -> None:
    versions = Versions(tmp_path / "hearth-program")
    versions.tries.mkdir(parents=True)
    note = versions.tries / f"{__version__}-0"
    note.write_text(__version__)
    versions.point(Pointer(__version__, proven=False))
    environment = {"XDG_DATA_HOME": str(tmp_path), LAUNCHED: __version__, NOTE: str(note)}
    with opened(profile, **environment) as window:
        window.ready()
        window.until(lambda seen: not note.exists())
        assert versions.pointer() == Pointer(__version__, proven=True)
        assert window.close() == 0


def test_what_waits_is_installed_when_the_window_is_quit(profile: Path, tmp_path: Path) -> None:
    versions = Versions(tmp_path / "hearth-program")
    program = versions.program("9.9", "hearth")
    program.parent.mkdir(parents=True)
    program.write_bytes(b"")
    (versions.folder / "staged.json").write_text(json.dumps({"version": "9.9"}))
    with opened(profile, XDG_DATA_HOME=str(tmp_path)) as window:
        window.ready()
        assert versions.pointer() == Pointer()
        assert window.close() == 0
    assert versions.pointer() == Pointer("9.9", proven=False)


def test_one_that_did_not_start_is_said(profile: Path, tmp_path: Path) -> None:
    versions = Versions(tmp_path / "hearth-program")
    versions.folder.mkdir()
    versions.point(Pointer("", failed=("9.9",)))
    with opened(profile, XDG_DATA_HOME=str(tmp_path)) as window:
        window.until(lambda seen: any("9.9 did not start" in text for text in seen.banners))
        assert window.close() == 0
