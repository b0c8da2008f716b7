"""KoboldCpp: one file to start, which has no folder of models of its own: it downloads to where it
stands and opens what it is pointed at (koboldcpp.py, download_model_from_url).

So its usual folders are looked at, and what saved settings there (.kcpps, JSON) name under
"model_param" and "mmproj".
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from app.models.adopt.found import Found, Store
from app.models.adopt.surroundings import Surroundings
from app.models.adopt.walk import Walk

_NAMES: Final = ("koboldcpp", "KoboldCpp", "KoboldCPP")


def places(surroundings: Surroundings) -> tuple[Path, ...]:
    """Folders of its name at home, among documents and among downloads."""
    home = surroundings.home
    return tuple(
        above / name for above in (home, home / "Documents", home / "Downloads") for name in _NAMES
    )


def look(folder: Path, walk: Walk) -> Iterator[Found]:
    """The models beside the program, then those that its saved settings name."""
    for path in walk.models(folder, depth=3):
        yield Found(path, "koboldcpp")
    for entry in walk.entries(folder):
        if not entry.name.lower().endswith((".kcpps", ".kcppt")):
            continue
        settings = walk.table(Path(entry.path))
        model = _file(folder, settings.get("model_param"), walk)
        if model is not None:
            projector = _file(folder, settings.get("mmproj"), walk)
            yield Found(model, "koboldcpp", projectors=(projector,) if projector else ())


def _file(folder: Path, named: Any, walk: Walk) -> Path | None:
    if not isinstance(named, str) or not named.lower().endswith(".gguf") or "\0" in named:
        return None
    path = folder / named
    return path if walk.is_file(path) else None


STORE: Final = Store("koboldcpp", places, look)
