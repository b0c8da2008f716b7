"""Jan: DATA/llamacpp/models/ID/model.yml names the model and its projector, by paths that are
whole or begin at DATA; earlier versions had DATA/models (jan: src-tauri/src/core/app/commands.rs
and constants.rs, extensions/llamacpp-extension).

DATA is JAN_DATA_FOLDER, else "data_folder" in Jan/settings.json, else Jan/data, below the system's
folder for application data (JAN_DATA_ROOT replaces that).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from app.models.adopt.found import Found, Store
from app.models.adopt.surroundings import Surroundings
from app.models.adopt.walk import Walk

_LINE: Final = re.compile(r"(\w+):[ \t]*(.*?)[ \t\r]*\Z")
_MOST_DEPTH: Final = 4


def places(surroundings: Surroundings) -> tuple[Path, ...]:
    """The data folders that Jan may have; each holds models in two places."""
    walk = Walk()
    found: list[Path] = []
    if chosen := surroundings.named("JAN_DATA_FOLDER"):
        found.append(chosen)
    root = surroundings.named("JAN_DATA_ROOT") or surroundings.data
    bases = (root / "Jan", root / "jan.ai.app", surroundings.config / "Jan")
    for base in bases:
        named = walk.table(base / "settings.json").get("data_folder")
        if isinstance(named, str) and "\0" not in named and Path(named).is_absolute():
            found.append(Path(named))
    found += [root / "Jan" / "data", surroundings.home / "jan"]
    return tuple(dict.fromkeys(found))


def look(folder: Path, walk: Walk) -> Iterator[Found]:
    """The models that model.yml files name, then files that lie there without one."""
    named: set[Path] = set()
    for models in (folder / "llamacpp" / "models", folder / "models"):
        for place in _described(models, walk, _MOST_DEPTH):
            model = _of(folder, models, place, walk)
            if model is not None:
                named.update((model.path, *model.projectors))
                yield model
        for path in walk.models(models):
            if path not in named:
                yield Found(path, "jan")


def _described(folder: Path, walk: Walk, depth: int) -> Iterator[Path]:
    """Folders with a model.yml."""
    for entry in walk.entries(folder):
        try:
            is_folder = entry.is_dir(follow_symlinks=False)
        except OSError:
            continue
        if is_folder and not entry.name.startswith("."):
            place = Path(entry.path)
            if walk.is_file(place / "model.yml"):
                yield place
            elif depth:
                yield from _described(place, walk, depth - 1)


def _of(data: Path, models: Path, place: Path, walk: Walk) -> Found | None:
    values: dict[str, str] = {}
    for line in walk.text(place / "model.yml").splitlines():
        if match := _LINE.match(line):
            values[match[1]] = match[2].strip("\"'")
    path = _file(data, values.get("model_path", ""), walk)
    if path is None:
        return None
    projector = _file(data, values.get("mmproj_path", ""), walk)
    return Found(
        path,
        "jan",
        name=place.relative_to(models).as_posix(),
        projectors=(projector,) if projector else (),
    )


def _file(data: Path, named: str, walk: Walk) -> Path | None:
    if not named.lower().endswith(".gguf") or "\0" in named:
        return None
    path = data / named  # a whole path replaces the folder
    return path if walk.is_file(path) else None


STORE: Final = Store("jan", places, look)
