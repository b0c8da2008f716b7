"""A lock on an open file, which the system gives back when its process ends. Standard library."""

from __future__ import annotations

import os
import sys


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
