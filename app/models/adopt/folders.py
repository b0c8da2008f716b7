"""Any folder of .gguf files: Hearth's own, those a person names, and simple stores of others."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from app.models.adopt.found import Found
from app.models.adopt.walk import Walk
from app.models.library.kept import Source


def look(folder: Path, walk: Walk, source: Source = "folder") -> Iterator[Found]:
    """Every .gguf file in the folder and below it."""
    for path in walk.models(folder):
        yield Found(path, source)


def look_by_owner(folder: Path, walk: Walk, source: Source) -> Iterator[Found]:
    """The same where files lie as OWNER/REPOSITORY/FILE, as they do on the hub."""
    for path in walk.models(folder):
        above = path.relative_to(folder).parts[:-1]
        repo = "/".join(above[:2]) if len(above) >= 2 else ""
        yield Found(path, source, repo=repo)
