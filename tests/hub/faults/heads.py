"""Heads that lie about the body, or say what no head should."""

from __future__ import annotations

import gzip
from collections.abc import Collection
from dataclasses import replace
from typing import TYPE_CHECKING, ClassVar

from tests.hub.content import Held
from tests.hub.faults.fault import Fault
from tests.hub.record import Asked, Side
from tests.hub.reply import Reply

if TYPE_CHECKING:
    from tests.hub.line import Line
    from tests.hub.server import LoopbackHub

_BOMB = gzip.compress(b"\0" * 50_000_000)


class LengthTooLarge(Fault):
    """Content-Length promises more than comes before the connection ends."""

    def change(self, hub: LoopbackHub, line: Line, asked: Asked, reply: Reply) -> Reply | None:
        return replace(reply, said_bytes=reply.n_bytes + 5000)


class LengthTooSmall(Fault):
    """Content-Length promises less than comes."""

    def change(self, hub: LoopbackHub, line: Line, asked: Asked, reply: Reply) -> Reply | None:
        return replace(reply, said_bytes=max(0, reply.n_bytes - 500))


class NoLength(Fault):
    """Neither a length nor chunks: the body ends with the connection. Allowed."""

    def change(self, hub: LoopbackHub, line: Line, asked: Asked, reply: Reply) -> Reply | None:
        return replace(reply, said_bytes=-1)


class Chunked(Fault):
    """In chunks, without a length. Allowed."""

    ends_well: ClassVar[bool] = True

    def change(self, hub: LoopbackHub, line: Line, asked: Asked, reply: Reply) -> Reply | None:
        asked.status, asked.first = reply.status, reply.first
        line.send_response(reply.status)
        for name, value in (*reply.headers, ("Transfer-Encoding", "chunked")):
            line.send_header(name, value)
        line.end_headers()
        left, first = reply.n_bytes, reply.first
        while left:
            piece = reply.content.read(first, min(left, 40_000))
            line.raw(b"%x\r\n%s\r\n" % (len(piece), piece))
            asked.sent_bytes += len(piece)
            left, first = left - len(piece), first + len(piece)
            if not self.ends_well and left < reply.n_bytes // 2:
                line.raw(b"zz\r\n")
                line.hang_up()
                return None
        line.raw(b"0\r\n\r\n")
        return None


class BadChunks(Chunked):
    """Chunks whose lengths stop making sense half-way."""

    ends_well: ClassVar[bool] = False


class Endless(Fault):
    """A body that never ends."""

    def change(self, hub: LoopbackHub, line: Line, asked: Asked, reply: Reply) -> Reply | None:
        line.say_head(asked, replace(reply, said_bytes=-1))
        line.say_body(asked, reply, reply.n_bytes)
        for _ in range(2000):
            line.raw(b"\0" * 65_536)
        line.hang_up()
        return None


class Bomb(Fault):
    """A few kilobytes that unpack to fifty megabytes, where nothing packed was asked for."""

    sides: ClassVar[Collection[Side]] = ("hub", "store")

    def change(self, hub: LoopbackHub, line: Line, asked: Asked, reply: Reply) -> Reply | None:
        packed = reply.with_header("Content-Encoding", "gzip")
        return replace(packed, content=Held(_BOMB), first=0, n_bytes=len(_BOMB))


class DoubleHeaders(Fault):
    """The same headers twice, with other values."""

    def change(self, hub: LoopbackHub, line: Line, asked: Asked, reply: Reply) -> Reply | None:
        more = (
            ("Content-Length", str(reply.n_bytes + 1)),
            ("Content-Range", f"bytes 0-9/{reply.content.bytes + 10}"),
            ("ETag", '"another"'),
        )
        return replace(reply, headers=(*reply.headers, *more))


class RangeUntold(Fault):
    """206 without a Content-Range."""

    def concerns(self, asked: Asked) -> bool:
        return "range" in asked.headers

    def change(self, hub: LoopbackHub, line: Line, asked: Asked, reply: Reply) -> Reply | None:
        return reply.with_header("Content-Range", None)


class RangeAbsurd(Fault):
    """A Content-Range that cannot be."""

    def __init__(self, said: str, times: int) -> None:
        super().__init__(times)
        self._said = said

    def concerns(self, asked: Asked) -> bool:
        return "range" in asked.headers

    def change(self, hub: LoopbackHub, line: Line, asked: Asked, reply: Reply) -> Reply | None:
        return reply.with_header("Content-Range", self._said)


class InSeveralParts(Fault):
    """multipart/byteranges in place of the one part."""

    def concerns(self, asked: Asked) -> bool:
        return "range" in asked.headers

    def change(self, hub: LoopbackHub, line: Line, asked: Asked, reply: Reply) -> Reply | None:
        part = reply.content.read(reply.first, min(reply.n_bytes, 4000))
        body = b"--edge\r\nContent-Type: application/octet-stream\r\n\r\n" + part + b"\r\n--edge--"
        mixed = reply.with_header("Content-Type", "multipart/byteranges; boundary=edge")
        mixed = mixed.with_header("Content-Range", None)
        return replace(mixed, content=Held(body), first=0, n_bytes=len(body))


class EtagChanges(Fault):
    """The store names the same bytes otherwise each time."""

    def change(self, hub: LoopbackHub, line: Line, asked: Asked, reply: Reply) -> Reply | None:
        return reply.with_header("ETag", f'"{len(hub.record.asked):032x}"')


class NoEtag(Fault):
    """The store does not name what it sends."""

    def change(self, hub: LoopbackHub, line: Line, asked: Asked, reply: Reply) -> Reply | None:
        return reply.with_header("ETag", None)


class _AboutTheFile(Fault):
    """What the hub says of a file before it sends people to the store."""

    sides: ClassVar[Collection[Side]] = ("hub",)
    methods: ClassVar[Collection[str]] = ("GET", "HEAD")

    def concerns(self, asked: Asked) -> bool:
        return "/resolve/" in asked.target


class WrongHash(_AboutTheFile):
    """The hub tells another hash than the file has."""

    def change(self, hub: LoopbackHub, line: Line, asked: Asked, reply: Reply) -> Reply | None:
        return reply.with_header("X-Linked-ETag", '"' + "ab" * 32 + '"')


class NoHash(_AboutTheFile):
    """The hub tells no hash."""

    def change(self, hub: LoopbackHub, line: Line, asked: Asked, reply: Reply) -> Reply | None:
        return reply.with_header("X-Linked-ETag", None).with_header("ETag", None)


class OddHash(_AboutTheFile):
    """What the hub tells is no hash."""

    def change(self, hub: LoopbackHub, line: Line, asked: Asked, reply: Reply) -> Reply | None:
        return reply.with_header("X-Linked-ETag", 'W/"../../evil"')


class WrongSize(_AboutTheFile):
    """The hub tells another size than the file has."""

    def __init__(self, said: str, times: int) -> None:
        super().__init__(times)
        self._said = said

    def change(self, hub: LoopbackHub, line: Line, asked: Asked, reply: Reply) -> Reply | None:
        return reply.with_header("X-Linked-Size", self._said)


class NoSize(_AboutTheFile):
    """The hub tells no size."""

    def change(self, hub: LoopbackHub, line: Line, asked: Asked, reply: Reply) -> Reply | None:
        return reply.with_header("X-Linked-Size", None)


class NoCommit(_AboutTheFile):
    """The hub does not say of which commit the file is."""

    def change(self, hub: LoopbackHub, line: Line, asked: Asked, reply: Reply) -> Reply | None:
        return reply.with_header("X-Repo-Commit", None)
