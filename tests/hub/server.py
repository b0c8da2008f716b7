"""The hub with its store: `loopback_hub()` runs both for the time of a `with`.

The store is a host of its own (another port, and another number where the system has one) to
which the hub sends downloads by addresses that are signed and expire. A third host is a stranger
to both: nobody should ever be heard asking it.
"""

from __future__ import annotations

import contextlib
import hashlib
import hmac
import secrets
import threading
import time
from collections.abc import Iterator
from urllib.parse import quote

from tests.hub.api import Api
from tests.hub.content import Content
from tests.hub.faults.fault import Fault
from tests.hub.line import Host, Line
from tests.hub.record import Asked, Record
from tests.hub.reply import Reply, part_of, text
from tests.hub.shelf import Shelf

LOOPBACK = "127.0.0.1"
SIGNED_FOR_S = 3600


class Store:
    """Where the bytes lie: what is signed, and what it answers."""

    def __init__(self) -> None:
        self.contents: dict[str, Content] = {}
        self.signed_for_s = SIGNED_FOR_S
        self._key = secrets.token_bytes(16)
        self._epoch = 0

    def forget_addresses(self) -> None:
        """Every address that was signed until now has expired."""
        self._epoch += 1

    def path(self, content: Content, name: str) -> str:
        """A signed path of a file."""
        self.contents[content.sha256] = content
        until = int(time.time()) + self.signed_for_s
        shown = quote(f'attachment; filename="{name.split("/")[-1]}"')
        signature = self._signature(content.sha256, until)
        return (
            f"/xet-bridge/{content.sha256}?response-content-disposition={shown}"
            f"&Expires={until}&Signature={signature}&Key-Pair-Id=K2L8F4GPSG1IFC"
        )

    def answer(self, asked: Asked) -> Reply:
        key = asked.path.rpartition("/")[2]
        content = self.contents.get(key)
        if content is None:
            return _denied(404, "NoSuchKey")
        until = int(asked.query.get("Expires", ["0"])[0])
        signature = asked.query.get("Signature", [""])[0]
        if until < time.time() or signature != self._signature(key, until):
            return _denied(403, "AccessDenied")
        etag = ("ETag", f'"{hashlib.md5(key.encode()).hexdigest()}"')
        return part_of(content, asked.headers.get("range", ""), etag)

    def _signature(self, key: str, until: int) -> str:
        signed = f"{key}/{until}/{self._epoch}".encode()
        return hmac.new(self._key, signed, "sha256").hexdigest()


def _denied(status: int, code: str) -> Reply:
    body = f'<?xml version="1.0"?><Error><Code>{code}</Code></Error>'.encode()
    return text(status, body, "application/xml")


class LoopbackHub:
    """A running hub. `shelf` is what it holds, `record` all that was asked of it."""

    def __init__(self, port: int = 0, store_host: str = LOOPBACK) -> None:
        self.shelf = Shelf()
        self.record = Record()
        self.store = Store()
        self.faults: tuple[Fault, ...] = ()
        self._lock = threading.Lock()
        self._store_host = Host("store", (store_host, 0), self.record)
        self._stranger = Host("stranger", (LOOPBACK, 0), self.record)
        self._hub_host = Host("hub", (LOOPBACK, port), self.record)
        self._api = Api(self.shelf, self._sign)
        for host in self._hosts:
            host.answer = self._answer
            host.connecting = lambda host=host: self._connecting(host)  # type: ignore[misc]

    @property
    def url(self) -> str:
        """What HF_ENDPOINT would be."""
        return f"http://{self._hub_host.name}"

    @property
    def store_url(self) -> str:
        return f"http://{self._store_host.name}"

    @property
    def stranger_url(self) -> str:
        return f"http://{self._stranger.name}"

    def sabotage(self, *faults: Fault) -> None:
        """From now on, these faults and no others. A connection that is open stays so."""
        with self._lock:
            self.faults = faults

    def heal(self) -> None:
        self.sabotage()

    def hang_up_all(self) -> None:
        """End every connection, as a router does that restarts."""
        for host in self._hosts:
            host.hang_up_all()

    def close(self) -> None:
        for host in self._hosts:
            host.close()

    @property
    def _hosts(self) -> tuple[Host, ...]:
        return self._hub_host, self._store_host, self._stranger

    def _sign(self, content: Content, name: str) -> str:
        return self.store_url + self.store.path(content, name)

    def _connecting(self, host: Host) -> bool:
        return all(fault.may_connect(host.side) for fault in self.faults)

    def _answer(self, line: Line, asked: Asked) -> Reply | None:
        with self._lock:
            striking = [fault for fault in self.faults if fault.strikes(asked)]
        for fault in striking:
            fault.before(self, asked)
        reply: Reply | None = self._well(asked)
        for fault in striking:
            if reply is None:
                break
            reply = fault.change(self, line, asked, reply)
        return reply

    def _well(self, asked: Asked) -> Reply:
        if asked.side == "hub":
            return self._api.answer(asked)
        if asked.side == "store":
            return self.store.answer(asked)
        return text(200, b"You should not be here.", "text/plain")


@contextlib.contextmanager
def loopback_hub(port: int = 0, store_host: str = LOOPBACK) -> Iterator[LoopbackHub]:
    """A hub that runs for the time of a `with`; its threads have ended afterwards."""
    hub = LoopbackHub(port, store_host)
    try:
        yield hub
    finally:
        hub.close()
