"""Models as people call them, and those opened lately. Any thread; no widget."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QCoreApplication

from app.gui.safe_text import one_line
from app.protocol.model_ref import ModelRef

if TYPE_CHECKING:
    from app.models.library.library import Library

RECENT_FILE = "recent_models.json"
NAMES_FILE = "model_names.json"
MAX_RECENT = 6
Names = dict[str, tuple[str, str]]
"""What the library calls the files opened lately, and their quants, by path."""
_PARTS = re.compile(r"-\d{5}-of-\d{5}$")


def display_name(ref: ModelRef) -> str:
    """The built-in model by its name, a file without its folder and ending."""
    if ref.is_built_in:
        return QCoreApplication.translate("Models", "Guide")
    stem = Path(ref.name).name
    stem = stem[: -len(".gguf")] if stem.lower().endswith(".gguf") else stem
    return one_line(_PARTS.sub("", stem), 60) or ref.name


def fit_words(fits: str, *, is_slow: bool = False) -> str:
    """How well a model fits, in words."""
    translate = QCoreApplication.translate
    if fits == "well" and is_slow:
        return translate("Models", "fits well, writes slowly")
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
    _write(path, names)
    return names


def _write(path: Path, found: object) -> None:
    part = path.with_name(path.name + ".part")
    try:
        part.write_text(json.dumps(found, ensure_ascii=False), encoding="utf-8")
        part.replace(path)
    except OSError:
        part.unlink(missing_ok=True)


def read_names(path: Path) -> Names:
    """What the library said of files at earlier starts. Touches the disk."""
    try:
        stored = json.loads(path.read_text(encoding="utf-8"))
        pairs = {str(at): (str(name), str(quant)) for at, (name, quant) in stored.items()}
    except (OSError, ValueError, TypeError, AttributeError):
        return {}
    return dict(list(pairs.items())[: MAX_RECENT + 1])


def asked_names(
    path: Path, library: Callable[[], Library], wanted: Iterable[str], known: Names
) -> Names:
    """Ask the library what it calls these files, and keep it for the next start. A store of
    another program may name its files by their checksums. Looks at disks: may take seconds."""
    here, models = library(), {}
    for look in (here.shelf, here.look):  # the last look may be older than the file
        models = {str(at): kept for kept in look().models for at in (kept.path, *kept.also_at)}
        if all(name in models for name in wanted):
            break
    names = {at: known[at] for at in wanted if at in known}
    names |= {at: (models[at].name, models[at].quant) for at in wanted if at in models}
    if names != known:
        _write(path, names)
    return names
