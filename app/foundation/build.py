"""What this Hearth was built from and with, as the bundle says of itself in build.json; and where
the licences of its parts are. From a checkout or a wheel there is nothing to say. Any thread.
"""

from __future__ import annotations

import functools
import json
import sys
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from app import __version__

LIST = "files.json"
"""Every file of the bundle's inside, with its bytes."""
UPDATES = "updates.json"
"""Where this build asks for newer versions; not there where it asks nobody."""
CATALOGUE = "catalogue.json"
"""The same for newer lists of models."""


@dataclass(frozen=True, slots=True)
class Build:
    """Facts of a bundle; every one is text, empty where it is not known."""

    version: str
    commit: str = ""
    built_at: str = ""
    system: str = ""
    machine: str = ""
    python: str = ""
    qt: str = ""
    llama_cpp: str = ""
    runtime: str = ""
    """The key under which the runtime that is inside was built."""

    @property
    def day(self) -> str:
        """The day it was built on, as 2026-11-25."""
        return self.built_at[:10]


@dataclass(frozen=True, slots=True)
class Part:
    """One part of the bundle, and the texts that it is under."""

    name: str
    version: str
    licence: str
    texts: tuple[Path, ...]


def is_bundle() -> bool:
    """Whether this runs from what people install, and not from a checkout or a wheel."""
    return hasattr(sys, "_MEIPASS")


@functools.cache
def build() -> Build | None:
    """The facts of this bundle; None from a checkout or a wheel. Reads a small file, once."""
    if not is_bundle():
        return None
    try:
        told = json.loads(_inside("build.json").read_text("utf-8"))
        return Build(**{field.name: str(told.get(field.name, "")) for field in fields(Build)})
    except (OSError, ValueError, AttributeError):
        return Build(__version__)  # half copied: `doctor` says what is missing


def said_inside(name: str) -> dict[str, Any]:
    """What a small file of the bundle's inside says; nothing from a checkout, or where it is not
    there or makes no sense. Reads a file."""
    if not is_bundle():
        return {}
    try:
        told = json.loads(_inside(name).read_text("utf-8"))
    except (OSError, ValueError, RecursionError):
        return {}
    return told if isinstance(told, dict) else {}


def licences() -> tuple[Part, ...]:
    """The parts of this bundle with their licences; none from a checkout, or where the list is
    damaged. Reads a file."""
    if not is_bundle():
        return ()
    folder = _inside("licences")
    try:
        listed = json.loads((folder / "index.json").read_text("utf-8"))
        return tuple(
            Part(
                str(each["name"]),
                str(each["version"]),
                str(each["licence"]),
                tuple(folder / Path(str(text)).name for text in each["texts"]),
            )
            for each in listed
        )
    except (OSError, ValueError, LookupError, TypeError):
        return ()


def damaged() -> tuple[str, ...]:
    """The files of this bundle that are missing or have another size than when it was made; the
    list itself if it is gone. None from a checkout. Looks at every file, in a few milliseconds."""
    return damaged_in(_inside("")) if is_bundle() else ()


def damaged_in(inside: Path) -> tuple[str, ...]:
    """The same of any bundle, by the folder of its inside."""
    try:
        listed = json.loads((inside / LIST).read_text("utf-8"))
        return tuple(name for name, size in listed.items() if _size_of(inside / name) != size)
    except (OSError, ValueError, AttributeError):
        return (LIST,)


def _size_of(path: Path) -> int | None:
    try:
        return path.stat().st_size
    except OSError:
        return None


def _inside(name: str) -> Path:
    return Path(str(getattr(sys, "_MEIPASS", "")), name)
