"""The model that speed is measured on, made once and kept in the user's cache folder."""

from __future__ import annotations

from pathlib import Path

import platformdirs

from app.engine.messages import LoadSettings
from app.foundation.paths import open_profile
from app.inference.planning import Planning
from app.settings.file import SettingsFile
from tests.fixtures.random_model import make_random


def real_shape() -> Path:
    """Half a billion random parameters in Qwen2's shape, Q8_0, about 0.5 GB."""
    path = Path(platformdirs.user_cache_dir("hearth"), "bench", "random-0.5b-Q8_0.gguf")
    if not path.exists():
        print(f"Making a model of real shape (0.5 GB) in {path.parent} …", flush=True)
        unfinished = path.with_suffix(".part")
        make_random(unfinished)
        unfinished.replace(path)
    return path


def planned(path: Path, profile_folder: Path) -> LoadSettings:
    """The settings that Hearth itself would load `path` with on this machine."""
    profile = open_profile(profile_folder)
    planning = Planning(profile, SettingsFile(profile.settings))
    return planning.plan_file(path).settings(path)
