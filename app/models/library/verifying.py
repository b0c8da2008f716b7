"""Whether files are what they should be: read whole, hashed, and held against what is known.

What is known: what the hub said at the download, the name of a blob, the catalogue, or else what
the file was when it was first read. Runs on the caller's thread, never the window's.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from app.foundation.errors import CatalogueInvalid
from app.models.library.index import Checked, Memory
from app.models.library.kept import Verified
from app.models.library.scan import OnDisk
from app.models.library.whole import Steps, file_error, sha256_of


def verified(files: Iterable[OnDisk], memory: Memory) -> Verified:
    """What is known of these files together, without reading them."""
    states = {_state_of(file, memory.checked.get(str(file.path))) for file in files}
    order: tuple[Verified, ...] = ("failed", "changed", "no", "yes")
    return next((state for state in order if state in states), "no")


def _state_of(file: OnDisk, checked: Checked | None) -> Verified:
    if checked is None:
        return "no"
    if (checked.bytes, checked.mtime_ns) != (file.bytes, file.mtime_ns):
        return "changed"
    return "yes" if checked.is_good else "failed"


def checked_now(path: Path, content: str, memory: Memory, steps: Steps) -> Checked:
    """Read one file whole. `content` is the SHA-256 that its place states, "" where it does not.

    Raises Stopped, and ModelNotFound or StorageError where it cannot be read to its end.
    """
    try:
        before = path.stat()
        sha256 = sha256_of(path, steps)
        after = path.stat()
    except OSError as error:
        raise file_error(error, path) from error
    origin = memory.origins.get(str(path))
    expected = (origin.sha256 if origin else "") or content
    expected = expected or _in_catalogue(path.name, before.st_size)
    is_same = (before.st_size, before.st_mtime_ns) == (after.st_size, after.st_mtime_ns)
    return Checked(
        after.st_size,
        # Written to meanwhile: whatever was read, the file is another one now.
        after.st_mtime_ns if is_same else before.st_mtime_ns,
        sha256,
        is_good=not expected or expected.lower() == sha256,
    )


def _in_catalogue(name: str, n_bytes: int) -> str:
    """The SHA-256 that the catalogue has for a file of this name and length."""
    from app.models.catalog import load, sha256_of

    try:
        return sha256_of(load(), name, n_bytes)
    except CatalogueInvalid:
        return ""
