"""A bundle's licences are listed and can be read; from a checkout it is said where they are."""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from pytestqt.plugin import QtBot

from app.foundation import build
from app.foundation.paths import resource
from app.gui.bridge import Bridge
from app.gui.settings.licences import LicencesRow

Settled = Callable[[Callable[[], bool]], None]
FACTS = {
    "version": "0.1.0",
    "commit": "0123456789abcdef0123",
    "built_at": "2026-11-25T20:00:00Z",
    "system": "linux",
    "machine": "x86_64",
    "llama_cpp": "0.3.36",
    "runtime": "7b25949824177418b865",
}
PARTS = [
    {"name": "Qt", "version": "6.11.3", "licence": "LGPL-3.0-only", "texts": ["qt.txt", "l.txt"]},
    {"name": "Lucide icons", "version": "", "licence": "ISC", "texts": ["gone.txt"]},
]


@pytest.fixture
def inside(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A bundle's own folder, which this process believes to run from."""
    folder = tmp_path / "_internal"
    (folder / "licences").mkdir(parents=True)
    shutil.copytree(resource("icons"), folder / "resources" / "icons")
    (folder / "build.json").write_text(json.dumps(FACTS))
    (folder / "licences" / "index.json").write_text(json.dumps(PARTS))
    (folder / "licences" / "qt.txt").write_text("You may exchange Qt.")
    (folder / "licences" / "l.txt").write_text("The whole LGPL.")
    monkeypatch.setattr(sys, "_MEIPASS", str(folder), raising=False)
    build.build.cache_clear()
    yield folder
    build.build.cache_clear()


@pytest.fixture
def opened() -> list[str]:
    return []


@pytest.fixture
def make(qtbot: QtBot, bridge: Bridge, opened: list[str]) -> Callable[[], LicencesRow]:
    def made() -> LicencesRow:
        row = LicencesRow(bridge, opened.append)
        qtbot.addWidget(row)
        row.show()
        return row

    return made


def test_a_bundle_shows_what_it_was_built_from(
    inside: Path, make: Callable[[], LicencesRow], settled: Settled
) -> None:
    row = make()
    settled(row.button.isEnabled)
    assert "on 2026-11-25 from 0123456789ab, for linux x86_64" in row.facts.text
    assert "llama-cpp-python 0.3.36, build 7b25949824177418b865" in row.facts.text
    assert row.words.text().startswith("2 parts.")


def test_each_licence_can_be_read(
    inside: Path, make: Callable[[], LicencesRow], settled: Settled
) -> None:
    row = make()
    settled(row.button.isEnabled)
    assert not row.text.isVisible()
    row.button.click()
    assert row.text.isVisible()
    settled(lambda: "You may exchange Qt." in row.text.toPlainText())
    assert "The whole LGPL." in row.text.toPlainText()
    assert row.choice.itemText(1) == "Lucide icons — ISC"
    row.choice.addItem("of many licences " * 20)
    assert row.minimumSizeHint().width() < 400
    row.choice.setCurrentIndex(1)
    settled(lambda: "cannot be read" in row.text.toPlainText())
    row.button.click()
    assert not row.text.isVisible()


def test_a_bundle_that_is_not_whole_says_so(
    inside: Path, make: Callable[[], LicencesRow], settled: Settled
) -> None:
    shutil.rmtree(inside / "licences")
    (inside / "build.json").write_text("{")
    row = make()
    settled(lambda: "not whole" in row.words.text())
    assert not row.button.isEnabled()


def test_from_a_checkout_it_is_said_where_they_are(
    make: Callable[[], LicencesRow], opened: list[str]
) -> None:
    row = make()
    assert "runs from its source" in row.words.text()
    assert str(resource("icons")) in row.words.text()
    row.button.click()
    (folder,) = opened
    assert folder in row.words.text()
    assert (Path(folder) / "jinja2").is_dir()
