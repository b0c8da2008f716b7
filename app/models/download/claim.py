"""The right to write one download's partial files, or one list of several processes, held by one
thread of one process at a time.

The system gives it back when a process ends, however it ends. Any thread.
"""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from app.foundation.locks import lock

_POLL_S: Final = 0.01


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


@contextlib.contextmanager
def alone(path: Path, wait_s: float) -> Iterator[None]:
    """No other process is in here with the same `path`; after `wait_s` it is done all the same.
    Raises OSError where no file can be made there."""
    end_s = time.monotonic() + wait_s
    claim = Claim.take(path)
    while claim is None and time.monotonic() < end_s:
        time.sleep(_POLL_S)
        claim = Claim.take(path)
    try:
        yield
    finally:
        if claim is not None:
            claim.release()
