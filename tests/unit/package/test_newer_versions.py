"""Where a bundle is told to ask for newer versions, and what is put there for it."""

from __future__ import annotations

import hashlib
import json
import sys
from pathlib import Path

import pytest

from app.foundation.build import UPDATES
from app.models.sources import catalogue_source
from app.network.signed import SignedSource
from app.updates.offer import offer_of, platform_name
from app.updates.sources import program_source
from app.updates.unpack import unpack
from installer.linux import deb
from installer.linux.parts import Facts
from installer.package import updates
from installer.package.source import MODELS, VERSIONS
from tests.fixtures.signing import Signer

ADDRESS = "https://updates.invalid/hearth/latest.json"


@pytest.fixture
def bundle(tmp_path: Path) -> Path:
    """As much of a bundle as is looked at."""
    folder = tmp_path / "bundle"
    (folder / "_internal").mkdir(parents=True)
    told = {"version": "1.2.0", "machine": "x86_64", "built_at": "2026-11-25T10:00:00Z"}
    (folder / "_internal" / "build.json").write_text(json.dumps(told))
    (folder / "hearth").write_bytes(b"a program" * 1000)
    (folder / "hearth").chmod(0o755)
    return folder


def test_what_was_named_when_it_was_packed_is_where_it_asks(
    bundle: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    key = Signer().public_key
    said = {VERSIONS.address: ADDRESS, VERSIONS.key: key, VERSIONS.stores: "a.invalid, .b.invalid"}
    VERSIONS.put(bundle, VERSIONS.named(said))
    monkeypatch.setattr(sys, "_MEIPASS", str(bundle / "_internal"), raising=False)
    program_source.cache_clear()
    try:
        assert program_source() == SignedSource(ADDRESS, key, ("a.invalid", ".b.invalid"))
        (bundle / "_internal" / UPDATES).write_text('{"address": 1}')
        program_source.cache_clear()
        assert program_source() == SignedSource()
    finally:
        program_source.cache_clear()


def test_newer_lists_of_models_are_asked_for_where_that_was_named(
    bundle: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    key = Signer().public_key
    said = {MODELS.address: ADDRESS, MODELS.key: key, VERSIONS.stores: "a.invalid"}
    MODELS.put(bundle, MODELS.named(said))
    VERSIONS.put(bundle, VERSIONS.named(said))
    monkeypatch.setattr(sys, "_MEIPASS", str(bundle / "_internal"), raising=False)
    program_source.cache_clear()
    catalogue_source.cache_clear()
    try:
        assert catalogue_source() == SignedSource(ADDRESS, key)
        assert program_source() == SignedSource()
    finally:
        program_source.cache_clear()
        catalogue_source.cache_clear()


def test_nobody_is_asked_where_nothing_was_named(bundle: Path) -> None:
    VERSIONS.put(bundle, VERSIONS.named({"HOME": "/"}))
    assert not (bundle / "_internal" / UPDATES).exists()


@pytest.mark.parametrize(
    "changed",
    [
        {VERSIONS.address: ""},
        {VERSIONS.key: ""},
        {VERSIONS.key: "RWQ"},
        {VERSIONS.key: "untrusted comment: minisign public key"},
        {VERSIONS.address: "updates.invalid/latest.json"},
        {VERSIONS.address: "http://updates.invalid/latest.json"},
        {VERSIONS.address: "https://somebody@updates.invalid/latest.json"},
    ],
)
def test_what_no_hearth_could_use_is_refused_before_anything_is_packed(
    changed: dict[str, str],
) -> None:
    with pytest.raises(ValueError, match=r"HEARTH_UPDATES_\w+ .+\.$"):
        VERSIONS.named({VERSIONS.address: ADDRESS, VERSIONS.key: Signer().public_key} | changed)


def test_a_package_of_the_system_asks_nobody(bundle: Path, tmp_path: Path) -> None:
    VERSIONS.put(bundle, {"address": ADDRESS, "public_key": Signer().public_key, "stores": []})
    licences = bundle / "_internal" / "licences"
    licences.mkdir()
    own = {"name": "Hearth", "version": "1.2.0", "licence": "MIT", "texts": ["Hearth.txt"]}
    (licences / "index.json").write_text(json.dumps([own]))
    (licences / "Hearth.txt").write_text("Copyright (c) somebody\n\nPermission is granted.\n")
    facts = Facts("1.2.0", "x86_64", 0)
    tree = deb.contents_of(bundle, tmp_path / "no-share", facts, "## [1.2.0]\n- New.\n")
    assert f"{deb.PROGRAM}/_internal/build.json" in tree.entries
    assert f"{deb.PROGRAM}/_internal/{UPDATES}" not in tree.entries


@pytest.mark.parametrize("is_quick", [False, True])
def test_what_is_put_there_is_what_a_hearth_reads_and_unpacks(
    bundle: Path, tmp_path: Path, is_quick: bool
) -> None:
    (tmp_path / "out").mkdir()
    archive = updates.archive(bundle, tmp_path / "out", is_quick=is_quick)
    content = updates.latest(tmp_path / "out", 7, "What is new: less.", "2026-12-01")
    offer = offer_of(content, ADDRESS, platform_name())
    assert (offer.serial, offer.version, offer.notes) == (7, "1.2.0", "What is new: less.")
    artefact = offer.artefact
    assert artefact is not None
    assert artefact.url == f"https://updates.invalid/hearth/{archive.name}"
    assert artefact.sha256 == hashlib.sha256(archive.read_bytes()).hexdigest()
    home = tmp_path / "versions" / "1.2.0"
    home.parent.mkdir()
    unpack(archive, home, artefact.unpacked_bytes, lambda done: None)
    assert (home / "hearth" / "hearth").read_bytes() == (bundle / "hearth").read_bytes()
    assert (home / "hearth" / "hearth").stat().st_mode & 0o100


def test_archives_of_several_versions_or_none_are_no_offer(
    bundle: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "out").mkdir()
    assert updates.main([str(tmp_path / "out"), "--serial", "1"]) == 1
    first = updates.archive(bundle, tmp_path / "out", is_quick=True)
    assert updates.main([str(tmp_path / "out"), "--serial", "0"]) == 1
    assert updates.main([str(tmp_path / "out"), "--serial", "1"]) == 0
    first.with_name(first.name.replace("1.2.0", "1.3.0")).write_bytes(first.read_bytes())
    assert updates.main([str(tmp_path / "out"), "--serial", "2"]) == 1
    assert "of one version" in capsys.readouterr().err
    assert json.loads((tmp_path / "out" / "latest.json").read_bytes())["serial"] == 1
