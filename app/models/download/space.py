"""Room on the disk, and what the disk says when it refuses, in words about the models folder.

Any thread but the window's. Asks the system; writes nothing.
"""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Final

from app.foundation.errors import StorageError, StorageFull, StorageReadOnly
from app.foundation.paths import FULL, REFUSED
from app.foundation.units import bytes_text

SPARE_BYTES: Final = 1_000_000_000
"""Left free for chats and the rest of the computer; of a smaller model only as much as it has."""
ANOTHER_FOLDER: Final = "choose another folder in the settings, under Models and downloads."


class FolderGone(StorageError):
    """The folder was there and is not: its disk was taken away, or it was moved."""


def check_room(folder: Path, wanted_bytes: int, spare_bytes: int) -> None:
    """Raises StorageFull, which says how much is missing, and OSError."""
    free = shutil.disk_usage(folder).free
    missing = wanted_bytes + spare_bytes - free
    if wanted_bytes > 0 and missing > 0:
        raise full(folder, wanted_bytes, missing, spare_bytes)


def full(folder: Path, wanted_bytes: int, missing_bytes: int, spare_bytes: int = 0) -> StorageFull:
    """What is missing, in words."""
    spare = f", and {bytes_text(spare_bytes)} stay free for the rest" if spare_bytes else ""
    return StorageFull(
        f"{bytes_text(max(1, missing_bytes))} more of disk space are needed.",
        f"{bytes_text(max(1, wanted_bytes))} are still to come into “{folder}”{spare}.",
        "Free some space and resume; what is here is kept. Or choose a folder on another disk.",
    )


def spare_for(total_bytes: int, spare_bytes: int) -> int:
    """How much must stay free beside a download of this size."""
    return min(total_bytes, spare_bytes)


def make_folder(folder: Path, *, was_there: bool) -> None:
    """See that the models folder is there. Only its last name is made: what lies above may be a
    disk that is not connected. Raises FolderGone, StorageError and kin."""
    try:
        if folder.is_dir():
            return
        if was_there or not folder.parent.is_dir():
            raise _gone(folder)
        folder.mkdir(exist_ok=True)
    except OSError as error:
        raise refusal(error, folder) from error


def refusal(error: OSError, folder: Path, *, wanted_bytes: int = 0) -> StorageError:
    """The sentence for an error of the system about the models folder."""
    if error.errno in FULL:
        return full(folder, wanted_bytes, wanted_bytes - _free(folder))
    if error.errno in REFUSED:
        return StorageReadOnly(
            "Hearth may not write to the models folder.",
            f"The system refused to write into “{folder}”.",
            f"Make it writable, or {ANOTHER_FOLDER}",
        )
    if not folder.exists():
        return _gone(folder)
    return StorageError(
        "The models folder cannot be used.",
        f"The system said “{error.strerror or error}” about “{folder}”.",
        f"Check the disk, or {ANOTHER_FOLDER}",
    )


def _gone(folder: Path) -> FolderGone:
    return FolderGone(
        "The models folder is not there now.",
        f"“{folder}” cannot be found; is its disk connected?",
        f"Connect the disk, or {ANOTHER_FOLDER}",
    )


def _free(folder: Path) -> int:
    try:
        return shutil.disk_usage(folder).free
    except OSError:
        return 0
