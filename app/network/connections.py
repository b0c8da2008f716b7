"""The record of every connection: when, to whom, what for, how much, and how it ended.

A line is on disk before anything is sent, so that a killed process hides nothing. Any thread;
several processes may write the same file. Bounded: the oldest lines go, and their number stays.
"""

from __future__ import annotations

import contextlib
import errno
import json
import os
import threading
import uuid
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from app.foundation.errors import StorageError
from app.foundation.locks import alone
from app.foundation.paths import storage_error

MOST_BYTES: Final = 4 * 1024 * 1024
"""Some twenty thousand connections. Beyond it the older half is dropped."""
_FIRST_BYTES: Final = 64
"""Holds the whole first line where that says how many were dropped."""
_LOCK_WAIT_S: Final = 5.0
CUT_OFF: Final = "cut off"
"""The outcome of a connection whose end nobody could write down."""


@dataclass(frozen=True, slots=True)
class Connection:
    """One request. Bytes count heads and bodies, not what TLS adds. `at` is UTC, ISO 8601."""

    at: str
    host: str
    purpose: str
    sent_bytes: int
    received_bytes: int
    outcome: str


class Connections:
    """The record in one file of a profile."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = threading.Lock()

    def begin(self, host: str, purpose: str) -> Open:
        """Note that a connection is about to be made. Raises StorageError where that fails: what
        cannot be recorded is not done."""
        number = uuid.uuid4().hex[:12]
        at = datetime.now(UTC).isoformat(timespec="milliseconds")
        self._append({"id": number, "at": at, "host": host, "purpose": purpose})
        return Open(self, number)

    def all(self) -> tuple[Connection, ...]:
        """Every connection that is still recorded, oldest first. Damaged lines are left out.

        Raises StorageError where there is a record that cannot be read: that is not an empty one.
        """
        try:
            begun, ends = self._read()
        except OSError as error:
            raise _unreadable(error, self._path) from error
        found = []
        for number, fields in begun.items():
            end = ends.get(number, {})
            found.append(
                Connection(
                    at=str(fields.get("at", "")),
                    host=str(fields.get("host", "")),
                    purpose=str(fields.get("purpose", "")),
                    sent_bytes=_count(end.get("sent_bytes")),
                    received_bytes=_count(end.get("received_bytes")),
                    outcome=str(end.get("outcome", CUT_OFF)),
                )
            )
        return tuple(found)

    def n_dropped(self) -> int:
        """How many older connections are no longer listed."""
        try:
            first = self._lines(_FIRST_BYTES)[:1]
        except OSError as error:
            raise _unreadable(error, self._path) from error
        return next((_count(line.get("dropped")) for line in first), 0)

    def _append(self, fields: dict[str, Any]) -> None:
        # A line of its own even after one that a full disk or a killed process cut off.
        line = b"\n" + json.dumps(fields, ensure_ascii=True).encode("ascii") + b"\n"
        with self._lock:
            try:
                with alone(self._path.with_suffix(".lock"), _LOCK_WAIT_S) as is_alone:
                    if self._write(line) > MOST_BYTES and is_alone:
                        with contextlib.suppress(OSError):
                            self._shorten()
            except OSError as error:
                raise storage_error(error, self._path) from error

    def _write(self, line: bytes) -> int:
        """How long the file is now."""
        flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | getattr(os, "O_BINARY", 0)
        descriptor = os.open(self._path, flags, 0o600)
        try:
            if os.write(descriptor, line) < len(line):
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            return os.fstat(descriptor).st_size
        finally:
            os.close(descriptor)

    def _shorten(self) -> None:
        """Keep the newer half. Hold the lock over all processes: what another one wrote meanwhile
        would be gone."""
        lines = self._lines()
        dropped = sum(_count(line.get("dropped")) for line in lines)
        kept, size = len(lines), 0
        while kept and size < MOST_BYTES // 2:
            kept -= 1
            size += len(json.dumps(lines[kept])) + 1
        dropped += sum("host" in line for line in lines[:kept])
        text = "".join(json.dumps(line) + "\n" for line in ({"dropped": dropped}, *lines[kept:]))
        temporary = self._path.with_name(f"{self._path.name}.{os.getpid()}")
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "w", encoding="ascii") as file:
            file.write(text)
        temporary.replace(self._path)

    def _read(self) -> tuple[dict[str, dict[str, Any]], dict[str, dict[str, Any]]]:
        begun: dict[str, dict[str, Any]] = {}
        ends: dict[str, dict[str, Any]] = {}
        for line in self._lines():
            number = line.get("id")
            if isinstance(number, str):
                (begun if "host" in line else ends)[number] = line
        return begun, ends

    def _lines(self, most_bytes: int = 2 * MOST_BYTES) -> list[dict[str, Any]]:
        try:
            with self._path.open("rb") as file:
                raw = file.read(most_bytes)
        except FileNotFoundError:
            return []
        found = []
        for line in raw.splitlines():
            with contextlib.suppress(ValueError, RecursionError):
                fields = json.loads(line)
                if isinstance(fields, dict):
                    found.append(fields)
        return found


class Open:
    """A connection under way. `end` writes how it ended, once."""

    def __init__(self, connections: Connections, number: str) -> None:
        self._connections = connections
        self._number = number
        self.sent_bytes = 0
        self.received_bytes = 0

    def end(self, outcome: str) -> None:
        """Never raises: the beginning is on disk, and that is what must not be missing."""
        fields = {
            "id": self._number,
            "sent_bytes": self.sent_bytes,
            "received_bytes": self.received_bytes,
            "outcome": outcome[:200],
        }
        with contextlib.suppress(Exception):
            self._connections._append(fields)


def _unreadable(error: OSError, path: Path) -> StorageError:
    return StorageError(
        "The record of connections cannot be read.",
        f"The system said “{error.strerror or error}” about “{path}”.",
        "Make the file readable for yourself; what it holds is not changed.",
    )


def _count(value: object) -> int:
    return value if type(value) is int and value >= 0 else 0
