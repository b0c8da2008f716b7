"""The log file of a profile: rotated, private, and with secrets taken out.

Logs hold no prompt or answer text. Knows nothing of who shows them.
"""

from __future__ import annotations

import logging
import logging.handlers
import os
import re
import sys
from pathlib import Path
from typing import IO, Any

_FORMAT = "%(asctime)s %(levelname)-7s %(threadName)s %(name)s: %(message)s"
_MAX_BYTES = 1_000_000
_KEPT_FILES = 5

_SECRETS = re.compile(
    r"(?i)((?:authorization|api[-_]?key|x-api-key|token|password|secret)[\"']?\s*[:=]\s*"
    r"[\"']?(?:(?:bearer|basic|token)\s+)?)([^\s\"',;&]+)|\b(hf_[A-Za-z0-9]{8,}|sk-[A-Za-z0-9_-]{8,})"
)


def redacted(text: str) -> str:
    """`text` with anything that looks like a key or token replaced."""
    return _SECRETS.sub(lambda found: f"{found.group(1) or ''}[hidden]", text)


class _Redacting(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        return redacted(super().format(record))


class _PrivateFile(logging.handlers.RotatingFileHandler):
    """A rotating file that only its owner can read, and that never raises: a full disk
    must not end a chat."""

    def _open(self) -> IO[Any]:  # type: ignore[override]
        descriptor = os.open(self.baseFilename, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        return open(descriptor, self.mode, encoding="utf-8", errors="replace")

    def handleError(self, record: logging.LogRecord) -> None:
        """Drop the line."""


def start_logging(folder: Path, *, verbose: bool = False) -> None:
    """Send the `app` loggers to `hearth.log` in `folder`; with `verbose` to stderr as well."""
    logger = logging.getLogger("app")
    logger.setLevel(logging.DEBUG if verbose else logging.INFO)
    logger.propagate = False
    formatter = _Redacting(_FORMAT)
    handlers: list[logging.Handler] = [
        _PrivateFile(
            folder / "hearth.log", maxBytes=_MAX_BYTES, backupCount=_KEPT_FILES - 1, delay=True
        )
    ]
    if verbose:
        handlers.append(logging.StreamHandler(sys.stderr))
    for handler in handlers:
        handler.setFormatter(formatter)
        logger.addHandler(handler)


def stop_logging() -> None:
    """Close what `start_logging` opened."""
    logger = logging.getLogger("app")
    for handler in list(logger.handlers):
        logger.removeHandler(handler)
        handler.close()
    logger.setLevel(logging.NOTSET)
    logger.propagate = True
