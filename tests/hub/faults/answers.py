"""Answers that are no file: busy, broken, refused, a web page, somewhere else."""

from __future__ import annotations

import time
from collections.abc import Collection
from email.utils import formatdate
from typing import TYPE_CHECKING, ClassVar

from tests.hub.faults.fault import ALWAYS, Fault
from tests.hub.record import Asked, Side
from tests.hub.reply import Reply, refusal, text

if TYPE_CHECKING:
    from tests.hub.line import Line
    from tests.hub.server import LoopbackHub

_PAGE = b"<!doctype html><html><title>Sign in</title><p>Please accept the terms.</html>"


class Status(Fault):
    """A status in place of an answer. Retry-After is left out, or seconds, or a date."""

    sides: ClassVar[Collection[Side]] = ("hub", "store")
    methods: ClassVar[Collection[str]] = ("GET", "HEAD")

    def __init__(
        self, status: int, times: int = ALWAYS, *, retry_s: float | None = None, dated: bool = False
    ) -> None:
        super().__init__(times)
        self._status = status
        self._retry_s = retry_s
        self._dated = dated

    @property
    def name(self) -> str:
        how = "" if self._retry_s is None else (" until" if self._dated else " for")
        return f"Status {self._status}{how}"

    def change(self, hub: LoopbackHub, line: Line, asked: Asked, reply: Reply) -> Reply | None:
        answer = text(self._status, b"<html>no</html>", "text/html")
        if self._retry_s is None:
            return answer
        until = formatdate(time.time() + self._retry_s, usegmt=True)
        return answer.with_header("Retry-After", until if self._dated else f"{self._retry_s:g}")


class OddRetryAfter(Fault):
    """429 with a Retry-After that nobody should follow."""

    sides: ClassVar[Collection[Side]] = ("hub", "store")
    methods: ClassVar[Collection[str]] = ("GET", "HEAD")

    def __init__(self, said: str, times: int = ALWAYS) -> None:
        super().__init__(times)
        self._said = said

    def change(self, hub: LoopbackHub, line: Line, asked: Asked, reply: Reply) -> Reply | None:
        return text(429, b"", "text/plain", ("Retry-After", self._said))


class Refused(Fault):
    """The hub wants an account for a moment, as it does when a token has just expired."""

    sides: ClassVar[Collection[Side]] = ("hub",)
    methods: ClassVar[Collection[str]] = ("GET", "HEAD")

    def change(self, hub: LoopbackHub, line: Line, asked: Asked, reply: Reply) -> Reply | None:
        return refusal(401, "Invalid credentials in Authorization header")


class WebPage(Fault):
    """A page with the status of success, from a network that wants people to sign in."""

    sides: ClassVar[Collection[Side]] = ("hub", "store")
    methods: ClassVar[Collection[str]] = ("GET", "HEAD")

    def change(self, hub: LoopbackHub, line: Line, asked: Asked, reply: Reply) -> Reply | None:
        return text(200, _PAGE, "text/html; charset=utf-8")


class PageInDisguise(Fault):
    """A page in place of the part that was asked for, with the head of that part."""

    def change(self, hub: LoopbackHub, line: Line, asked: Asked, reply: Reply) -> Reply | None:
        return Reply(reply.status, reply.headers, text(200, _PAGE, "").content, 0, len(_PAGE))


class Elsewhere(Fault):
    """Sent on to another address: round in circles, to strangers, off the web."""

    sides: ClassVar[Collection[Side]] = ("hub", "store")
    methods: ClassVar[Collection[str]] = ("GET", "HEAD")

    def __init__(self, target: str, times: int = ALWAYS, status: int = 302) -> None:
        super().__init__(times)
        self._target = target
        self._status = status

    @property
    def name(self) -> str:
        return f"Elsewhere {self._target}"

    def change(self, hub: LoopbackHub, line: Line, asked: Asked, reply: Reply) -> Reply | None:
        port = hub.stranger_url.rpartition(":")[2]
        target = asked.target if self._target == "itself" else self._target.format(port=port)
        answer = Reply(self._status, (("Location", target),))
        for name in ("X-Repo-Commit", "X-Linked-ETag", "X-Linked-Size"):
            if reply.header(name):
                answer = answer.with_header(name, reply.header(name))
        return answer


class NoLocation(Fault):
    """A redirect that does not say where to."""

    sides: ClassVar[Collection[Side]] = ("hub",)
    methods: ClassVar[Collection[str]] = ("GET", "HEAD")

    def change(self, hub: LoopbackHub, line: Line, asked: Asked, reply: Reply) -> Reply | None:
        return reply.with_header("Location", None)


class PastItsEnd(Fault):
    """416, whatever part is asked for."""

    def concerns(self, asked: Asked) -> bool:
        return "range" in asked.headers

    def change(self, hub: LoopbackHub, line: Line, asked: Asked, reply: Reply) -> Reply | None:
        return Reply(416, (("Content-Range", f"bytes */{reply.content.bytes}"),))


class AddressExpired(Fault):
    """The signed address stops being good; the hub gives out new ones."""

    def before(self, hub: LoopbackHub, asked: Asked) -> None:
        hub.store.forget_addresses()


class Vanished(Fault):
    """The store no longer knows the file."""

    def change(self, hub: LoopbackHub, line: Line, asked: Asked, reply: Reply) -> Reply | None:
        return text(404, b"", "application/xml")


class NothingToSay(Fault):
    """204: success, without content."""

    def change(self, hub: LoopbackHub, line: Line, asked: Asked, reply: Reply) -> Reply | None:
        return Reply(204)
