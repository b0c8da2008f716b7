"""Every request that came, and what was sent for it."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Literal
from urllib.parse import parse_qs, unquote, urlsplit

Side = Literal["hub", "store", "stranger"]


@dataclass
class Asked:
    """One request. `headers` have small names; `first` is the first byte of the body that was
    sent for a file, `sent_bytes` how many of it went out."""

    side: Side
    method: str
    target: str
    headers: Mapping[str, str]
    status: int = 0
    first: int = 0
    sent_bytes: int = 0

    @property
    def host(self) -> str:
        return self.headers.get("host", "")

    @property
    def path(self) -> str:
        return unquote(urlsplit(self.target).path)

    @property
    def query(self) -> dict[str, list[str]]:
        return parse_qs(urlsplit(self.target).query, keep_blank_values=True)

    @property
    def token(self) -> str:
        return self.headers.get("authorization", "").removeprefix("Bearer ")


@dataclass
class Record:
    """All of them, in the order in which they came."""

    asked: list[Asked] = field(default_factory=list)
    connections: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def note(self, asked: Asked) -> None:
        with self._lock:
            self.asked.append(asked)

    def connected(self) -> None:
        with self._lock:
            self.connections += 1

    def clear(self) -> None:
        with self._lock:
            self.asked.clear()

    def at(self, side: Side) -> Iterator[Asked]:
        """The requests that one side got."""
        return iter([asked for asked in self.asked if asked.side == side])

    def sent_again_bytes(self) -> int:
        """Bytes of files that were sent more than once, by the file that was asked for."""
        spans: dict[str, list[tuple[int, int]]] = {}
        for asked in self.at("store"):
            if asked.sent_bytes and asked.method == "GET":
                spans.setdefault(asked.path, []).append(
                    (asked.first, asked.first + asked.sent_bytes)
                )
        return sum(_again(found) for found in spans.values())


def _again(spans: list[tuple[int, int]]) -> int:
    again, end = 0, 0
    for first, last in sorted(spans):
        again += max(0, min(last, end) - first)
        end = max(end, last)
    return again
