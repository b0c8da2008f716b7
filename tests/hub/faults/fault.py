"""What every fault is: when it strikes, and what it makes of a good answer."""

from __future__ import annotations

import time
from collections.abc import Collection
from typing import TYPE_CHECKING, ClassVar, Final

from tests.hub.record import Asked, Side
from tests.hub.reply import Reply

if TYPE_CHECKING:
    from tests.hub.line import Line
    from tests.hub.server import LoopbackHub

ALWAYS: Final = 1 << 30
_A_LOOK_S: Final = 0.02


class Fault:
    """Strikes the next `times` requests that concern it, then no more."""

    sides: ClassVar[Collection[Side]] = ("store",)
    methods: ClassVar[Collection[str]] = ("GET",)

    def __init__(self, times: int = ALWAYS) -> None:
        self.left = times

    @property
    def name(self) -> str:
        return type(self).__name__

    def strikes(self, asked: Asked) -> bool:
        """Whether this request is hit. Called once a request, one at a time."""
        if self.left <= 0 or asked.side not in self.sides or asked.method not in self.methods:
            return False
        if not self.concerns(asked):
            return False
        self.left -= 1
        return True

    def concerns(self, asked: Asked) -> bool:
        """Whether it is one of the requests that this fault is about."""
        return True

    def may_connect(self, side: Side) -> bool:
        return True

    def before(self, hub: LoopbackHub, asked: Asked) -> None:
        """Before the good answer is made."""

    def waits(self, hub: LoopbackHub, line: Line, seconds: float) -> bool:
        """Wait so long; False as soon as this fault is over, or the server ends."""
        end_s = time.monotonic() + seconds
        while (left_s := end_s - time.monotonic()) > 0:
            if self not in hub.faults or not line.pause(min(left_s, _A_LOOK_S)):
                return False
        return True

    def change(self, hub: LoopbackHub, line: Line, asked: Asked, reply: Reply) -> Reply | None:
        """What is sent instead; None where it was sent (or not) here."""
        return reply
