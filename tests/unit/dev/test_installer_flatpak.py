"""The Flatpak's manifest: in the form that flatpak-builder takes, and in step with the rest."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from installer.flatpak import prepare
from installer.package import desktop, icons

ROOT = Path(__file__).resolve().parents[3]
FILE = ROOT / "installer" / "flatpak" / f"{desktop.APP_ID}.yml"
MANIFEST: dict[str, Any] = yaml.safe_load(FILE.read_text("utf-8"))
#: Of flatpak-builder's schema, what is used here, by the place where it stands.
KNOWN = {
    "manifest": {
        *("id", "runtime", "runtime-version", "sdk", "command", "finish-args", "modules"),
        *("rename-desktop-file", "rename-mime-file", "rename-icon", "rename-mime-icons"),
    },
    "module": {"name", "buildsystem", "build-options", "build-commands", "sources"},
    "source": {"type", "path", "dest"},
}


def test_the_form_is_what_flatpak_builder_takes() -> None:
    assert set(MANIFEST) <= KNOWN["manifest"]
    assert all(isinstance(MANIFEST[name], str) for name in ("id", "runtime", "sdk", "command"))
    assert isinstance(MANIFEST["runtime-version"], str), "25.08 would be a number"
    for module in MANIFEST["modules"]:
        assert set(module) <= KNOWN["module"]
        assert module["buildsystem"] == "simple"
        for source in module["sources"]:
            assert set(source) <= KNOWN["source"]
            assert source["type"] == "dir"


def test_the_names_are_those_of_the_other_packages() -> None:
    assert MANIFEST["id"] == desktop.APP_ID
    assert len(MANIFEST["id"].split(".")) >= 3
    assert MANIFEST["rename-desktop-file"] == Path(desktop.DESKTOP_ENTRY).name
    assert MANIFEST["rename-mime-file"] == Path(desktop.MIME_TYPES).name
    assert MANIFEST["rename-icon"] == icons.APP_NAME
    assert MANIFEST["rename-mime-icons"] == [icons.DOCUMENT_NAME]


def test_it_may_read_others_models_and_write_nothing_of_others() -> None:
    arguments = MANIFEST["finish-args"]
    folders = [each for each in arguments if each.startswith("--filesystem=")]
    assert folders
    assert all(each.endswith(":ro") for each in folders)
    assert not any(re.search(r"=(home|host)\b", each) for each in folders)
    assert not any("--device=all" in each or "session-bus" in each for each in arguments)


def test_its_sources_are_what_is_laid_ready() -> None:
    (module,) = MANIFEST["modules"]
    places = [(FILE.parent / source["path"]).resolve() for source in module["sources"]]
    package = ROOT / "build" / "package"
    assert places == [package / "bundle" / "hearth", package / prepare.SHARE]


def test_what_desktops_look_for_is_laid_beside_the_bundle(tmp_path: Path) -> None:
    inside = tmp_path / "bundle" / "hearth" / "_internal"
    inside.mkdir(parents=True)
    told = {"version": "1.2.3", "built_at": "2026-11-25T20:00:00Z"}
    (inside / "build.json").write_text(json.dumps(told))
    assert prepare.main([str(tmp_path)]) == 0
    share = tmp_path / prepare.SHARE
    assert 'version="1.2.3" date="2026-11-25"' in (share / desktop.METAINFO).read_text("utf-8")
    assert (share / "icons" / "hicolor" / "128x128" / "apps" / "hearth.png").is_file()
    assert (share / desktop.DESKTOP_ENTRY).is_file()


@pytest.mark.parametrize("words", [[], ["nowhere"]])
def test_without_a_bundle_it_says_what_to_do(
    words: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert prepare.main(words) == 2
    assert "Make the bundle first" in capsys.readouterr().err
