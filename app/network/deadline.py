"""Streams that end with their request's deadline, however slowly the far end drips.

The HTTP library bounds each silence only. The deadline holds for the thread that set it; a wire
lets any other thread end what that one waits for.
"""

from __future__ import annotations

import contextlib
import socket
import threading
import time
import weakref
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Final

from app.foundation.errors import Unreachable

if TYPE_CHECKING:
    import httpx2

_LEAST_S: Final = 0.001
"""What has arrived already may still be taken; zero would mean not to wait at all."""


class Wire:
    """What one thread's requests wait for, so that another thread can end that at once."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._stream: Any = None
        self._is_cut = False

    def cut(self) -> None:
        """End the present request and all later ones. A name that is being looked up, or a
        connection that is being made, ends with its own deadline."""
        with self._lock:
            self._is_cut = True
            found = None if self._stream is None else self._stream.get_extra_info("socket")
        _shut(found)

    @property
    def is_cut(self) -> bool:
        return self._is_cut

    def hold(self, stream: Any) -> None:
        """Wait for `stream` from now on. Raises Unreachable once the wire was cut."""
        with self._lock:
            self._stream = stream
            if self._is_cut:
                raise Unreachable("The request was stopped.")

    def let_go(self) -> None:
        """What comes next on that stream is another's."""
        with self._lock:
            self._stream = None


class _Thread(threading.local):
    wire: Wire | None = None


_thread = _Thread()


@contextlib.contextmanager
def cut_by(wire: Wire) -> Iterator[None]:
    """All requests of this thread hang on `wire` within."""
    before, _thread.wire = _thread.wire, wire
    try:
        yield
    finally:
        _thread.wire = before


def was_cut() -> bool:
    """Whether somebody ended the present requests of this thread."""
    return _thread.wire is not None and _thread.wire.is_cut


def let_go() -> None:
    """The present request of this thread is over."""
    if _thread.wire is not None:
        _thread.wire.let_go()


def _hold(stream: Any) -> None:
    if _thread.wire is not None:
        _thread.wire.hold(stream)


class Deadline(threading.local):
    """When the present request of this thread must be over."""

    end_s = float("inf")

    @contextlib.contextmanager
    def until(self, end_s: float) -> Iterator[None]:
        before, self.end_s = self.end_s, end_s
        try:
            yield
        finally:
            self.end_s = before

    def within(self, timeout_s: float | None) -> float | None:
        """How long to wait for one thing."""
        left_s = max(_LEAST_S, self.end_s - time.monotonic())
        if timeout_s is None:
            return left_s if left_s < float("inf") else None
        return min(timeout_s, left_s)


class Streams:
    """All connections of a client that are open."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._open: weakref.WeakSet[_Stream] = weakref.WeakSet()

    def add(self, stream: _Stream) -> _Stream:
        with self._lock:
            self._open.add(stream)
        return stream

    def cut(self) -> None:
        """End them all, whatever waits for them. Does not wait."""
        with self._lock:
            streams = list(self._open)
        for stream in streams:
            _shut(stream.get_extra_info("socket"))


def _shut(found: Any) -> None:
    if found is not None:
        with contextlib.suppress(OSError):
            # Not the method of an encrypted socket, which is not made for two threads.
            socket.socket.shutdown(found, socket.SHUT_RDWR)


def bind(client: httpx2.Client, deadline: Deadline) -> Streams:
    """Let all connections of this client end with the deadline; what they are."""
    streams = Streams()
    # The library offers no way to name a backend; a test fails should this place move.
    for transport in (client._transport, *client._mounts.values()):
        pool: Any = getattr(transport, "_pool", None)
        if pool is not None:
            pool._network_backend = _Backend(pool._network_backend, deadline, streams)
    return streams


class _Backend:
    def __init__(self, inner: Any, deadline: Deadline, streams: Streams) -> None:
        self._inner = inner
        self._deadline = deadline
        self._streams = streams

    def connect_tcp(
        self, host: str, port: int, timeout: float | None = None, **more: Any
    ) -> _Stream:
        timeout = self._deadline.within(timeout)
        made = self._inner.connect_tcp(host, port, timeout, **more)
        return self._streams.add(_Stream(made, self._deadline, self._streams))

    def sleep(self, seconds: float) -> None:
        self._inner.sleep(seconds)


class _Stream:
    def __init__(self, inner: Any, deadline: Deadline, streams: Streams) -> None:
        self._inner = inner
        self._deadline = deadline
        self._streams = streams

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        _hold(self._inner)
        return bytes(self._inner.read(max_bytes, self._deadline.within(timeout)))

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        _hold(self._inner)
        self._inner.write(buffer, self._deadline.within(timeout))

    def close(self) -> None:
        self._inner.close()

    def start_tls(
        self, ssl_context: Any, server_hostname: str | None = None, timeout: float | None = None
    ) -> _Stream:
        timeout = self._deadline.within(timeout)
        made = self._inner.start_tls(ssl_context, server_hostname, timeout)
        return self._streams.add(_Stream(made, self._deadline, self._streams))

    def get_extra_info(self, info: str) -> Any:
        return self._inner.get_extra_info(info)
