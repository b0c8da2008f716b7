"""Puts the settings from before an upgrade in the place of those that a newer Hearth wrote.

Any thread that may wait for a disk. Knows the file's form alone, and no option.
"""

from __future__ import annotations

from pathlib import Path

from app.foundation.atomic import write_atomically
from app.foundation.paths import storage_error, unused
from app.settings.file import schema_of


def copy_from_before(path: Path, schema: int) -> Path | None:
    """The newest copy of the settings at `path` that a Hearth of form `schema` can read.

    Raises OSError.
    """
    found = [
        (form, copy.stat().st_mtime_ns, copy)
        for copy in path.parent.glob(f"{path.stem}-schema-*.json")
        if (form := schema_of(copy)) is not None and form <= schema
    ]
    return max(found)[2] if found else None


def go_back(path: Path, copy: Path) -> Path:
    """Have the settings be what `copy` is; where the newer ones are kept. Raises StorageError."""
    kept = unused(path.with_name(f"{path.stem}-from-newer.json"))
    try:
        content = copy.read_bytes()
        write_atomically(kept, path.read_bytes())
        write_atomically(path, content)
    except OSError as error:
        raise storage_error(error, path) from error
    return kept
