"""Models as people call them, and those opened lately. Any thread; no widget."""

from __future__ import annotations

import json
import re
from pathlib import Path

from PySide6.QtCore import QCoreApplication

from app.gui.safe_text import one_line
from app.protocol.model_ref import ModelRef

RECENT_FILE = "recent_models.json"
MAX_RECENT = 6
_PARTS = re.compile(r"-\d{5}-of-\d{5}$")


def display_name(ref: ModelRef) -> str:
    """The built-in model by its name, a file without its folder and ending."""
    if ref.is_built_in:
        return QCoreApplication.translate("Models", "Guide")
    stem = Path(ref.name).name
    stem = stem[: -len(".gguf")] if stem.lower().endswith(".gguf") else stem
    return one_line(_PARTS.sub("", stem), 60) or ref.name


def fit_words(fits: str) -> str:
    """How well a model fits, in words."""
    translate = QCoreApplication.translate
    return {
        "well": translate("Models", "fits well"),
        "tight": translate("Models", "fits, with little to spare"),
        "no": translate("Models", "does not fit"),
    }.get(fits, "")


def read_recent(path: Path) -> list[str]:
    """Paths opened lately that still exist, the latest first. Touches the disk."""
    try:
        stored = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return []
    names = stored if isinstance(stored, list) else []
    return [name for name in names if isinstance(name, str) and Path(name).is_file()][:MAX_RECENT]


def remember(path: Path, name: str) -> list[str]:
    """Put `name` first among those opened lately. Touches the disk; failing is no matter."""
    names = [name, *(each for each in read_recent(path) if each != name)][:MAX_RECENT]
    part = path.with_name(path.name + ".part")
    try:
        part.write_text(json.dumps(names, ensure_ascii=False), encoding="utf-8")
        part.replace(path)
    except OSError:
        part.unlink(missing_ok=True)
    return names
