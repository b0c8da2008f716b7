"""What must hold of a finished bundle, whatever it is for. Reads files and starts nothing."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from installer.package import contents, linking

_SMALL_BYTES = 4096
"""Below this two files may hold the same."""
_SAME_ALLOWED = ("dist-info", "licences")
#: What Hearth looks for beside its code, below the folder of the bundle's inside.
NEEDED = (
    "build.json",
    "files.json",
    "licences/index.json",
    "resources/models.toml",
    "resources/starter/guide.gguf",
    "resources/starter/guide.sha256",
    "runtime/manifest.json",
)


@dataclass
class Facts:
    """What was found, and what is wrong with it."""

    bytes: int = 0
    n_files: int = 0
    parts: int = 0
    packages: list[str] = field(default_factory=list)
    newest: dict[str, tuple[tuple[int, ...], str]] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)
    packed_bytes: int | None = None


def inside_of(folder: Path) -> Path:
    """Where a bundle keeps everything but its programs."""
    return folder / "_internal"


def examine(folder: Path, root: Path) -> Facts:
    """Look at every file once."""
    facts = Facts()
    files = sorted(path for path in folder.rglob("*") if path.is_file() or path.is_symlink())
    facts.n_files = len(files)
    facts.bytes = sum(path.lstat().st_size for path in files)
    facts.problems += _incomplete(inside_of(folder))
    facts.problems += _unwanted(folder, files)
    facts.problems += _doubles(folder, files)
    facts.problems += _paths_of_this_machine(folder, files, root)
    facts.problems += _of_the_runtime(inside_of(folder))
    if (index := inside_of(folder) / "licences" / "index.json").is_file():
        facts.parts = len(json.loads(index.read_text("utf-8")))
    if contents.system() == "linux":
        found = linking.linked(folder, contents.OLDEST)
        facts.packages, facts.newest = contents.packages_needed(found.system), found.newest
        for name, by in sorted(found.missing.items()):
            facts.problems.append(f"{name} is not inside, though {by[0]} asks for it")
        for family, place, version in linking.too_new(found, contents.OLDEST):
            number = ".".join(map(str, version))
            facts.problems.append(f"{place} asks for {family} {number}, newer than is stated")
    return facts


def _incomplete(inside: Path) -> Iterator[str]:
    for name in NEEDED:
        if not (inside / name).is_file():
            yield f"{name} is missing"


def _unwanted(folder: Path, files: list[Path]) -> Iterator[str]:
    for path in files:
        place = path.relative_to(folder).as_posix()
        if why := contents.unwanted(path.name):
            yield f"{place} is {why}"
        if path.is_symlink() and not path.resolve().is_relative_to(folder.resolve()):
            yield f"{place} leads out of the bundle"
        elif path.is_symlink() and not path.exists():
            yield f"{place} leads nowhere"


def _doubles(folder: Path, files: list[Path]) -> Iterator[str]:
    """Two files with the same in them; llama.cpp's wheels hold each library three times."""
    seen: dict[str, str] = {}
    for path in files:
        place = path.relative_to(folder).as_posix()
        if path.is_symlink() or path.stat().st_size < _SMALL_BYTES:
            continue
        if any(word in place for word in _SAME_ALLOWED) or path.parent == folder:
            continue
        digest = hashlib.sha256(path.read_bytes()).hexdigest()
        if (first := seen.setdefault(digest, place)) != place:
            yield f"{place} is {first} again"


def _paths_of_this_machine(folder: Path, files: list[Path], root: Path) -> Iterator[str]:
    """Where the checkout stands is nobody's business."""
    mark = str(root).encode()
    for path in files:
        if not path.is_symlink() and mark in path.read_bytes():
            yield f"{path.relative_to(folder).as_posix()} names the folder that it was made in"


def _of_the_runtime(inside: Path) -> Iterator[str]:
    """The runtime is the one that was built and tested, byte for byte."""
    manifest = inside / "runtime" / "manifest.json"
    if not manifest.is_file():
        return
    for each in json.loads(manifest.read_text("utf-8"))["files"]:
        path = inside / "runtime" / each["path"]
        if not path.is_file():
            yield f"runtime/{each['path']} is missing"
        elif hashlib.sha256(path.read_bytes()).hexdigest() != each["sha256"]:
            yield f"runtime/{each['path']} is not the file that was built"
