"""llama.cpp's own cache of earlier versions, files of all repositories in one folder; and that of
GGML's app for macOS before it took to the Hugging Face cache.

Where: LLAMA_CACHE, else llama.cpp below the system's cache folder (llama.cpp: common.cpp,
fs_get_cache_directory); ~/.llamabarn (ggml-org/Llama-macOS, release 0.27.0).
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Final

from app.models.adopt.found import Found, Store
from app.models.adopt.surroundings import Surroundings
from app.models.adopt.walk import Walk

_HUB: Final = "models--"


def places(surroundings: Surroundings) -> tuple[Path, ...]:
    """The cache that was chosen or the usual one, and that of the app."""
    cache = surroundings.named("LLAMA_CACHE") or surroundings.cache / "llama.cpp"
    return (cache, surroundings.home / ".llamabarn")


def look(folder: Path, walk: Walk) -> Iterator[Found]:
    """The files that lie in the folder itself or in plain folders below it."""
    for path in walk.models(folder, depth=2):
        # What newer versions keep there is in the hub's layout, and found as such.
        if not path.relative_to(folder).parts[0].startswith(_HUB):
            yield Found(path, "llama.cpp")


STORE: Final = Store("llama.cpp", places, look)
