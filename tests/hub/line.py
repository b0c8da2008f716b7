"""The sockets: reads requests, writes replies as they are, and can break off at any place."""

from __future__ import annotations

import contextlib
import socket
import struct
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from tests.hub.content import pieces
from tests.hub.record import Asked, Record, Side
from tests.hub.reply import Reply

IDLE_S = 30.0
#: Answers one request; may send it itself and return None.
Answer = Callable[["Line", Asked], Reply | None]


class Line(BaseHTTPRequestHandler):
    """One connection."""

    protocol_version = "HTTP/1.1"
    timeout = IDLE_S
    server: Host

    def do_GET(self) -> None:
        asked = Asked(
            self.server.side,
            self.command,
            self.path,
            {name.lower(): value for name, value in self.headers.items()},
        )
        self.server.record.note(asked)
        with contextlib.suppress(ConnectionError, TimeoutError):
            reply = self.server.answer(self, asked)
            if reply is not None:
                self.say(asked, reply)

    do_HEAD = do_POST = do_PUT = do_DELETE = do_CONNECT = do_GET

    def say(self, asked: Asked, reply: Reply) -> None:
        """Send all of it."""
        self.say_head(asked, reply)
        if self.command != "HEAD":
            self.say_body(asked, reply, reply.n_bytes)
        if reply.said_bytes is not None:
            self.close_connection = True

    def say_head(self, asked: Asked, reply: Reply) -> None:
        asked.status = reply.status
        self.send_response(reply.status)
        for name, value in reply.headers:
            self.send_header(name, value)
        said = reply.n_bytes if reply.said_bytes is None else reply.said_bytes
        if said >= 0:
            self.send_header("Content-Length", str(said))
        else:
            self.send_header("Connection", "close")
        self.end_headers()

    def say_body(self, asked: Asked, reply: Reply, n_bytes: int) -> None:
        """The first `n_bytes` of the body."""
        asked.first = reply.first
        for piece in pieces(reply.content, reply.first, n_bytes):
            self.wfile.write(piece)
            asked.sent_bytes += len(piece)

    def raw(self, data: bytes) -> None:
        self.wfile.write(data)

    def hang_up(self) -> None:
        """End the connection as if all had been said."""
        self.close_connection = True

    def reset(self) -> None:
        """Break the connection off, so that the other side hears of an error."""
        self.server.broken.add(self.connection.fileno())
        linger = struct.pack("ii", 1, 0)
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
        self.close_connection = True

    def pause(self, seconds: float) -> bool:
        """Wait; whether the server still runs."""
        return not self.server.ending.wait(seconds)

    def log_message(self, *_: object) -> None:
        """Quiet."""


class Host(ThreadingHTTPServer):
    """One port of one side; `connecting` says whether a new connection may be."""

    daemon_threads = False
    block_on_close = True
    request_queue_size = 128

    def __init__(self, side: Side, address: tuple[str, int], record: Record) -> None:
        self.side: Side = side
        self.record = record
        self.answer: Answer = lambda line, asked: Reply(404)
        self.connecting: Callable[[], bool] = lambda: True
        self.ending = threading.Event()
        self.broken: set[int] = set()
        self._open: set[socket.socket] = set()
        self._lock = threading.Lock()
        super().__init__(address, Line)
        self._thread = threading.Thread(
            target=self.serve_forever, kwargs={"poll_interval": 0.02}, name=f"{side} host"
        )
        self._thread.start()

    @property
    def name(self) -> str:
        host, port = self.server_address[:2]
        return f"{host!s}:{port}"

    def process_request(self, request: Any, client_address: Any) -> None:
        self.record.connected()
        if not self.connecting():
            request.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            request.close()
            return
        with self._lock:
            self._open.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        with self._lock:
            self._open.discard(request)
        if request.fileno() in self.broken:
            self.broken.discard(request.fileno())
            request.close()
        else:
            super().shutdown_request(request)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A connection that the other side broke off is no news here."""

    def hang_up_all(self) -> None:
        """End every connection that is open."""
        with self._lock:
            for request in self._open:
                with contextlib.suppress(OSError):
                    request.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        self.ending.set()
        self.shutdown()
        self.hang_up_all()
        self.server_close()
        self._thread.join()
