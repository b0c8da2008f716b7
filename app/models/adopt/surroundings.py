"""Where programs put things on this system: home, environment, and the folders that follow.

Plain data: a test hands in another computer's. Reads nothing but the environment.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

System = Literal["linux", "windows", "macos"]


@dataclass(frozen=True, slots=True)
class Surroundings:
    """One person's computer, as far as the places of programs depend on it."""

    home: Path
    system: System = "linux"
    environment: Mapping[str, str] = field(default_factory=dict)

    def named(self, variable: str) -> Path | None:
        """The folder that an environment variable names; None where it is not set, or not to a
        whole path: what it would mean depends on where a program was started."""
        text = self.environment.get(variable, "").strip().strip("\"'")
        if not text or "\0" in text:
            return None
        path = self.home if text == "~" else Path(text)
        if text.startswith(("~/", "~\\")):
            path = self.home / text[2:]
        return path if path.is_absolute() else None

    @property
    def data(self) -> Path:
        """$XDG_DATA_HOME, %APPDATA% (roaming), or ~/Library/Application Support."""
        if self.system == "windows":
            return self.named("APPDATA") or self.home / "AppData" / "Roaming"
        if self.system == "macos":
            return self.home / "Library" / "Application Support"
        return self.named("XDG_DATA_HOME") or self.home / ".local" / "share"

    @property
    def local_data(self) -> Path:
        """The same where what is large, or of this computer only, belongs: %LOCALAPPDATA%."""
        if self.system == "windows":
            return self.named("LOCALAPPDATA") or self.home / "AppData" / "Local"
        return self.data

    @property
    def config(self) -> Path:
        """$XDG_CONFIG_HOME or ~/.config; %APPDATA% on Windows."""
        if self.system == "windows":
            return self.data
        return self.named("XDG_CONFIG_HOME") or self.home / ".config"

    @property
    def cache(self) -> Path:
        """$XDG_CACHE_HOME or ~/.cache, ~/Library/Caches, %LOCALAPPDATA%."""
        if self.system == "windows":
            return self.local_data
        if self.system == "macos":
            return self.home / "Library" / "Caches"
        return self.named("XDG_CACHE_HOME") or self.home / ".cache"


def here() -> Surroundings:
    """This computer, for the person who runs Hearth."""
    system: System = "linux"
    if sys.platform == "win32":
        system = "windows"
    elif sys.platform == "darwin":
        system = "macos"
    try:
        home = Path.home()
    except RuntimeError:
        home = Path(os.sep)
    return Surroundings(home, system, dict(os.environ))
