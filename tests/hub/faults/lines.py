"""The line itself: slow, silent, dropped, broken off, or never at an end of its head."""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING, ClassVar

from tests.hub.content import pieces
from tests.hub.faults.fault import ALWAYS, Fault
from tests.hub.record import Asked, Side
from tests.hub.reply import Reply

if TYPE_CHECKING:
    from tests.hub.line import Line
    from tests.hub.server import LoopbackHub

_A_TICK_S = 0.05
_LONGEST_S = 60.0


class Slow(Fault):
    """No faster than so many bytes a second, each connection by itself. No harm, only time."""

    def __init__(self, bytes_per_s: int, times: int = ALWAYS) -> None:
        super().__init__(times)
        self._bytes_per_s = bytes_per_s

    def change(self, hub: LoopbackHub, line: Line, asked: Asked, reply: Reply) -> Reply | None:
        line.say_head(asked, reply)
        asked.first = reply.first
        a_tick_bytes = max(1, int(self._bytes_per_s * _A_TICK_S))
        waiting_bytes = 0
        for piece in pieces(reply.content, reply.first, reply.n_bytes):
            for start in range(0, len(piece), a_tick_bytes):
                part = piece[start : start + a_tick_bytes]
                line.raw(part)
                asked.sent_bytes += len(part)
                waiting_bytes += len(part)
                if waiting_bytes >= a_tick_bytes:
                    waiting_bytes = 0
                    self.waits(hub, line, _A_TICK_S)
        return None


class _PartWay(Fault):
    """Sends so many per cent of the body, then does what the fault is about."""

    def __init__(self, percent: float, times: int = ALWAYS) -> None:
        super().__init__(times)
        self.percent = percent

    def change(self, hub: LoopbackHub, line: Line, asked: Asked, reply: Reply) -> Reply | None:
        line.say_head(asked, reply)
        line.say_body(asked, reply, int(reply.n_bytes * self.percent / 100))
        self.then(hub, line)
        return None

    def then(self, hub: LoopbackHub, line: Line) -> None:
        raise NotImplementedError


class Dropped(_PartWay):
    """The connection ends in the middle of the body, as if all had been said."""

    def then(self, hub: LoopbackHub, line: Line) -> None:
        line.hang_up()


class Reset(_PartWay):
    """The connection is broken off in the middle of the body."""

    def then(self, hub: LoopbackHub, line: Line) -> None:
        line.reset()


class FallenSilent(_PartWay):
    """In the middle of the body nothing more comes, and the connection stays open."""

    def then(self, hub: LoopbackHub, line: Line) -> None:
        self.waits(hub, line, _LONGEST_S)
        line.hang_up()


class ResetAtConnect(Fault):
    """Every connection is broken off before anything was said."""

    sides: ClassVar[Collection[Side]] = ("hub", "store")

    def strikes(self, asked: Asked) -> bool:
        return False

    def may_connect(self, side: Side) -> bool:
        self.left -= 1
        return self.left < 0


class _EverySide(Fault):
    """Anything that is asked, of the hub or of the store."""

    sides: ClassVar[Collection[Side]] = ("hub", "store")
    methods: ClassVar[Collection[str]] = ("GET", "HEAD")


class ResetInHead(_EverySide):
    """The connection is broken off in the middle of the head."""

    def change(self, hub: LoopbackHub, line: Line, asked: Asked, reply: Reply) -> Reply | None:
        line.raw(b"HTTP/1.1 200 OK\r\nContent-Le")
        line.reset()
        return None


class EndedInHead(_EverySide):
    """The connection ends in the middle of the head."""

    def change(self, hub: LoopbackHub, line: Line, asked: Asked, reply: Reply) -> Reply | None:
        line.raw(b"HTTP/1.1 206 Partial Content\r\nContent-Range: bytes 0-")
        line.hang_up()
        return None


class HungUp(_EverySide):
    """The request is read, and the connection ends without a word."""

    def change(self, hub: LoopbackHub, line: Line, asked: Asked, reply: Reply) -> Reply | None:
        line.hang_up()
        return None


class Silent(_EverySide):
    """The request is read, and nothing ever comes."""

    def change(self, hub: LoopbackHub, line: Line, asked: Asked, reply: Reply) -> Reply | None:
        self.waits(hub, line, _LONGEST_S)
        line.hang_up()
        return None


class Noise(_EverySide):
    """What comes is no HTTP at all."""

    def change(self, hub: LoopbackHub, line: Line, asked: Asked, reply: Reply) -> Reply | None:
        line.raw(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" * 40 + b"\r\n\r\n")
        line.hang_up()
        return None


class EndlessHead(_EverySide):
    """Headers without end."""

    def change(self, hub: LoopbackHub, line: Line, asked: Asked, reply: Reply) -> Reply | None:
        line.raw(b"HTTP/1.1 206 Partial Content\r\n")
        row = b"".join(b"X-More-%04d: %s\r\n" % (number, b"x" * 200) for number in range(100))
        for _ in range(400):
            line.raw(row)
        line.hang_up()
        return None


class DrippingHead(_EverySide):
    """A head that comes a letter at a time."""

    def change(self, hub: LoopbackHub, line: Line, asked: Asked, reply: Reply) -> Reply | None:
        line.raw(b"HTTP/1.1 206 Partial Content\r\nX-Slow: ")
        for _ in range(int(_LONGEST_S / _A_TICK_S)):
            line.raw(b"s")
            if not self.waits(hub, line, _A_TICK_S):
                break
        line.hang_up()
        return None


class DrippingBody(Fault):
    """A body that comes a byte at a time."""

    def change(self, hub: LoopbackHub, line: Line, asked: Asked, reply: Reply) -> Reply | None:
        line.say_head(asked, reply)
        asked.first = reply.first
        for place in range(int(_LONGEST_S / _A_TICK_S)):
            line.raw(reply.content.read(reply.first + place, 1))
            asked.sent_bytes += 1
            if not self.waits(hub, line, _A_TICK_S):
                break
        line.hang_up()
        return None
