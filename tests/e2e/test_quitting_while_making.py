"""Quitting while a smaller file of gigabytes is being made: at once, and nothing is left of it."""

from __future__ import annotations

from pathlib import Path

from tests.fixtures import smaller_to_show
from tests.fixtures.windows import opened


def test_quitting_stops_what_is_made(tmp_path: Path) -> None:
    models = tmp_path / "profile" / "models"
    with smaller_to_show.around(tmp_path) as environment:
        before = sorted(models.rglob("*.gguf"))
        with opened(tmp_path / "profile", **environment) as window:
            window.ready()
            smaller_to_show.begin(window)
            assert list((models / ".hearth").glob("*.part"))
            window.close()
    assert sorted(models.rglob("*.gguf")) == before
    assert list((models / ".hearth").glob("*.part")) == []
