"""Which llama.cpp results hold for, told without opening it. Small files only."""

from __future__ import annotations

import hashlib
from pathlib import Path

from app.foundation.paths import native_runtime

_MANIFEST = "manifest.json"


def runtime_stamp() -> str:
    """One word that changes when the inference runtime does."""
    from importlib.metadata import PackageNotFoundError, version

    try:
        bindings = version("llama-cpp-python")
    except PackageNotFoundError:  # a bundle may come without the package's metadata
        from app import __version__

        bindings = f"of hearth {__version__}"
    folder = native_runtime()
    if folder is None:
        return f"llama-cpp-python {bindings}, built in"
    return f"llama-cpp-python {bindings}, runtime {_content(folder)}"


def _content(folder: Path) -> str:
    """The manifest says what was built; a folder without one is told by its files."""
    try:
        text = (folder / _MANIFEST).read_bytes()
    except OSError:
        names = sorted(path for path in folder.glob("lib/**/*") if path.is_file())
        stamps = [f"{p.name} {p.stat().st_size} {p.stat().st_mtime_ns}" for p in names]
        text = "\n".join(stamps).encode("utf-8")
    return hashlib.sha256(text).hexdigest()[:16]
