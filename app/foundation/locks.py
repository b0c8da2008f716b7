"""Locks on open files, which the system gives back when their process ends. Standard library."""

from __future__ import annotations

import contextlib
import os
import sys
import time
from collections.abc import Iterator
from pathlib import Path


def lock(descriptor: int) -> bool:
    """Take it; False where another one has it. Also True where the file system knows no locks."""
    try:
        if sys.platform == "win32":
            import msvcrt

            msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
        else:
            import fcntl

            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except (BlockingIOError, PermissionError):
        return False
    except OSError:
        return os.name == "posix"
    return True


def hold(folder: Path) -> int | None:
    """Hold a folder, beside others who do, for as long as the descriptor is open; None where that
    cannot be. On Windows nothing is needed: a program that runs holds its own files."""
    if sys.platform == "win32":
        return None
    import fcntl

    descriptor = _opened(folder)
    if descriptor is None:
        return None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except OSError:
        os.close(descriptor)
        return None
    return descriptor


def is_held(folder: Path) -> bool:
    """Whether somebody holds it by `hold`."""
    if sys.platform == "win32":
        return False
    descriptor = _opened(folder)
    if descriptor is None:
        return False
    try:
        return not lock(descriptor)
    finally:
        os.close(descriptor)


def _opened(folder: Path) -> int | None:
    try:
        return os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    except OSError:
        return None


@contextlib.contextmanager
def alone(path: Path, wait_s: float) -> Iterator[bool]:
    """Nobody else is in here with the same `path`, a file that is made for that and stays.

    After `wait_s` it is done all the same, with False: who holds it may be stopped. Raises OSError
    where the file cannot be made.
    """
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | getattr(os, "O_NOFOLLOW", 0), 0o600)
    try:
        end_s = time.monotonic() + wait_s
        is_ours = lock(descriptor)
        while not is_ours and time.monotonic() < end_s:
            time.sleep(0.001)
            is_ours = lock(descriptor)
        yield is_ours
    finally:
        os.close(descriptor)
