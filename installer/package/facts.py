"""What the bundle says of itself, in build.json: version, commit, day, and what is inside.

The same commit gives the same facts: the day is the commit's, or that of SOURCE_DATE_EPOCH.
"""

from __future__ import annotations

import json
import os
import platform
import re
import subprocess
import sys
import time
from importlib import metadata
from pathlib import Path
from typing import Any

FILE = "build.json"


def of(root: Path, runtime: Path) -> dict[str, Any]:
    """The facts of a bundle that is made now from this checkout with this runtime."""
    manifest = json.loads((runtime / "manifest.json").read_text("utf-8"))
    return {
        "version": version(root),
        "commit": commit(root),
        "built_at": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(epoch(root))),
        "system": manifest["system"],
        "machine": manifest["machine"],
        "python": sys.version.split()[0],
        "qt": metadata.version("PySide6-Essentials"),
        "llama_cpp": metadata.version("llama-cpp-python"),
        "runtime": manifest["key"],
        "runtime_variants": manifest["variants"],
        "runtime_gpu_modules": manifest["gpu_modules"],
        "packed_with": f"PyInstaller {metadata.version('pyinstaller')}, {platform.platform()}",
    }


def version(root: Path) -> str:
    """Hearth's version, as pyproject.toml has it."""
    found = re.search(r'^version = "([^"]+)"', (root / "pyproject.toml").read_text("utf-8"), re.M)
    if found is None:
        raise LookupError("pyproject.toml names no version")
    return found[1]


def commit(root: Path) -> str:
    """The commit that is packed; with a plus where files were changed since. Empty without git."""
    head = _git(root, "rev-parse", "HEAD")
    changed = _git(root, "status", "--porcelain", "--untracked-files=no", "--", "app", "resources")
    return f"{head}+" if head and changed else head


def epoch(root: Path) -> int:
    """When the bundle says that it was made, in seconds since 1970."""
    if wished := os.environ.get("SOURCE_DATE_EPOCH"):
        return int(wished)
    return int(_git(root, "log", "-1", "--format=%ct") or time.time())


def _git(root: Path, *words: str) -> str:
    try:
        done = subprocess.run(
            ["git", *words], cwd=root, capture_output=True, text=True, check=False
        )
    except OSError:
        return ""
    return done.stdout.strip() if done.returncode == 0 else ""
