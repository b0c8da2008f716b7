"""GPT4All: .gguf files in one folder, those still coming as incomplete-NAME (gpt4all-chat:
modellist.cpp, mysettings.cpp, main.cpp).

The folder is "modelPath" in GPT4All.ini, else the application's own local data folder; its
bindings for Python use ~/.cache/gpt4all (gpt4all.py).
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Final

from app.models.adopt import folders
from app.models.adopt.found import Found, Store
from app.models.adopt.surroundings import Surroundings
from app.models.adopt.walk import Walk


def places(surroundings: Surroundings) -> tuple[Path, ...]:
    """The folder that was chosen, the usual one, and that of the bindings."""
    walk = Walk()
    found: list[Path] = []
    # Qt names the folder by the organization's domain on macOS, by its name elsewhere.
    organizations = ("gpt4all.io", "nomic.ai") if surroundings.system == "macos" else ("nomic.ai",)
    for organization in organizations:
        chosen = _model_path(walk.text(surroundings.config / organization / "GPT4All.ini"))
        if chosen is not None:
            found.append(chosen)
    found += [
        surroundings.local_data / "nomic.ai" / "GPT4All",
        surroundings.home / ".cache" / "gpt4all",
    ]
    return tuple(dict.fromkeys(found))


def _model_path(ini: str) -> Path | None:
    section = "General"
    for line in ini.splitlines():
        line = line.strip()
        if line.startswith("[") and line.endswith("]"):
            section = line[1:-1]
        key, is_value, value = line.partition("=")
        if section == "General" and is_value and key in ("modelPath", "modelPaths"):
            text = value.strip('"').replace("\\\\", "\\")
            if text and "\0" not in text and Path(text).is_absolute():
                return Path(text)
    return None


def look(folder: Path, walk: Walk) -> Iterator[Found]:
    """Every whole model in the folder."""
    return folders.look(folder, walk, "gpt4all")


STORE: Final = Store("gpt4all", places, look)
