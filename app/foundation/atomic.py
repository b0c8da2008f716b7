"""Files that are old or new after a crash, and never half. Any thread that may wait for a disk.

The standard library alone: it is imported before anything else.
"""

from __future__ import annotations

import contextlib
import os
from pathlib import Path


def write_atomically(path: Path, content: bytes) -> None:
    """Replace `path` by `content`, mode 0600: after a crash or power cut it is old or new, whole.

    Raises OSError and leaves `path` as it was.
    """
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        with open(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        part.replace(path)
    except OSError:
        with contextlib.suppress(OSError):
            part.unlink(missing_ok=True)
        raise
    sync_folder(path.parent)


def keep_names(folder: Path) -> None:
    """Ask the disk to keep the names in a folder; where that fails, what was renamed stands."""
    with contextlib.suppress(OSError):
        sync_folder(folder)


def sync_folder(folder: Path) -> None:
    """Ask the disk to keep the names in a folder, where the system can be asked. Raises OSError."""
    if os.name == "posix":
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
