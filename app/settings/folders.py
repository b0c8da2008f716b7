"""Folders that the settings name, and where they are if the settings do not. Any thread."""

from __future__ import annotations

from pathlib import Path

from app.foundation.paths import Profile
from app.settings.file import SettingsFile
from app.settings.schema import DOWNLOADS_FOLDER


def models_folder(profile: Profile, settings: SettingsFile) -> Path:
    """Where Hearth keeps models of its own."""
    named = settings.get(DOWNLOADS_FOLDER)
    return Path(named) if named else profile.models
