"""The right to write one download's partial files, held by one thread of one process at a time.

The system gives it back when a process ends, however it ends. Any thread.
"""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

from app.foundation.locks import lock


class Claim:
    """Held from `take` to `release`."""

    def __init__(self, path: Path, descriptor: int) -> None:
        self._path = path
        self._descriptor = descriptor

    @classmethod
    def take(cls, path: Path) -> Claim | None:
        """None where somebody else holds it. Raises OSError where no file can be made."""
        for _ in range(8):
            flags = os.O_RDWR | os.O_CREAT | getattr(os, "O_NOFOLLOW", 0)
            descriptor = os.open(path, flags, 0o600)
            if not lock(descriptor):
                os.close(descriptor)
                return None
            with contextlib.suppress(OSError):
                if os.path.samestat(os.fstat(descriptor), path.stat()):
                    return cls(path, descriptor)
            # Whoever held it has just removed the file: the lock is on nothing.
            os.close(descriptor)
        return None

    def release(self, *, remove: bool = False) -> None:
        """Give it back, with `remove` for good."""
        if self._descriptor < 0:
            return
        if remove and os.name == "posix":
            with contextlib.suppress(OSError):
                self._path.unlink()
        os.close(self._descriptor)
        self._descriptor = -1
        if remove and os.name != "posix":
            with contextlib.suppress(OSError):
                self._path.unlink()
