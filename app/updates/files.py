"""The folder of versions: made, locked, tidied, and what the disk says about it in sentences.

Any thread but the window's.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

from app.foundation.atomic import sync_folder
from app.foundation.errors import (
    NotPossibleHere,
    StorageError,
    StorageFull,
    StorageReadOnly,
    UpdateRefused,
)
from app.foundation.locks import is_held
from app.foundation.paths import FULL, REFUSED
from app.foundation.units import bytes_text
from app.foundation.versions import is_ours
from app.models.download.claim import Claim

SPARE_BYTES: Final = 200_000_000
"""Left free for chats while a version is unpacked."""
_HELD_TRIES: Final = 20
_HELD_PAUSE_S: Final = 0.25
_GONE: Final = ".gone-"


def make_folder(folder: Path) -> None:
    """The folder, for this user alone: a program in it runs in their name. Raises StorageError."""
    try:
        for each in (folder, folder / "versions", folder / "runtimes"):
            each.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise storage_error(error, folder) from error


@contextlib.contextmanager
def alone(folder: Path) -> Iterator[None]:
    """No other Hearth installs anything within. Raises UpdateRefused where one does, and
    StorageError."""
    make_folder(folder)
    try:
        claim = Claim.take(folder / ".lock")
    except OSError as error:
        raise storage_error(error, folder) from error
    if claim is None:
        raise UpdateRefused(
            "Another Hearth is installing something.",
            "Only one can do that at a time.",
            "Try again when it is done.",
        )
    try:
        yield
    finally:
        claim.release()


def check_room(folder: Path, wanted_bytes: int) -> None:
    """Raises StorageFull, which says how much is missing, and StorageError."""
    try:
        free = shutil.disk_usage(folder).free
    except OSError as error:
        raise storage_error(error, folder) from error
    missing = wanted_bytes + SPARE_BYTES - free
    if missing > 0:
        raise StorageFull(
            "There is not enough room for the new version.",
            f"{bytes_text(missing)} more are needed in “{folder}”.",
            "Free some space and try again; the version you have goes on working.",
        )


def put_in_place(made: Path, home: Path, pause: Callable[[float], object] = time.sleep) -> None:
    """Rename a finished folder to its name, which nothing has. Raises UpdateRefused where another
    program does not let go of it, and OSError."""
    for attempt in range(_HELD_TRIES):
        try:
            os.rename(made, home)
            break
        except PermissionError as error:
            # A virus scanner may be reading what has just been written.
            if attempt == _HELD_TRIES - 1:
                raise held(home, error) from error
            pause(_HELD_PAUSE_S)
    sync_folder(home.parent)


def held(path: Path, error: OSError) -> UpdateRefused:
    """Another program has its hand on a file of ours."""
    return UpdateRefused(
        "The new version could not be put in its place.",
        f"The system said “{error.strerror or error}” about “{path}”; another program, such as a "
        "virus scanner, may be using it.",
        "Nothing was changed. Try again in a while.",
    )


def remove(path: Path) -> None:
    """Away with a folder or a file; what cannot be removed stays, and takes room."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
    else:
        with contextlib.suppress(OSError):
            path.unlink()


def remove_unused(home: Path) -> bool:
    """Away with the folder of a version, which loses its name first. False where it runs, or where
    another program holds it; then it stays whole."""
    gone = home.with_name(f"{_GONE}{home.name}")
    if home.is_dir():
        if is_held(home):
            return False
        remove(gone)
        try:
            home.rename(gone)
        except OSError:
            return False
    remove(gone)
    return not home.exists()


def remove_leftovers(folder: Path) -> None:
    """What lost its name and could not be removed then."""
    for gone in folder.glob(f"{_GONE}*"):
        remove(gone)


def check_ours(folder: Path) -> None:
    """Raises NotPossibleHere where others could put a program there: what is installed in such a
    folder is never started."""
    for each in (folder, folder / "versions", folder / "runtimes"):
        if each.exists() and not is_ours(each):
            raise NotPossibleHere(
                "Hearth cannot be updated by itself here.",
                f"“{each}” belongs to somebody else, or others may write to it; a program in it is "
                "never started.",
                "Start Hearth as yourself and without sudo; or move that folder away.",
            )


def storage_error(error: OSError, folder: Path) -> StorageError:
    """The sentence for what the system says about the folder of versions."""
    stays = "Nothing was changed; the version you have goes on working."
    if error.errno in FULL:
        return StorageFull(
            "The disk is full.",
            f"The new version does not fit into “{folder}”.",
            f"Free some space and try again. {stays}",
        )
    if error.errno in REFUSED:
        return StorageReadOnly(
            "Hearth may not keep newer versions here.",
            f"The system refused to write into “{folder}”.",
            f"Make it writable. {stays}",
        )
    return StorageError(
        "The folder of newer versions cannot be used.",
        f"The system said “{error.strerror or error}” about “{folder}”.",
        f"Check the disk. {stays}",
    )
