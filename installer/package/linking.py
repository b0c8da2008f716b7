"""Which library in the bundle asks for which: those that nothing asks for are left out, and what
is asked for must be there or be the system's. Linux alone; elsewhere nothing is judged.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from installer.package import contents, elf

Entry = tuple[str, str, str]
"""What PyInstaller takes: where it goes, where it is, and of what kind it is."""


def without_orphans(entries: Iterable[Entry]) -> list[Entry]:
    """The libraries of a bundle, without those from the system that nothing kept asks for.

    Leaving out a plug-in leaves its libraries behind. Links are left out too: every part of Qt
    names its own folder, and the others are found by the bundle's start.
    """
    listed = [entry for entry in entries if entry[2] != "SYMLINK"]
    if not sys.platform.startswith("linux"):
        return listed
    libraries = {entry[0]: entry for entry in listed if _is_only_needed(entry)}
    kept = [entry for entry in listed if entry[0] not in libraries]
    waiting = list(kept)
    while waiting:
        source = Path(waiting.pop()[1])
        if not elf.is_elf(source):
            continue
        for name in elf.needs(source).libraries:
            if (found := libraries.pop(name, None)) is not None:
                kept.append(found)
                waiting.append(found)
    return kept


def _is_only_needed(entry: Entry) -> bool:
    """Whether this is a library that is there because another one asked for it. Python itself is
    opened by the bundle's start."""
    is_library = "/" not in entry[0] and entry[0].startswith("lib") and entry[2] == "BINARY"
    return is_library and not entry[0].startswith("libpython")


@dataclass
class Linked:
    """What all files of a bundle ask for together."""

    system: set[str] = field(default_factory=set)
    """Libraries that the system must have."""
    missing: dict[str, list[str]] = field(default_factory=dict)
    """Libraries that are neither inside nor known as the system's, and who asks for them."""
    newest: dict[str, tuple[tuple[int, ...], str]] = field(default_factory=dict)
    """The newest version asked for of each family of symbols, and by which file."""
    n_files: int = 0


def linked(root: Path, families: Iterable[str]) -> Linked:
    """Look at every ELF file below `root`."""
    found = Linked()
    wanted = {path: elf.needs(path) for path in elf_files(root)}
    inside = {path.name for path in wanted} | {each.soname for each in wanted.values()}
    for path, asked in sorted(wanted.items()):
        place = PurePosixPath(path.relative_to(root)).as_posix()
        found.n_files += 1
        for library in asked.libraries:
            if contents.package_of(library) is not None:
                found.system.add(library)
            elif library not in inside:
                found.missing.setdefault(library, []).append(place)
        for family in families:
            newest = asked.newest(family)
            if newest > found.newest.get(family, ((), ""))[0]:
                found.newest[family] = (newest, place)
    return found


def too_new(
    found: Linked, limits: Mapping[str, tuple[int, ...]]
) -> list[tuple[str, str, tuple[int, ...]]]:
    """Where a file asks for more than is stated: (family, file, version)."""
    return [
        (family, place, version)
        for family, (version, place) in sorted(found.newest.items())
        if version > limits[family]
    ]


def elf_files(root: Path) -> list[Path]:
    """Every program and library below `root`, links aside."""
    return sorted(
        path
        for path in root.rglob("*")
        if path.is_file() and not path.is_symlink() and elf.is_elf(path)
    )
