"""The line itself: slow, silent, dropped, broken off."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.hub.content import pieces
from tests.hub.faults.fault import Fault
from tests.hub.record import Asked
from tests.hub.reply import Reply

if TYPE_CHECKING:
    from tests.hub.line import Line
    from tests.hub.server import LoopbackHub

_A_TICK_S = 0.05


class Slow(Fault):
    """No faster than so many bytes a second, each connection by itself."""

    def __init__(self, bytes_per_s: int, **more: int) -> None:
        super().__init__(**more)
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
                    if not line.pause(_A_TICK_S):
                        line.hang_up()
                        return None
        return None
