"""The cache of huggingface_hub, shared by llama.cpp, GGML's apps and others.

Layout: models--OWNER--NAME/{blobs,refs,snapshots/COMMIT/FILE}, where FILE links to a blob that is
named by its SHA-256 (huggingface.co/docs/huggingface_hub/guides/manage-cache; llama.cpp,
common/hf-cache.cpp; Llama for macOS 0.27 and later). Where: huggingface_hub's constants.py.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from app.models.adopt.found import Found, Store
from app.models.adopt.surroundings import Surroundings
from app.models.adopt.walk import Walk

_PREFIX: Final = "models--"
_COMMIT: Final = re.compile(r"[0-9a-f]{40}\Z")
_SHA256: Final = re.compile(r"[0-9a-f]{64}\Z")


def places(surroundings: Surroundings) -> tuple[Path, ...]:
    """HF_HUB_CACHE, else HUGGINGFACE_HUB_CACHE, else HF_HOME/hub, else ~/.cache/huggingface/hub;
    beside it LLAMA_CACHE, which newer versions of llama.cpp lay out in the same way."""
    named = surroundings.named
    home = named("HF_HOME")
    cache = named("XDG_CACHE_HOME") or surroundings.home / ".cache"  # on Windows and macOS too
    found = [
        named("HF_HUB_CACHE")
        or named("HUGGINGFACE_HUB_CACHE")
        or (home / "hub" if home else cache / "huggingface" / "hub")
    ]
    if llama := named("LLAMA_CACHE"):
        found.append(llama)
    return tuple(found)


def look(folder: Path, walk: Walk) -> Iterator[Found]:
    """The GGUF files of every snapshot, the one that "main" stands for first."""
    for entry in walk.entries(folder):
        repo = entry.name.removeprefix(_PREFIX).replace("--", "/")
        if not entry.name.startswith(_PREFIX) or repo.count("/") != 1:
            continue
        place = Path(entry.path)
        for commit in _commits(place, walk):
            for path in walk.models(place / "snapshots" / commit):
                yield Found(
                    path, "huggingface", repo=repo, revision=commit, sha256=_content_of(path)
                )


def _commits(place: Path, walk: Walk) -> list[str]:
    main = walk.text(place / "refs" / "main").strip()
    commits = [entry.name for entry in walk.entries(place / "snapshots")]
    return sorted(filter(_COMMIT.match, commits), key=lambda commit: (commit != main, commit))


def _content_of(path: Path) -> str:
    """The SHA-256 in the name of the blob that a file of a snapshot is a link to."""
    try:
        name = os.path.basename(os.readlink(path))
    except (OSError, ValueError):
        return ""
    return name if _SHA256.match(name) else ""


STORE: Final = Store("huggingface", places, look)
