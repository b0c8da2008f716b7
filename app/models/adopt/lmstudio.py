"""LM Studio: PUBLISHER/MODEL/FILE.gguf below its models folder (lmstudio.ai/docs/app/basics/
import-model).

Its home is named in ~/.lmstudio-home-pointer, else ~/.cache/lm-studio where that exists, else
~/.lmstudio (lmstudio.js, findLMStudioHome.ts); settings.json there may name another models folder
under "downloadsFolder" (lms, importCmd.ts).
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Final

from app.models.adopt import folders
from app.models.adopt.found import Found, Store
from app.models.adopt.surroundings import Surroundings
from app.models.adopt.walk import Walk

_POINTER: Final = ".lmstudio-home-pointer"


def places(surroundings: Surroundings) -> tuple[Path, ...]:
    """The models folder that was chosen, the usual one, and what comes with the program."""
    walk = Walk()
    found: list[Path] = []
    for home in _homes(surroundings, walk):
        chosen = walk.table(home / "settings.json").get("downloadsFolder")
        if isinstance(chosen, str) and "\0" not in chosen and Path(chosen).is_absolute():
            found.append(Path(chosen))
        found += [home / "models", home / ".internal" / "bundled-models"]
    return tuple(dict.fromkeys(found))


def _homes(surroundings: Surroundings, walk: Walk) -> list[Path]:
    usual = [surroundings.home / ".cache" / "lm-studio", surroundings.home / ".lmstudio"]
    lines = walk.text(surroundings.home / _POINTER).strip().splitlines()
    if lines and "\0" not in lines[0] and Path(lines[0].strip()).is_absolute():
        usual.insert(0, Path(lines[0].strip()))
    return list(dict.fromkeys(usual))


def look(folder: Path, walk: Walk) -> Iterator[Found]:
    """Every model below the folder; publisher and model are the hub's owner and repository."""
    return folders.look_by_owner(folder, walk, "lmstudio")


STORE: Final = Store("lmstudio", places, look)
