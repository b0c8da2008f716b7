"""Reads and copies whole files: hashed on the way, checked afterwards, never over another file.

Any thread but the window's. What is copied appears under its name only once it is whole and safe.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import os
import shutil
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Final

from app.foundation.atomic import keep_names
from app.foundation.cancellation import Cancellation
from app.foundation.errors import ModelNotFound, StorageError, StorageFull, StorageReadOnly
from app.foundation.paths import FULL, REFUSED
from app.foundation.units import MIB, bytes_text

Progress = Callable[[int, int], None]
"""Bytes done, and bytes in all."""
SPARE_BYTES: Final = 256 * MIB
"""What a copy leaves free: chats are to be saved as well."""
_BLOCK_BYTES: Final = 4 * MIB
_LONGEST_NAME_BYTES: Final = 255


class Stopped(Exception):
    """What was under way was cancelled."""


class Steps:
    """Counts bytes over several files, tells of them, and stops when cancelled."""

    def __init__(
        self,
        total_bytes: int,
        cancellation: Cancellation | None = None,
        progress: Progress | None = None,
    ) -> None:
        self._total = total_bytes
        self._done = 0
        self._cancellation = cancellation
        self._progress = progress

    def add(self, n_bytes: int) -> None:
        """Raises Stopped."""
        if self._cancellation is not None and self._cancellation.is_set:
            raise Stopped
        self._done += n_bytes
        if self._progress is not None:
            self._progress(min(self._done, self._total), self._total)


def sha256_of(path: Path, steps: Steps) -> str:
    """The SHA-256 of a file. Raises OSError or Stopped."""
    digest = hashlib.sha256()
    steps.add(0)
    if not stat.S_ISREG(path.stat().st_mode):
        raise OSError(errno.EINVAL, "it is no ordinary file", str(path))
    with path.open("rb") as file:
        while block := file.read(_BLOCK_BYTES):
            digest.update(block)
            steps.add(len(block))
    return digest.hexdigest()


def copied(source: Path, target: Path, steps: Steps) -> str:
    """Copy a file, read the copy again, and give it its name; returns the SHA-256.

    Each byte counts twice in `steps`. `target` must not be there. Raises OSError, Stopped, or
    StorageError where the disk brought back something else than was written.
    """
    part = part_of(target)
    try:
        part.unlink(missing_ok=True)
        written = _written(source, part, steps)
        if sha256_of(part, steps) != written:
            raise StorageError(
                "The disk did not keep what was written to it.",
                f"{target.name} came back changed from {target.parent}.",
                "Check the disk; the original is as it was.",
            )
        shutil.copystat(source, part)
        if target.exists():
            raise FileExistsError(errno.EEXIST, "it is there already", str(target))
        part.rename(target)
        keep_names(target.parent)
    except BaseException:
        with contextlib.suppress(OSError):
            part.unlink(missing_ok=True)
        raise
    return written


def part_of(target: Path) -> Path:
    """Where a copy is until it is whole; one that was killed leaves it behind."""
    name = f".{target.name}.part"
    if len(os.fsencode(name)) > _LONGEST_NAME_BYTES:
        name = f".{hashlib.sha256(os.fsencode(target.name)).hexdigest()}.part"
    return target.with_name(name)


def _written(source: Path, part: Path, steps: Steps) -> str:
    digest = hashlib.sha256()
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0)
    with source.open("rb") as file, open(os.open(part, flags, 0o600), "wb") as out:
        while block := file.read(_BLOCK_BYTES):
            out.write(block)
            digest.update(block)
            steps.add(len(block))
        out.flush()
        os.fsync(out.fileno())
    return digest.hexdigest()


def resolved(path: Path) -> Path:
    """Without links, as far as that can be told."""
    try:
        return path.resolve()
    except (OSError, RuntimeError):
        return path


def check_space(folder: Path, n_bytes: int) -> None:
    """Raises StorageFull where `n_bytes` more would leave too little."""
    free = free_bytes(folder)
    if free is not None and n_bytes and free < n_bytes + SPARE_BYTES:
        raise StorageFull(
            "There is not enough space on the disk.",
            f"{bytes_text(n_bytes)} are to go to {folder}, and {bytes_text(free)} are free there; "
            f"{bytes_text(SPARE_BYTES)} of these are left for everything else.",
            "Free some space, or choose another disk.",
        )


def free_bytes(folder: Path) -> int | None:
    """What is free where a folder is or would be made; None where that cannot be told."""
    for place in (folder, *folder.parents):
        try:
            return shutil.disk_usage(place).free
        except FileNotFoundError:
            continue
        except OSError:
            return None
    return None


def file_error(error: OSError, where: Path) -> StorageError | ModelNotFound:
    """The sentence for what the system said of a model file or its folder."""
    why = error.strerror or str(error)
    if isinstance(error, FileNotFoundError):
        return ModelNotFound(
            "The model file is not there any more.",
            f"Nothing was found at {where}.",
            "Connect its disk, or forget the model.",
        )
    if error.errno in FULL:
        return StorageFull(
            "The disk is full.",
            f"{where} could not be written.",
            "Free some space and try again; nothing that was there is lost.",
        )
    if error.errno in REFUSED:
        return StorageReadOnly(
            "The folder of the model may not be changed.",
            f"The system refused {where} ({why}).",
            "Make the folder writable, or choose another one.",
        )
    return StorageError(
        "The model file cannot be used.",
        f"The system said “{why}” about {where}.",
        "Check the disk and try again.",
    )
