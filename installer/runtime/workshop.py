"""What the recipe borrows from dev.py, and where it keeps what it made. Standard library only."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn


@dataclass(frozen=True)
class Workshop:
    """`follow` runs a command, shows how far it is and keeps its log; `stop` makes the error that
    dev.py prints as a sentence."""

    root: Path
    python: Path
    follow: Callable[[list[str], Path, dict[str, str]], int]
    install_packages: Callable[[list[str]], bool]
    need_compiler: Callable[[], None]
    stop: Callable[[str], Exception]

    def refuse(self, text: str) -> NoReturn:
        raise self.stop(text)

    def run(self, command: list[str], log: Path, environment: dict[str, str], doing: str) -> None:
        """One step of a build. Stops with the end of its log when it fails."""
        if self.follow(command, log, {**os.environ, **environment}):
            tail = "".join(log.read_text("utf-8", "replace").splitlines(keepends=True)[-25:])
            self.refuse(f"{tail[-4000:]}\n{doing} failed. The whole log is {log}.")


def cache_folder() -> Path:
    """Where built runtimes are kept, as `platformdirs` would name it."""
    if sys.platform == "win32":
        base = Path(os.environ.get("LOCALAPPDATA") or Path.home() / "AppData" / "Local")
        return base / "hearth" / "Cache" / "runtime"
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Caches" / "hearth" / "runtime"
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "hearth" / "runtime"


def locked_distribution(lock_text: str) -> tuple[str, str]:
    """Version and SHA-256 of the one source distribution that everything is built from."""
    found = re.search(r"^llama-cpp-python==(\S+)[^\n]*\\\n\s+--hash=sha256:(\w+)", lock_text, re.M)
    if found is None:
        raise LookupError("requirements.lock does not pin llama-cpp-python with a hash")
    return found[1], found[2]


def first_number(text: str) -> tuple[int, ...]:
    """The first dotted number in a text, for comparing; () if there is none."""
    found = re.search(r"\d+(?:\.\d+)+", text)
    return tuple(map(int, found[0].split("."))) if found else ()


def first_of(folder: Path, patterns: Sequence[str]) -> Path | None:
    """The first file below `folder` that fits one of the patterns."""
    return next((path for pattern in patterns for path in sorted(folder.glob(pattern))), None)
