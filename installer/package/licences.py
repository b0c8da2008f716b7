"""The licences of every part inside the bundle: one file a part, and an index of them.

A part is known by where its files were taken from: a distribution of Python, a package of the
system, the runtime, Python itself, or Hearth. Refuses to guess: what has no text is a fault.
"""

from __future__ import annotations

import functools
import importlib.metadata as metadata
import json
import os
import re
import shutil
import subprocess
import sys
import sysconfig
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path

from installer.package.linking import Entry

TEXTS = Path(__file__).resolve().parent / "texts"
_COMMON = Path("/usr/share/common-licenses")
_LICENCE_FILE = re.compile(r"(licen[cs]e|copying|notice|authors|copyright)", re.I)

#: What a distribution does not say of itself: the texts that it is under, from `texts`.
_OWN_TEXTS = {
    "pyside6-essentials": ("LGPL-3.0.txt", "GPL-3.0.txt", "qt-others.txt", "icu.txt"),
    "shiboken6": ("LGPL-3.0.txt", "GPL-3.0.txt"),
}
_NAMES = {
    "pyside6-essentials": "Qt and PySide6",
    "shiboken6": "Shiboken (part of PySide6)",
    "pyinstaller": "PyInstaller's start of the bundle",
}
#: Microsoft's own terms let these be passed on with a program.
_MICROSOFT = re.compile(r"(vcruntime|msvcp|concrt|vcomp|ucrtbase|api-ms-win).*\.dll", re.I)


@dataclass
class Part:
    """A part of the bundle. `texts` are files beside the index, its own first."""

    name: str
    version: str
    licence: str
    texts: list[str] = field(default_factory=list)
    source: str = ""
    """Where its source can be had, as far as its licence wants that said."""
    files: int = 0


class NoLicence(LookupError):
    """A part whose licence is not known; the text names it."""


@dataclass(frozen=True)
class Origins:
    """Where files come from on this machine."""

    root: Path
    runtime: Path
    runtime_version: str
    work: Path


def collect(taken: Iterable[Entry], origins: Origins, into: Path) -> list[Part]:
    """Write the licences of all that was taken into a folder. Raises NoLicence."""
    shutil.rmtree(into, ignore_errors=True)
    into.mkdir(parents=True)
    found: dict[str, tuple[Part, list[Path]]] = {}
    for place, source, _ in [("start", "PyInstaller", ""), *taken]:
        if source in ("", "-"):  # a folder of modules without a file of its own
            continue
        part, texts = _part_of(place, Path(source), origins)
        known, _ = found.setdefault(part.name, (part, texts))
        known.files += 1
    for part, texts in found.values():
        _write(part, texts, into)
    parts = sorted((part for part, _ in found.values()), key=lambda part: part.name.lower())
    _add_common(parts, into)
    index = json.dumps([asdict(part) for part in parts], indent=1, ensure_ascii=False)
    (into / "index.json").write_text(index + "\n", encoding="utf-8")
    shutil.copy(TEXTS / "READ ME.txt", into)
    return parts


def _part_of(place: str, source: Path, origins: Origins) -> tuple[Part, list[Path]]:
    """The part that a file belongs to, and where its texts are."""
    if str(source) == "PyInstaller" or "PyInstaller" in source.parts:
        return _distribution(_by_name("pyinstaller"))
    if origins.runtime in source.parents:
        return _of_runtime(source, origins)
    if (found := _by_file().get(str(source.resolve()))) is not None:
        return _distribution(found)
    if origins.root / "resources" / "icons" in source.parents:
        if (source.parent / "README.md").exists() and source.name.startswith("hearth"):
            return _hearth(origins)
        return Part("Lucide icons", "", "ISC AND MIT"), [source.parent / "LICENSE"]
    if any(origins.root / name in source.parents for name in ("app", "resources", "installer")):
        return _hearth(origins)
    if source == origins.root / "models.toml":
        return _hearth(origins)
    if _is_of_python(source, origins):
        return _python()
    return _of_system(place, source)


def _hearth(origins: Origins) -> tuple[Part, list[Path]]:
    return Part("Hearth", "", "MIT"), [origins.root / "LICENSE"]


def _of_runtime(source: Path, origins: Origins) -> tuple[Part, list[Path]]:
    if "gomp" in source.name:
        return _of_system(source.name, _system_path("libgomp.so.1"))
    if source.suffix == ".json":
        return _hearth(origins)
    name = "llama.cpp and ggml"
    return Part(name, origins.runtime_version, "MIT"), [TEXTS / "llama.cpp.txt"]


def _system_path(name: str) -> Path:
    """Where the system keeps a library that was copied before."""
    listed = subprocess.run(
        ["ldconfig", "-p"],
        capture_output=True,
        text=True,
        check=False,
        env={"PATH": "/sbin:/usr/sbin"},
    ).stdout
    found = re.search(rf"{re.escape(name)} .*=> (\S+)", listed)
    return Path(found[1]) if found else Path(name)


def _is_of_python(source: Path, origins: Origins) -> bool:
    standard = Path(sysconfig.get_path("stdlib")).resolve()
    base = Path(sys.base_prefix).resolve()
    if source.name == "base_library.zip" or origins.work in source.parents:
        return True
    places = [standard, base / "DLLs"] + ([] if base == Path("/usr") else [base])
    return any(place in source.resolve().parents for place in places)


def _python() -> tuple[Part, list[Path]]:
    places = (
        Path(sysconfig.get_path("stdlib"), "LICENSE.txt"),
        Path(sys.base_prefix, "LICENSE.txt"),
        Path("/usr/share/doc", f"python{sys.version_info[0]}.{sys.version_info[1]}", "copyright"),
    )
    part = Part(
        "Python", sys.version.split()[0], "PSF-2.0", source="https://www.python.org/downloads/"
    )
    return part, [path for path in places if path.is_file()][:1]


# ── distributions of Python ───────────────────────────────────────────────────────────────


@functools.cache
def _by_file() -> dict[str, metadata.Distribution]:
    """Every file of every distribution that is installed here, by its path without links."""
    found = {}
    for distribution in metadata.distributions():
        base = Path(str(distribution.locate_file(""))).resolve()
        for file in distribution.files or ():
            found[os.path.normpath(base / file)] = distribution
    return found


def _by_name(name: str) -> metadata.Distribution:
    return metadata.distribution(name)


def _slug(name: str) -> str:
    return re.sub(r"[^a-z0-9.]+", "-", name.lower()).strip("-")


def _distribution(found: metadata.Distribution) -> tuple[Part, list[Path]]:
    key = _slug(found.metadata["Name"])
    name = _NAMES.get(key, found.metadata["Name"])
    texts = [TEXTS / text for text in _OWN_TEXTS.get(key, ())]
    texts += [
        Path(str(found.locate_file(file)))
        for file in found.files or ()
        if file.parts[0].endswith(".dist-info") and _LICENCE_FILE.search(file.name)
    ]
    source = ""
    if key in _OWN_TEXTS:
        source = "https://download.qt.io/official_releases/ (qt and QtForPython, this version)"
    return Part(name, found.version, licence_of(found.metadata), source=source), texts


def licence_of(fields: metadata.PackageMetadata) -> str:
    """What a distribution calls its licence, in a few words."""
    said = next(
        (one for name in ("License-Expression", "License") for one in fields.get_all(name) or ()),
        "",
    )
    if said and said != "UNKNOWN" and "\n" not in said:
        return said.partition(" with a special exception")[0]
    classes = [
        one.rpartition("::")[2].strip()
        for one in fields.get_all("Classifier") or ()
        if one.startswith("License ::")
    ]
    return " or ".join(classes) or "see the text"


# ── packages of the system ────────────────────────────────────────────────────────────────


def _of_system(place: str, source: Path) -> tuple[Part, list[Path]]:
    if _MICROSOFT.fullmatch(source.name):
        text = TEXTS / "microsoft-runtime.txt"
        return Part("Microsoft C and C++ runtime", "", "Microsoft's terms"), [text]
    package = _package_of(source)
    if package is None:
        raise NoLicence(f"{place}, taken from {source}: nothing says what licence it is under")
    name, version, from_source = package
    text = Path("/usr/share/doc", name, "copyright")
    part = Part(
        f"{name} (Debian and Ubuntu)",
        version,
        machine_readable(text),
        source=f"apt-get source {from_source}, this version",
    )
    return part, [text]


@functools.cache
def _package_of(source: Path) -> tuple[str, str, str] | None:
    """Name, version and source package of the Debian package that a file is from."""
    if not shutil.which("dpkg-query"):
        return None
    real = source.resolve()
    for path in (source, real, Path(str(real).removeprefix("/usr"))):
        found = subprocess.run(
            ["dpkg-query", "-S", str(path)], capture_output=True, text=True, check=False
        ).stdout
        if found and not found.startswith("diversion"):
            name = found.split(":")[0]
            form = "${Version} ${source:Package}\n"
            told = subprocess.run(
                ["dpkg-query", "-W", "-f", form, name], capture_output=True, text=True, check=False
            ).stdout
            version, _, from_source = told.splitlines()[0].partition(" ")
            return name, version, from_source
    return None


def machine_readable(text: Path) -> str:
    """The licences that Debian's notice names, where it is in the form that machines read."""
    try:
        words = text.read_text("utf-8", "replace")
    except OSError:
        return "see the text"
    if not words.startswith("Format:"):
        return "see the text"
    names: dict[str, None] = {}
    for stanza in re.split(r"\n\s*\n", words):
        if not stanza.startswith("Files:") or stanza.startswith("Files: debian"):
            continue
        if found := re.search(r"^License: *(\S.*)$", stanza, re.M):
            names.setdefault(found[1].strip())
    return "; ".join(names) if 0 < len(names) <= 6 else "several, see the text"


# ── writing ───────────────────────────────────────────────────────────────────────────────


def _write(part: Part, texts: list[Path], into: Path) -> None:
    """All texts of a part in one file of its own; long ones that several share stay apart."""
    own = []
    for text in texts:
        if not text.is_file():
            raise NoLicence(f"{part.name}: its licence {text} is not there")
        if text.parent == TEXTS and "GPL" in text.name:
            shutil.copy(text, into)
            part.texts.append(text.name)
        else:
            own.append(f"{text.name}\n{'─' * 78}\n{text.read_text('utf-8', 'replace').strip()}\n")
    if own:
        name = f"{_slug(part.name)}.txt"
        head = f"{part.name} {part.version}".strip()
        words = f"{head}\nLicence: {part.licence}\n"
        words += f"Source: {part.source}\n" if part.source else ""
        (into / name).write_text("\n\n".join([words, *own]), encoding="utf-8")
        part.texts.insert(0, name)
    if not part.texts:
        raise NoLicence(f"{part.name} {part.version}: no text of its licence was found")


def _add_common(parts: list[Part], into: Path) -> None:
    """Debian's notices name the long licences by their path: put those beside them."""
    for part in parts:
        for name in list(part.texts):
            for common in sorted(_named_in((into / name).read_text("utf-8"))):
                target = into / f"common-{common}.txt"
                if not target.exists():
                    shutil.copyfile(_COMMON / common, target)
                if target.name not in part.texts:
                    part.texts.append(target.name)


def _named_in(text: str) -> Iterator[str]:
    for name in set(re.findall(r"/usr/share/common-licenses/([A-Za-z0-9.-]*[A-Za-z0-9])", text)):
        if (_COMMON / name).is_file():
            yield name
