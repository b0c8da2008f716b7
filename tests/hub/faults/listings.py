"""Answers of the hub's API that are huge, deep, broken, or of another shape than they should be."""

from __future__ import annotations

import json
from collections.abc import Collection
from typing import TYPE_CHECKING, ClassVar

from tests.hub.faults.fault import Fault
from tests.hub.record import Asked, Side
from tests.hub.reply import Reply, text

if TYPE_CHECKING:
    from tests.hub.line import Line
    from tests.hub.server import LoopbackHub

_JSON = "application/json"


class _Listing(Fault):
    """A question to the hub's API."""

    sides: ClassVar[Collection[Side]] = ("hub",)

    def concerns(self, asked: Asked) -> bool:
        return asked.path.startswith("/api/")


class HugeListing(_Listing):
    """Eighty megabytes of JSON."""

    def change(self, hub: LoopbackHub, line: Line, asked: Asked, reply: Reply) -> Reply | None:
        return text(200, b'{"id": "' + b"x" * 80_000_000 + b'"}', _JSON)


class DeepListing(_Listing):
    """JSON a hundred thousand levels deep."""

    def change(self, hub: LoopbackHub, line: Line, asked: Asked, reply: Reply) -> Reply | None:
        return text(200, b"[" * 100_000 + b"]" * 100_000, _JSON)


class BrokenListing(_Listing):
    """JSON that stops in the middle, with a length that says it does not."""

    def change(self, hub: LoopbackHub, line: Line, asked: Asked, reply: Reply) -> Reply | None:
        whole = reply.content.read(0, reply.n_bytes)
        return text(200, whole[: len(whole) // 2], _JSON)


class OtherShapes(_Listing):
    """Sound JSON in which everything has another type than it should."""

    def __init__(self, value: object, times: int) -> None:
        super().__init__(times)
        self._body = json.dumps(value).encode()

    def change(self, hub: LoopbackHub, line: Line, asked: Asked, reply: Reply) -> Reply | None:
        return text(200, self._body, _JSON)
