"""An answer before it is sent: what faults change, and what the line writes."""

from __future__ import annotations

import json
from dataclasses import dataclass, field, replace
from typing import Any

from tests.hub.content import Content, Held

Headers = tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class Reply:
    """`n_bytes` of `content` from `first` on are the body. `said_bytes` is what Content-Length
    claims: None for what the body has, -1 for no such header."""

    status: int
    headers: Headers = ()
    content: Content = field(default_factory=lambda: Held(b""))
    first: int = 0
    n_bytes: int = 0
    said_bytes: int | None = None

    def with_header(self, name: str, value: str | None) -> Reply:
        """With that header in place of one of its name; None takes it away."""
        kept = tuple(pair for pair in self.headers if pair[0].lower() != name.lower())
        return replace(self, headers=kept if value is None else (*kept, (name, value)))

    def header(self, name: str) -> str:
        return next((value for key, value in self.headers if key.lower() == name.lower()), "")


def text(status: int, body: bytes, kind: str, *headers: tuple[str, str]) -> Reply:
    return Reply(status, (("Content-Type", kind), *headers), Held(body), 0, len(body))


def data(value: Any, *headers: tuple[str, str], status: int = 200) -> Reply:
    """JSON."""
    body = json.dumps(value).encode()
    return text(status, body, "application/json; charset=utf-8", *headers)


def refusal(status: int, message: str, code: str = "") -> Reply:
    """As the hub says no: in headers, and in JSON."""
    headers = [("X-Error-Message", message)] + ([("X-Error-Code", code)] if code else [])
    return data({"error": message}, *headers, status=status)


def part_of(content: Content, asked: str, *headers: tuple[str, str]) -> Reply:
    """The range that `asked` (a Range header, or "") means: 200, 206 or 416."""
    total = content.bytes
    common = (*headers, ("Accept-Ranges", "bytes"), ("Content-Type", "application/octet-stream"))
    if not asked.startswith("bytes=") or "," in asked:
        return Reply(200, common, content, 0, total)
    begin, _, end = asked.removeprefix("bytes=").partition("-")
    first = int(begin) if begin else max(0, total - int(end))
    last = min(int(end), total - 1) if begin and end else total - 1
    if first > last or first >= total:
        return Reply(416, (*common, ("Content-Range", f"bytes */{total}")))
    where = ("Content-Range", f"bytes {first}-{last}/{total}")
    return Reply(206, (*common, where), content, first, last - first + 1)
