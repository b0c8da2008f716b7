"""The door to the catalogue of models: what can be recommended, and where its files are.

`load` is what ships; `catalogue` is what a profile sees: a newer one that was fetched, and the
person's own file over it. Any thread but the window's. Knows no machine and no network.
"""

from __future__ import annotations

from dataclasses import replace
from functools import cache, lru_cache
from pathlib import Path
from typing import Final

from app.foundation.errors import CatalogueInvalid
from app.foundation.paths import Profile, resource
from app.models.catalogue_file import CAPABILITIES, SCHEMA, parsed, read_catalogue
from app.models.entries import (
    Catalogue,
    Embedding,
    Entry,
    File,
    FilePart,
    HeaderNumbers,
    Sampling,
)
from app.models.facts import unusable
from app.models.wanted import Part, Wanted

__all__ = [
    "CAPABILITIES",
    "SCHEMA",
    "Catalogue",
    "Embedding",
    "Entry",
    "File",
    "FilePart",
    "HeaderNumbers",
    "Sampling",
    "catalogue",
    "check_usable",
    "fetched",
    "fetched_file",
    "load",
    "own_file",
    "parsed",
    "problems",
    "read_catalogue",
    "sha256_of",
    "usable",
    "wanted_of",
]

_NAME: Final = "models.toml"
_Stamp = tuple[int, int] | None


@cache
def load() -> Catalogue:
    """The catalogue that ships with Hearth. Raises CatalogueInvalid."""
    return read_catalogue(resource(_NAME))


def own_file(profile: Profile) -> Path:
    """Where a person may put a catalogue of their own."""
    return profile.root / _NAME


def fetched_file(profile: Profile) -> Path:
    """Where a catalogue is that was fetched and whose signature was checked."""
    return profile.root / "catalogue" / _NAME


def fetched(profile: Profile) -> Catalogue | None:
    """The catalogue that was fetched, where it is of use: whole, and newer than what ships."""
    path = fetched_file(profile)
    found = _fetched(path, _stamp(path))
    return found if isinstance(found, Catalogue) else None


def catalogue(profile: Profile) -> Catalogue:
    """What there is for this profile: ours or a newer one that was fetched, and over it the
    person's own. A file that is wrong is left out and said in `problems`.

    The same object until one of the files changes. Raises CatalogueInvalid only where the
    catalogue that ships is broken.
    """
    theirs, own = fetched_file(profile), own_file(profile)
    return _merged(theirs, _stamp(theirs), own, _stamp(own))


def wanted_of(entry: Entry, file: File, *, with_projector: bool = True) -> Wanted:
    """What to download for one file of an entry: all its parts, its projector last.

    A checksum is asked for only at the revision where it was read, or where none is known.
    """
    parts = [
        Part(name, known.bytes, known.sha256)
        for name, known in zip(file.part_names, _parts(file), strict=True)
    ]
    projector = entry.projector_of(file) if with_projector else None
    if projector is not None:
        is_same = projector.revision in ("", file.revision)
        sha256 = projector.sha256 if is_same else ""
        parts.append(Part(projector.name, projector.bytes, sha256, "projector"))
    return Wanted(file.repo, file.revision, tuple(parts), entry.name, file.quant, entry.id)


def sha256_of(found: Catalogue, name: str, n_bytes: int) -> str:
    """The checksum of a file that lies somewhere under this name, in this length; "" where the
    catalogue has none."""
    for entry in found.entries:
        for file in (*entry.files, *entry.projectors):
            for path, part in zip(file.part_names, _parts(file), strict=True):
                if part.bytes == n_bytes > 0 and path.rpartition("/")[2] == name:
                    return part.sha256
    return ""


def problems(found: Catalogue) -> list[str]:
    """What a schema cannot see: numbers that do not add up to the files they describe."""
    return [
        f"{entry.id}:{file.quant}: {why}"
        for entry in found.entries
        if entry.header is not None
        for file in entry.files
        if (why := unusable(entry, file))
    ]


def usable(path: Path) -> Catalogue:
    """A catalogue file whose every entry can be planned with. Raises CatalogueInvalid."""
    found = read_catalogue(path)
    check_usable(found, str(path))
    return found


def check_usable(found: Catalogue, source: str) -> None:
    """Raise CatalogueInvalid for a catalogue with `problems`."""
    if wrong := problems(found):
        raise CatalogueInvalid(
            "The catalogue of models cannot be used.",
            f"{source}: {wrong[0]}",
            "Correct the numbers of that model, or leave its header out.",
        )


def _parts(file: File) -> tuple[FilePart, ...]:
    if file.parts:
        return file.parts
    if file.n_parts > 1:
        return (FilePart(0),) * file.n_parts
    return (FilePart(file.bytes, file.sha256),)


def _stamp(path: Path) -> _Stamp:
    """What changes with a file's content; None where there is no file."""
    try:
        state = path.stat()
    except OSError:
        return None
    return state.st_mtime_ns, state.st_size


@lru_cache(maxsize=4)
def _merged(theirs: Path, theirs_at: _Stamp, own: Path, own_at: _Stamp) -> Catalogue:
    found = load()
    wrong: list[CatalogueInvalid] = []
    newer = _fetched(theirs, theirs_at)
    if isinstance(newer, CatalogueInvalid):
        wrong.append(newer)
    elif newer is not None:
        found = newer
    try:
        mine = usable(own) if own_at is not None else None
    except CatalogueInvalid as error:
        wrong.append(error)
        mine = None
    if mine is not None:
        entries = {entry.id: entry for entry in (*found.entries, *mine.entries)}
        ordered = sorted(entries.values(), key=lambda entry: (entry.rank, entry.id))
        found = replace(found, entries=tuple(ordered))
    return replace(found, problems=tuple(wrong)) if wrong else found


@lru_cache(maxsize=4)
def _fetched(path: Path, at: _Stamp) -> Catalogue | CatalogueInvalid | None:
    """What the fetched file holds, or what is wrong with it; None where what ships is as new."""
    if at is None:
        return None
    try:
        found = read_catalogue(path)
        if found.serial <= load().serial:
            return None
        check_usable(found, str(path))
    except CatalogueInvalid as error:
        return error
    return found
