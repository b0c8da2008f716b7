"""Where a download's files go on this disk: own names, made from claimed ones, inside one folder.

`FOLDER/OWNER/REPOSITORY/FILE.gguf` is what other programs use too. Nothing that is there is ever
written over: content that differs gets a folder of its own. Pure but for `inside`.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from app.foundation.errors import InvalidInput, StorageError
from app.models.download.space import ANOTHER_FOLDER
from app.models.wanted import Part

WORKSHOP: Final = ".hearth"
"""The folder for what is not whole yet. No name made here begins with a dot."""
MOST_PARTS: Final = 1024
_LONGEST: Final = 80
_MOST_HOMES: Final = 50
_FILE: Final = re.compile(r"(.*?)((?:-\d{5}-of-\d{5})?\.gguf)\Z", re.IGNORECASE | re.DOTALL)
_ARCHIVE: Final = re.compile(r"(.*?)(\.tar\.(?:xz|gz))\Z", re.IGNORECASE | re.DOTALL)
_ODD: Final = re.compile(r"[^A-Za-z0-9._+\-]")
_DEVICES: Final = frozenset(
    {"con", "prn", "aux", "nul", "conin$", "conout$"}
    | {f"{port}{number}" for port in ("com", "lpt") for number in "0123456789"}
)


def component(text: str, suffix: str = "") -> str:
    """A name for one folder or file that every system takes, ending in `suffix`.

    What had to be changed or cut is told apart by a few digits of a hash.
    """
    name = _plain(text)
    return name + suffix if name == text and name else _marked(name, text) + suffix


def _plain(text: str) -> str:
    name = _ODD.sub("_", text).strip("._-")
    if name.split(".")[0].lower() in _DEVICES:
        name = f"_{name}"
    return name if len(name) <= _LONGEST else name[:_LONGEST]


def _marked(name: str, text: str) -> str:
    """No claimed name has a tilde of its own."""
    mark = hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:8]
    return f"{name[: _LONGEST - 9].rstrip('._-') or 'model'}~{mark}"


def file_names(parts: tuple[Part, ...]) -> tuple[str, ...]:
    """The name of each part's file, each once, also where capitals do not count.

    Raises InvalidInput for what is no list of GGUF files.
    """
    if not 1 <= len(parts) <= MOST_PARTS or len({part.name for part in parts}) < len(parts):
        raise InvalidInput(
            "That cannot be downloaded.",
            f"It has {len(parts):,} files; from 1 to {MOST_PARTS:,} make sense, each of them once.",
            "Look at the model again, and choose it anew.",
        )
    names: list[str] = []
    taken: set[str] = set()
    for part in parts:
        last = re.split(r"[/\\]", part.name)[-1]
        match = (_ARCHIVE if part.role == "archive" else _FILE).match(last)
        if match is None:
            raise InvalidInput(
                "Hearth downloads GGUF files only.",
                f"“{last[:80]}” is not named like one.",
                "Choose a file whose name ends in .gguf.",
            )
        name = component(match[1], match[2].lower())
        if name.casefold() in taken:
            name = _marked(_plain(match[1]), part.name) + match[2].lower()
        taken.add(name.casefold())
        names.append(name)
    return tuple(names)


def homes(folder: Path, repo: str, digest: str) -> Iterator[Path]:
    """Folders for the files of a repository, the usual one first.

    The others, marked by `digest`, are for files whose name is taken by something else. Raises
    StorageError.
    """
    owner, _, name = repo.rpartition("/")
    above = folder / component(owner or "models")
    last = component(name)
    mark = component(digest[:8])
    yield inside(folder, above / last)
    yield inside(folder, above / f"{last}~{mark}")
    for number in range(2, _MOST_HOMES):
        yield inside(folder, above / f"{last}~{mark}-{number}")


def inside(folder: Path, path: Path) -> Path:
    """`path`, when it stays in `folder` though links are followed. Raises StorageError."""
    try:
        if path.resolve().is_relative_to(folder.resolve()):
            return path
        why = "A link leads out of it."
    except (OSError, RuntimeError) as error:
        why = f"The system said “{error}”."
    raise StorageError(
        "Hearth writes models into the models folder only.",
        f"“{path}” is not inside “{folder}”. {why}",
        f"Remove the link, or {ANOTHER_FOLDER}",
    )


def workshop(folder: Path, key: str) -> Path:
    """Where the partial files of one download lie."""
    return folder / WORKSHOP / key
