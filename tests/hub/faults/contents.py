"""Answers whose form is right and whose bytes are not those that were asked for."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING

from tests.hub.content import Content, Held, sown_model
from tests.hub.faults.fault import ALWAYS, Fault
from tests.hub.record import Asked
from tests.hub.reply import Reply

if TYPE_CHECKING:
    from tests.hub.line import Line
    from tests.hub.server import LoopbackHub
    from tests.hub.shelf import Repository


class Altered:
    """Another file's bytes, changed where `alter` says: (place of the first byte, bytes)."""

    def __init__(self, content: Content, alter: Callable[[int, bytes], bytes]) -> None:
        self._content = content
        self._alter = alter
        self.bytes = content.bytes
        self.sha256 = content.sha256

    def read(self, first: int, n_bytes: int) -> bytes:
        return self._alter(first, self._content.read(first, n_bytes))


class WrongBit(Fault):
    """One bit of the file is another, wherever it is sent from; the size is right."""

    def __init__(self, percent: float, times: int = ALWAYS) -> None:
        super().__init__(times)
        self._percent = percent

    def change(self, hub: LoopbackHub, line: Line, asked: Asked, reply: Reply) -> Reply | None:
        place = min(reply.content.bytes - 1, int(reply.content.bytes * self._percent / 100))

        def alter(first: int, data: bytes) -> bytes:
            if not first <= place < first + len(data):
                return data
            changed = bytearray(data)
            changed[place - first] ^= 1 << place % 8
            return bytes(changed)

        return replace(reply, content=Altered(reply.content, alter))


class Zeros(Fault):
    """From one place on there are zeros: a disk at the other end that filled up."""

    def __init__(self, percent: float, times: int = ALWAYS) -> None:
        super().__init__(times)
        self._percent = percent

    def change(self, hub: LoopbackHub, line: Line, asked: Asked, reply: Reply) -> Reply | None:
        place = int(reply.content.bytes * self._percent / 100)

        def alter(first: int, data: bytes) -> bytes:
            kept = max(0, min(len(data), place - first))
            return data[:kept] + b"\0" * (len(data) - kept)

        return replace(reply, content=Altered(reply.content, alter))


class WrongPlace(Fault):
    """The head says the part that was asked for; the bytes are from another place."""

    def __init__(self, off_bytes: int = 7, times: int = ALWAYS) -> None:
        super().__init__(times)
        self._off_bytes = off_bytes

    def change(self, hub: LoopbackHub, line: Line, asked: Asked, reply: Reply) -> Reply | None:
        inner, off = reply.content, self._off_bytes
        total = inner.bytes

        def alter(first: int, data: bytes) -> bytes:
            moved = inner.read((first + off) % total, len(data))
            return moved + data[len(moved) :]

        return replace(reply, content=Altered(inner, alter))


class FromTheStart(Fault):
    """A part is asked for; the head says that part, the bytes are those of the file's start."""

    def concerns(self, asked: Asked) -> bool:
        return "range" in asked.headers

    def change(self, hub: LoopbackHub, line: Line, asked: Asked, reply: Reply) -> Reply | None:
        inner, start = reply.content, reply.first
        return replace(
            reply, content=Altered(inner, lambda first, data: inner.read(first - start, len(data)))
        )


class OtherFile(Fault):
    """Another, sound model of the same size class, under this file's name and head."""

    def change(self, hub: LoopbackHub, line: Line, asked: Asked, reply: Reply) -> Reply | None:
        other = sown_model(reply.content.bytes, seed=99)

        def alter(first: int, data: bytes) -> bytes:
            found = other.read(first, len(data))
            return found + data[len(found) :]

        return replace(reply, content=Altered(reply.content, alter))


class WholeForPart(Fault):
    """200 and the whole file, where a part was asked for."""

    def concerns(self, asked: Asked) -> bool:
        return "range" in asked.headers

    def change(self, hub: LoopbackHub, line: Line, asked: Asked, reply: Reply) -> Reply | None:
        whole = reply.with_header("Content-Range", None)
        return replace(whole, status=200, first=0, n_bytes=reply.content.bytes)


class OtherPart(Fault):
    """206 with an honest head: it is another part than was asked for."""

    def concerns(self, asked: Asked) -> bool:
        return "range" in asked.headers

    def change(self, hub: LoopbackHub, line: Line, asked: Asked, reply: Reply) -> Reply | None:
        total = reply.content.bytes
        first = reply.first // 2 if reply.first else total // 3
        where = f"bytes {first}-{total - 1}/{total}"
        moved = reply.with_header("Content-Range", where)
        return replace(moved, status=206, first=first, n_bytes=total - first)


class LessThanAsked(Fault):
    """206 with an honest head, but only a little of what was asked for: allowed, and rare."""

    def concerns(self, asked: Asked) -> bool:
        return "range" in asked.headers

    def change(self, hub: LoopbackHub, line: Line, asked: Asked, reply: Reply) -> Reply | None:
        n_bytes = max(1, reply.n_bytes // 3)
        where = f"bytes {reply.first}-{reply.first + n_bytes - 1}/{reply.content.bytes}"
        return replace(reply.with_header("Content-Range", where), status=206, n_bytes=n_bytes)


class Shorter(Fault):
    """A file that is shorter than the hub says, told consistently."""

    def change(self, hub: LoopbackHub, line: Line, asked: Asked, reply: Reply) -> Reply | None:
        total = max(1, reply.content.bytes - 1000)
        if reply.first >= total:
            return Reply(416, (("Content-Range", f"bytes */{total}"),))
        where = f"bytes {reply.first}-{total - 1}/{total}" if reply.status == 206 else None
        return replace(reply.with_header("Content-Range", where), n_bytes=total - reply.first)


class Longer(Fault):
    """A file that is longer than the hub says, told consistently."""

    def change(self, hub: LoopbackHub, line: Line, asked: Asked, reply: Reply) -> Reply | None:
        content = Held(reply.content.read(0, reply.content.bytes) + b"more" * 250)
        total = content.bytes
        where = f"bytes {reply.first}-{total - 1}/{total}" if reply.status == 206 else None
        longer = reply.with_header("Content-Range", where)
        return replace(longer, content=content, n_bytes=total - reply.first)


class Replaced(Fault):
    """The publisher uploads another file under the same name, once: new commit, hash and size."""

    def __init__(self, make: Callable[[], Content], times: int = 1) -> None:
        super().__init__(times)
        self._make = make

    def before(self, hub: LoopbackHub, asked: Asked) -> None:
        key = asked.path.rpartition("/")[2]
        for repository in hub.shelf.repositories.values():
            for name, content in repository.files.items():
                if content.sha256 == key:
                    repository.replace(name, self._make())
                    self.after(hub, repository)
                    return

    def after(self, hub: LoopbackHub, repository: Repository) -> None:
        """What else the publisher does."""


class Rewritten(Replaced):
    """The same, and the older commit is gone, with every address that led to it."""

    def after(self, hub: LoopbackHub, repository: Repository) -> None:
        repository.forget_history()
        hub.store.forget_addresses()
