"""Every fault does what it says: seen from a plain socket, each answer is not the good one."""

from __future__ import annotations

import contextlib
import random
import socket
import time

import pytest

from tests.hub.content import Held
from tests.hub.faults.contents import Replaced, Rewritten
from tests.hub.faults.every import EVERY, HARMLESS, LYING_HEADS
from tests.hub.faults.lines import Dropped, ResetAtConnect
from tests.hub.server import LoopbackHub

REPO, NAME, SIZE = "a/b", "m.gguf", 200_000
PATIENCE_S = 0.5
LINK = f"/{REPO}/resolve/main/{NAME}"
DATA = b"GGUF" + random.Random(1).randbytes(SIZE - 4)


@pytest.fixture
def shelved(hub: LoopbackHub) -> LoopbackHub:
    hub.shelf.put(REPO, NAME, Held(DATA))
    return hub


def asked(url: str, path: str, method: str = "GET", part: str = "bytes=1000-") -> bytes:
    """What comes for one request on a plain socket, for as long as nobody has had enough."""
    host, _, port = url.removeprefix("http://").partition(":")
    head = f"{method} {path} HTTP/1.1\r\nHost: {host}:{port}\r\nConnection: close\r\n"
    found = b""
    with contextlib.suppress(OSError), socket.create_connection((host, int(port)), 5) as line:
        line.settimeout(PATIENCE_S)
        line.sendall(f"{head}Range: {part}\r\n\r\n".encode())
        enough = time.monotonic() + PATIENCE_S
        while (more := line.recv(65_536)) and len(found) < 3 * SIZE:
            found += more
            if time.monotonic() > enough:
                break
    return found


def both(hub: LoopbackHub) -> tuple[bytes, bytes]:
    """What the hub says of the file, and what the store sends of it, times left out."""
    where = hub.store.path(hub.shelf.repositories[REPO].files[NAME], NAME)
    told, sent = asked(hub.url, LINK, "HEAD"), asked(hub.store_url, where)
    return _timeless(told), _timeless(sent)


def _timeless(answer: bytes) -> bytes:
    head, edge, body = answer.partition(b"\r\n\r\n")
    kept = [row for row in head.split(b"\r\n") if not row.startswith((b"Date:", b"Location:"))]
    moved = [row for row in head.split(b"\r\n") if row.startswith(b"Location:")]
    return b"\r\n".join([*kept, *(row.split(b"?")[0] for row in moved)]) + edge + body


@pytest.mark.parametrize("name", EVERY)
def test_it_strikes_and_is_over_when_healed(shelved: LoopbackHub, name: str) -> None:
    good = both(shelved)
    shelved.sabotage(EVERY[name](random.Random(3), 1 << 20))
    struck = both(shelved)
    assert struck != good or name in ("comes slowly", "address expires")
    shelved.heal()
    assert both(shelved) == good


@pytest.mark.parametrize("name", [*HARMLESS, *LYING_HEADS])
def test_it_strikes_as_often_as_it_is_told_to(shelved: LoopbackHub, name: str) -> None:
    good = both(shelved)
    shelved.sabotage(EVERY[name](random.Random(3), 0))
    assert both(shelved) == good


def test_there_are_more_than_were_promised() -> None:
    assert len(EVERY) >= 50


@pytest.mark.parametrize("percent", [0, 1, 33, 99])
def test_a_drop_comes_where_it_is_told_to(shelved: LoopbackHub, percent: float) -> None:
    shelved.sabotage(Dropped(percent, 1))
    where = shelved.store.path(shelved.shelf.repositories[REPO].files[NAME], NAME)
    body = asked(shelved.store_url, where, part="bytes=0-").partition(b"\r\n\r\n")[2]
    assert body == DATA[: SIZE * percent // 100]
    (row,) = shelved.record.at("store")
    assert (row.first, row.sent_bytes) == (0, len(body))


def test_connections_are_refused_so_often_and_then_no_more(shelved: LoopbackHub) -> None:
    shelved.sabotage(ResetAtConnect(2))
    assert [bool(asked(shelved.url, LINK, "HEAD")) for _ in range(3)] == [False, False, True]


def test_a_file_is_replaced_under_the_asker(shelved: LoopbackHub) -> None:
    before = both(shelved)
    shelved.sabotage(Replaced(lambda: Held(b"GGUF" + b"new" * 100)))
    where = shelved.store.path(shelved.shelf.repositories[REPO].files[NAME], NAME)
    assert DATA[1000:] in asked(shelved.store_url, where)
    after = both(shelved)
    assert after[0] != before[0]
    assert b"X-Linked-Size: 304" in after[0]


def test_the_stranger_hears_who_asks_it(shelved: LoopbackHub) -> None:
    asked(shelved.stranger_url, "/model.gguf")
    assert [row.path for row in shelved.record.at("stranger")] == ["/model.gguf"]


def test_a_history_is_rewritten_under_the_asker(shelved: LoopbackHub) -> None:
    repository = shelved.shelf.repositories[REPO]
    commit, where = repository.commit, shelved.store.path(repository.files[NAME], NAME)
    shelved.sabotage(Rewritten(lambda: Held(b"GGUF" + b"new" * 100)))
    asked(shelved.store_url, where)
    assert b"403" in asked(shelved.store_url, where)
    assert b"RevisionNotFound" in asked(shelved.url, LINK.replace("main", commit), "HEAD")
