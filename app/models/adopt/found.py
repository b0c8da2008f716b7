"""What a program's folder says of one model, before its file was opened. Plain data."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from app.models.adopt.surroundings import Surroundings
from app.models.adopt.walk import Walk
from app.models.library.kept import Source


@dataclass(frozen=True, slots=True)
class Found:
    """A file that may be a model. `path` is the name its program has for it, links included.

    `name` is what the program calls it ("" where it has no name of its own); `projectors` and
    `adapters` are those that the program itself says belong to it. `sha256` is what its content
    should be, where the place says so.
    """

    path: Path
    source: Source
    name: str = ""
    projectors: tuple[Path, ...] = ()
    adapters: tuple[Path, ...] = ()
    repo: str = ""
    revision: str = ""
    sha256: str = ""


@dataclass(frozen=True, slots=True)
class Store:
    """A program that keeps models. `places` are the folders it may have on this computer, be
    they there or not; `look` finds the models in one of them. Both read small files only, and
    are called where waiting is no harm."""

    source: Source
    places: Callable[[Surroundings], tuple[Path, ...]]
    look: Callable[[Path, Walk], Iterator[Found]]
