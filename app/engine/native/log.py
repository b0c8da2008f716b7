"""llama.cpp's log, line by line: into Python logging and into a bounded buffer.

Lines arrive on whatever thread llama.cpp logs from. Keeps the last errors, so that a failed
load can say why, and the buffer sizes, which the C interface reports nowhere else.
"""

from __future__ import annotations

import logging
import re
import threading
from collections import deque

logger = logging.getLogger("app.llama")  # below "app", whose lines reach the log file

# enum ggml_log_level in ggml.h (the binding's own table has another order)
_DEBUG, _INFO, _WARN, _ERROR, _CONT = 1, 2, 3, 4, 5
# llama.cpp is talkative: its notes are our debug, its warnings our notes. Its debug lines, one a
# tensor and more, are dropped.
_OUR_LEVEL = {
    _INFO: logging.DEBUG,
    _WARN: logging.INFO,
    _ERROR: logging.WARNING,
}
_BUFFER_SIZE = re.compile(
    r"(\S+)\s+(model|KV|RS|compute|output) buffer size\s*=\s*([0-9.]+) MiB", re.ASCII
)
_MEMORY_KEY = {
    "model": "weights_bytes",
    "KV": "kv_bytes",
    "RS": "kv_bytes",
    "compute": "compute_bytes",
    "output": "output_bytes",
}
# Reserved again when the graph changes: the last figure of a device is the one that holds.
_REPLACED = ("compute", "output")
MAX_LINES = 400
MAX_LINE_CHARS = 2_000


class LogCapture:
    """The tail of llama.cpp's log. Thread-safe; never raises."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._lines: deque[tuple[int, str]] = deque(maxlen=MAX_LINES)
        self._buffers: dict[tuple[str, str], float] = {}
        self._partial = ""
        self._level = _INFO

    def write(self, level: int, text: str) -> None:
        """Take a piece of log; whole lines are kept and passed on."""
        done: list[tuple[int, str]] = []
        with self._lock:
            if level != _CONT:
                self._level = level
            if self._level == _DEBUG:
                return
            pieces = (self._partial + text).split("\n")
            self._partial = pieces.pop()[-MAX_LINE_CHARS:]
            for piece in pieces:
                if line := piece.rstrip()[:MAX_LINE_CHARS]:
                    done.append((self._level, line))
                    self._keep(self._level, line)
        for line_level, line in done:
            ours = _OUR_LEVEL.get(line_level, logging.DEBUG)
            if logger.isEnabledFor(ours):
                logger.log(ours, "%s", line)

    def clear(self) -> None:
        """Forget what was logged, before a step whose own lines are wanted."""
        with self._lock:
            self._lines.clear()
            self._buffers.clear()
            self._partial = ""

    def lines(self) -> list[str]:
        """The last lines."""
        with self._lock:
            return [line for _, line in self._lines]

    def errors(self, limit: int = 4) -> list[str]:
        """The last error lines, oldest first, without llama.cpp's function names."""
        with self._lock:
            found = [line for level, line in self._lines if level == _ERROR]
        return [re.sub(r"^\w+: ", "", line) for line in found[-limit:]]

    def memory(self) -> dict[str, int]:
        """Sum of the buffer sizes that were logged, in bytes, by kind; all devices together."""
        totals = dict.fromkeys(_MEMORY_KEY.values(), 0)
        with self._lock:
            for (_, kind), size_mib in self._buffers.items():
                totals[_MEMORY_KEY[kind]] += round(size_mib * 1024 * 1024)
        return totals

    def _keep(self, level: int, line: str) -> None:
        self._lines.append((level, line))
        if match := _BUFFER_SIZE.search(line):
            key, size_mib = (match[1], match[2]), float(match[3])
            if match[2] not in _REPLACED:
                size_mib += self._buffers.get(key, 0.0)
            self._buffers[key] = size_mib
