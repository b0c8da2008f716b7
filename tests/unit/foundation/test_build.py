"""What the bundle says of itself, and what is said where there is none or it is damaged."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from app import __version__
from app.foundation import build

TOLD = {
    "version": "1.2.3",
    "commit": "abc",
    "built_at": "2026-11-25T10:00:00Z",
    "runtime_variants": ["x64"],
}


@pytest.fixture
def inside(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The inside of a bundle that this program seems to run from."""
    monkeypatch.setattr(sys, "_MEIPASS", str(tmp_path), raising=False)
    build.build.cache_clear()
    yield tmp_path
    build.build.cache_clear()


def test_a_checkout_says_nothing_of_itself() -> None:
    assert not build.is_bundle()
    assert build.build() is None
    assert build.licences() == ()


def test_a_bundle_tells_its_facts(inside: Path) -> None:
    (inside / "build.json").write_text(json.dumps(TOLD), "utf-8")
    told = build.build()
    assert told is not None
    assert (told.version, told.commit, told.day, told.qt) == ("1.2.3", "abc", "2026-11-25", "")


@pytest.mark.parametrize("text", [None, "", "[1]", '{"version": '])
def test_a_damaged_bundle_still_has_a_version(inside: Path, text: str | None) -> None:
    if text is not None:
        (inside / "build.json").write_text(text, "utf-8")
    assert build.build() == build.Build(__version__)


def test_the_licences_are_listed_with_their_texts(inside: Path) -> None:
    part = {"name": "Qt", "version": "6", "licence": "LGPL", "texts": ["q.txt", "../../etc/x"]}
    (inside / "licences").mkdir()
    (inside / "licences" / "index.json").write_text(json.dumps([part]), "utf-8")
    folder = inside / "licences"
    (listed,) = build.licences()
    assert (listed.name, listed.texts) == ("Qt", (folder / "q.txt", folder / "x"))


@pytest.mark.parametrize("text", [None, "{", '[{"name": "Qt"}]', "[1]", "7"])
def test_a_damaged_list_of_licences_is_as_good_as_none(inside: Path, text: str | None) -> None:
    (inside / "licences").mkdir()
    if text is not None:
        (inside / "licences" / "index.json").write_text(text, "utf-8")
    assert build.licences() == ()


def test_what_was_copied_in_part_is_found(inside: Path) -> None:
    (inside / "whole").write_bytes(b"12345")
    (inside / "cut").write_bytes(b"12")
    listed = {"whole": 5, "cut": 5, "gone/too": 1}
    (inside / build.LIST).write_text(json.dumps(listed), "utf-8")
    assert build.damaged() == ("cut", "gone/too")


@pytest.mark.parametrize("text", [None, "", "[]"])
def test_without_its_list_a_bundle_is_damaged(inside: Path, text: str | None) -> None:
    if text is not None:
        (inside / build.LIST).write_text(text, "utf-8")
    assert build.damaged() == (build.LIST,)


def test_a_checkout_is_not_damaged() -> None:
    assert build.damaged() == ()


def test_a_small_file_of_the_inside_is_read_where_it_makes_sense(inside: Path) -> None:
    assert build.said_inside(build.UPDATES) == {}
    for text in ("", "[1]", "{", "[" * 100_000):
        (inside / build.UPDATES).write_text(text, "utf-8")
        assert build.said_inside(build.UPDATES) == {}
    (inside / build.UPDATES).write_text('{"address": "x"}', "utf-8")
    assert build.said_inside(build.UPDATES) == {"address": "x"}
