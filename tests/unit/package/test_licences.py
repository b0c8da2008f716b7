"""Where the licences of parts are found, and that nothing goes without."""

from __future__ import annotations

import email.message
import importlib.util
import json
import shutil
import sys
from importlib import metadata
from pathlib import Path

import jinja2
import psutil
import PySide6
import pytest

from installer.package import licences
from installer.package.licences import NoLicence, Origins

ROOT = Path(__file__).resolve().parents[3]
NEEDS_PACKER = pytest.mark.skipif(
    not importlib.util.find_spec("PyInstaller"), reason="needs what `dev.py package` sets up"
)
NEEDS_DEBIAN = pytest.mark.skipif(not shutil.which("dpkg-query"), reason="needs Debian or Ubuntu")


@pytest.fixture
def origins(tmp_path: Path) -> Origins:
    runtime = tmp_path / "runtime"
    (runtime / "lib").mkdir(parents=True)
    (runtime / "lib" / "libllama.so").touch()
    return Origins(ROOT, runtime, "9.9", tmp_path / "work")


@NEEDS_PACKER
def test_every_part_has_its_file_and_the_index_names_it(origins: Origins, tmp_path: Path) -> None:
    taken = [
        ("jinja2/x", str(jinja2.__file__), "PYMODULE"),
        ("psutil/x", str(psutil.__file__), "PYMODULE"),
        ("PySide6/x", str(PySide6.__file__), "PYMODULE"),
        ("app", str(ROOT / "app" / "__init__.py"), "PYMODULE"),
        ("resources/icons", str(ROOT / "resources" / "icons" / "check.svg"), "DATA"),
        ("runtime/lib/libllama.so", str(origins.runtime / "lib" / "libllama.so"), "DATA"),
        ("json", str(json.__file__), "PYMODULE"),
        ("namespace", "-", "PYMODULE"),
    ]
    folder = tmp_path / "licences"
    parts = {part.name: part for part in licences.collect(taken, origins, folder)}
    assert set(parts) == {
        "Jinja2", "psutil", "Qt and PySide6", "Hearth", "Lucide icons", "llama.cpp and ggml",
        "Python", "PyInstaller's start of the bundle",
    }  # fmt: skip
    assert parts["Qt and PySide6"].version == metadata.version("PySide6-Essentials")
    assert {"LGPL-3.0.txt", "GPL-3.0.txt"} <= set(parts["Qt and PySide6"].texts)
    assert "download.qt.io" in parts["Qt and PySide6"].source
    assert parts["llama.cpp and ggml"].version == "9.9"
    assert parts["Python"].version == sys.version.split()[0]
    index = json.loads((folder / "index.json").read_text("utf-8"))
    assert {part["name"] for part in index} == set(parts)
    for part in index:
        assert part["licence"]
        assert part["texts"]
        for text in part["texts"]:
            assert (folder / text).stat().st_size > 200
    assert "MIT License" in (folder / "hearth.txt").read_text("utf-8")
    assert (folder / "READ ME.txt").is_file()


@NEEDS_PACKER
@NEEDS_DEBIAN
def test_a_library_of_the_system_has_its_packages_licence(origins: Origins, tmp_path: Path) -> None:
    library = next(Path("/usr/lib").glob("*/libglib-2.0.so.0"), None)
    if library is None:
        pytest.skip("no glib here")
    taken = [("libglib-2.0.so.0", str(library), "BINARY")]
    parts = licences.collect(taken, origins, tmp_path / "licences")
    (part,) = (part for part in parts if part.name.startswith("libglib2.0"))
    assert part.source.startswith("apt-get source glib2.0")
    assert "common-LGPL-2.1.txt" in part.texts
    common = (tmp_path / "licences" / "common-LGPL-2.1.txt").read_text("utf-8")
    assert "LESSER GENERAL PUBLIC LICENSE" in common


@NEEDS_PACKER
def test_what_nobody_vouches_for_is_refused(origins: Origins, tmp_path: Path) -> None:
    stray = tmp_path / "libstray.so"
    stray.touch()
    with pytest.raises(NoLicence, match="libstray"):
        licences.collect([("libstray.so", str(stray), "BINARY")], origins, tmp_path / "licences")


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ([("License-Expression", "MIT"), ("License", "other")], "MIT"),
        ([("License", "BSD-3-Clause")], "BSD-3-Clause"),
        ([("License", "UNKNOWN"), ("Classifier", "License :: OSI Approved :: X")], "X"),
        ([("License", "Long\ntext"), ("Classifier", "License :: A")], "A"),
        ([("License", "GPLv2-or-later with a special exception which")], "GPLv2-or-later"),
        ([], "see the text"),
    ],
)
def test_the_name_of_a_licence(fields: list[tuple[str, str]], words: str) -> None:
    told = email.message.Message()
    for name, value in fields:
        told[name] = value
    assert licences.licence_of(told) == words  # type: ignore[arg-type]


def test_debians_notices_are_read_where_they_are_in_its_form(tmp_path: Path) -> None:
    text = tmp_path / "copyright"
    text.write_text(
        "Format: x\n\nFiles: *\nLicense: MIT\n text\n\nFiles: debian/*\nLicense: GPL-2\n\n"
        "Files: a\nLicense: Zlib\n"
    )
    assert licences.machine_readable(text) == "MIT; Zlib"
    text.write_text("This is free.\n")
    assert licences.machine_readable(text) == "see the text"
    assert licences.machine_readable(tmp_path / "gone") == "see the text"
