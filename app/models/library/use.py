"""Questions about models that are known already: by which word, how much disk, what is missing.
Pure.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from app.models.library.assemble import Model
from app.models.library.kept import DiskUse, Kept, Source
from app.models.library.scan import Look


def find(models: Iterable[Kept], word: str) -> Kept | None:
    """The model that a word names, whatever the case: usable ones first, exact names first."""
    wanted = word.strip().lower()
    if not wanted:
        return None
    listed = sorted(models, key=lambda kept: (not kept.is_usable, kept.state != "ready"))
    for names in (_exact, _loose):
        for kept in listed:
            if wanted in names(kept):
                return kept
    return None


def _exact(kept: Kept) -> set[str]:
    names = {kept.id, kept.name, *kept.also_named}
    names |= {str(path) for path in (*kept.parts, *kept.also_at)}
    names |= {path.name for path in kept.parts}
    return {name.lower() for name in names}


def _loose(kept: Kept) -> set[str]:
    names = {path.stem for path in kept.parts}
    called = (kept.name, *kept.also_named, kept.repo)
    names |= {f"{name}:{kept.quant}" for name in called if name}
    names |= {name.removesuffix(":latest") for name in called if name.endswith(":latest")}
    names |= {kept.repo} if kept.repo else set()
    return {name.lower() for name in names}


def disk_use(models: Iterable[Model], free_bytes: int | None) -> DiskUse:
    """Bytes by source; a file that several models or names share counts once, for the first."""
    counted: set[tuple[int, int] | str] = set()
    by_source: dict[Source, int] = {}
    for model in models:
        for file in model.files:
            identity = file.identity if file.identity[1] else str(file.path)
            if identity not in counted:
                counted.add(identity)
                source = model.kept.source
                by_source[source] = by_source.get(source, 0) + file.bytes
    ours = by_source.get("hearth", 0)
    return DiskUse(
        ours_bytes=ours,
        others_bytes=sum(by_source.values()) - ours,
        by_source=tuple(sorted(by_source.items(), key=lambda entry: (-entry[1], entry[0]))),
        free_bytes=free_bytes,
    )


def absent_notes(look: Look, named: Iterable[Path]) -> tuple[str, ...]:
    """A sentence for each folder that a person named and that is not there."""
    wanted = set(named)
    return tuple(
        f"{place.path} is not there. Connect its disk, or take it off the list in Settings."
        for place, ended in look.ended.items()
        if ended == "absent" and place.source == "folder" and place.path in wanted
    )
