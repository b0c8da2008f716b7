"""Keeps the traceback of each bug in the profile's log folder. Any thread; knows no widget."""

from __future__ import annotations

import logging
import os
import threading
import time
from pathlib import Path

_log = logging.getLogger(__name__)
LIMIT_BYTES = 512 * 1024


class CrashLog:
    """Appends to one file, mode 0600; starts it anew beyond half a megabyte, keeping one old."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._lock = threading.Lock()

    def append(self, text: str, where: str = "") -> None:
        """Write one traceback. A disk that refuses must not become a second error."""
        _log.error("A bug%s:\n%s", f" in {where}" if where else "", text)
        stamp = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
        entry = f"=== {stamp} {where}\n{text.rstrip()}\n\n"
        with self._lock:
            try:
                if self.path.exists() and self.path.stat().st_size > LIMIT_BYTES:
                    self.path.replace(self.path.with_suffix(".old.txt"))
                flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND
                with open(os.open(self.path, flags, 0o600), "a", encoding="utf-8") as file:
                    file.write(entry)
            except OSError:
                _log.warning("The crash log could not be written.", exc_info=True)
