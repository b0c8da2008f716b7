"""A request that waits for the far end is ended by another thread, at once."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from app.foundation.errors import NetworkError, Unreachable
from app.network.client import Client
from app.network.connections import Connections
from app.network.deadline import Wire, cut_by
from app.network.policy import Policy
from tests.fixtures.far_end import FarEnd, Reply, far_end

LONG_S = 60.0


@pytest.fixture
def far() -> Iterator[FarEnd]:
    with far_end() as server:
        yield server


@pytest.fixture
def asking(tmp_path: Path) -> Iterator[Client]:
    connections = Connections(tmp_path / "connections.jsonl")
    made = Client(Policy(lambda: False, ("127.0.0.1",)), connections)
    yield made
    made.close()


class Silence:
    """A far end that begins an answer and then says nothing until it is let go."""

    def __init__(self, begun: bytes) -> None:
        self.begun = begun
        self.asked = threading.Event()
        self.go_on = threading.Event()

    def __call__(self, reply: Reply) -> None:
        reply.wfile.write(self.begun)
        reply.wfile.flush()
        reply.close_connection = True
        self.asked.set()
        self.go_on.wait(LONG_S)


@pytest.mark.parametrize(
    "begun", [b"", b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf"], ids=["head", "body"]
)
def test_a_wire_that_is_cut_ends_the_wait(
    far: FarEnd, asking: Client, begun: bytes, tmp_path: Path
) -> None:
    silence, wire = Silence(begun), Wire()
    far.answers["/a"] = silence

    def cut() -> None:
        silence.asked.wait(LONG_S)
        wire.cut()

    cutter = threading.Thread(target=cut)
    cutter.start()
    try:
        with (
            cut_by(wire),
            pytest.raises(Unreachable),
            asking.stream(far.url + "/a", purpose="a test") as incoming,
        ):
            list(incoming.chunks(9))
        # It did not end because the far end gave up.
        assert not silence.go_on.is_set()
        (recorded,) = Connections(tmp_path / "connections.jsonl").all()
        assert recorded.outcome == "stopped"
    finally:
        silence.go_on.set()
        cutter.join()


def test_nothing_is_asked_over_a_wire_that_was_cut(far: FarEnd, asking: Client) -> None:
    far.files["/a"] = b"hello"
    wire = Wire()
    wire.cut()
    with cut_by(wire), pytest.raises(Unreachable, match="stopped"):
        asking.get(far.url + "/a", purpose="a test", most_bytes=5)
    assert far.asked == []


def test_cutting_the_wire_of_a_request_that_is_over_harms_no_other(
    far: FarEnd, asking: Client
) -> None:
    far.files["/a"] = b"hello"
    wire = Wire()
    for _ in range(3):  # the connection is kept, and used again
        with cut_by(wire):
            assert asking.get(far.url + "/a", purpose="a test", most_bytes=5)[1] == b"hello"
    wire.cut()
    assert asking.get(far.url + "/a", purpose="a test", most_bytes=5)[1] == b"hello"
    assert len({asked.headers["Host"] for asked in far.asked}) == 1


def test_a_body_may_take_longer_than_its_head(far: FarEnd, asking: Client) -> None:
    later = threading.Event()

    def slow(reply: Reply) -> None:
        reply.send_response(200)
        reply.send_header("Content-Length", "4")
        reply.end_headers()
        reply.wfile.write(b"ab")
        reply.wfile.flush()
        later.wait(1.2)
        reply.wfile.write(b"cd")

    far.answers["/a"] = slow
    with asking.stream(far.url + "/a", purpose="a test", deadline_s=1.0, body_s=LONG_S) as one:
        assert b"".join(one.chunks(4)) == b"abcd"
    with (
        pytest.raises(NetworkError, match="too slowly"),
        asking.stream(far.url + "/a", purpose="a test", deadline_s=LONG_S, body_s=0.2) as one,
    ):
        list(one.chunks(4))
