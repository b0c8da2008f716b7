"""One request for the rest of one file: what comes is believed only as far as it can be checked.

Any thread but the window's. Appends to a partial file; knows nothing of queues, pauses or what
comes next.
"""

from __future__ import annotations

import email.utils
import re
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final

from app.foundation.cancellation import Cancellation
from app.foundation.errors import Busy, NetworkError, Unreachable
from app.models.download.pace import Limit
from app.models.download.partial import Partial
from app.models.wanted import Located
from app.network.client import Client, Head, Incoming
from app.network.policy import host_of

HEAD_S: Final = 60.0
MAGIC: Final = b"GGUF"
_RANGE: Final = re.compile(r"bytes (\d{1,15})-(\d{1,15})/(\d{1,15})\Z")
_SHA256: Final = re.compile(r"[0-9a-f]{64}\Z")
_BUSY: Final = frozenset({408, 423, 425, 429})
_LONGEST_WAIT_S: Final = 3600.0


class Changed(NetworkError):
    """The far end has another file at that address now."""


class NoParts(NetworkError):
    """The far end sends the whole file whatever part is asked for."""


@dataclass(frozen=True, slots=True)
class Drip:
    """Below `bytes` in `over_s` seconds of waiting a connection is given up for a new one."""

    over_s: float = 30.0
    bytes: int = 16 * 1024


class Transfer:
    """Asks for one file until the caller has it all. Used by one thread."""

    def __init__(
        self,
        client: Client,
        stop: Cancellation,
        *,
        limit: Limit,
        drip: Drip,
        arrived: Callable[[int], None],
    ) -> None:
        """`arrived` is called with the number of bytes after each that was written."""
        self._client = client
        self._stop = stop
        self._limit = limit
        self._drip = drip
        self._arrived = arrived

    def fetch(
        self,
        located: Located,
        name: str,
        partial: Partial,
        *,
        whole: bool = False,
        magic: bytes = MAGIC,
    ) -> None:
        """Ask once, and append what comes.

        With `whole` a far end that knows no parts is borne: what is here already is read past.
        What does not begin with `magic` is not taken. Returns when the file is whole, or when
        `stop` is set. Raises Unreachable, Busy, Changed, NoParts, NetworkError and kin, and
        OSError of the disk.
        """
        first = partial.done_bytes
        with self._client.stream(
            located.url,
            purpose=f"download of {name}"[:120],
            headers={**located.headers, "Range": f"bytes={first}-"},
            deadline_s=HEAD_S,
            body_s=float("inf"),
        ) as incoming:
            head = incoming.head
            _check_status(head, name)
            _check_identity(head, located, name)
            skip, length = _extent(head, first, located.bytes, name, whole=whole)
            self._take(incoming, partial, skip, skip + length, magic)
        if not self._stop.is_set and not partial.is_whole:
            raise Unreachable(
                f"The connection to {_host(head)} ended too early.",
                f"{partial.done_bytes:,} of {located.bytes:,} bytes are here.",
                "What is here is kept.",
            )

    def _take(
        self, incoming: Incoming, partial: Partial, skip: int, most: int, magic: bytes
    ) -> None:
        for chunk in self._chunks(incoming, most):
            if skip:
                chunk, skip = chunk[skip:], max(0, skip - len(chunk))
            for piece in _pieces(chunk, self._limit.piece_bytes()):
                self._limit.take(len(piece), self._stop)
                if self._stop.is_set:
                    return
                at = partial.done_bytes
                if at < len(magic) and piece[: len(magic) - at] != magic[at : at + len(piece)]:
                    raise _odd(incoming.head, "It does not begin like the file that it should be.")
                partial.write(piece)
                self._arrived(len(piece))

    def _chunks(self, incoming: Incoming, most: int) -> Iterator[bytes]:
        """What comes; ends by Unreachable where hardly anything does. Only waiting counts."""
        chunks = incoming.chunks(most)
        waited_s, n_bytes = 0.0, 0
        while True:
            began_s = time.monotonic()
            chunk = next(chunks, None)
            if chunk is None:
                return
            waited_s += time.monotonic() - began_s
            n_bytes += len(chunk)
            yield chunk
            if waited_s >= self._drip.over_s:
                if n_bytes < self._drip.bytes:
                    raise Unreachable(
                        f"{_host(incoming.head)} answers too slowly.",
                        f"{n_bytes:,} bytes came in {waited_s:.0f} seconds.",
                        "What is here is kept.",
                    )
                waited_s, n_bytes = 0.0, 0


def _pieces(chunk: bytes, most: int) -> Iterator[bytes]:
    for at in range(0, len(chunk), most):
        yield chunk[at : at + most]


def _check_status(head: Head, name: str) -> None:
    status, host = head.status, _host(head)
    if status in (404, 410):
        raise NetworkError(
            f"There is no file {name[:80]} there any more.",
            f"{host} does not know it.",
            "Look at the model again, and choose another file of it.",
        )
    if status in _BUSY or status >= 500:
        raise Busy(
            f"{host} is busy or broken.",
            f"It answered with status {status}.",
            "What is here is kept.",
            after_s=retry_after_s(head),
        )
    if status in (401, 403):
        raise NetworkError(
            f"{host} does not give out {name[:80]} now.",
            f"It answered with status {status}: it wants an account, or a licence accepted.",
            "Check the token in the settings, and the licence on the model's page.",
        )
    if "text/html" in head.headers.get("content-type", ""):
        raise Busy(
            "A web page came in place of the model.",
            f"{host} sent a page; a network that wants you to sign in does that.",
            "Sign in to the network in your browser.",
        )
    if status not in (200, 206, 416):
        raise _odd(head, f"It answered with status {status}.")


def _check_identity(head: Head, located: Located, name: str) -> None:
    """The hub says at its own address which file it is; the store behind it need not."""
    etag = head.first.get("x-linked-etag", "").removeprefix("W/").strip('"').lower()
    size = head.first.get("x-linked-size", "")
    if (_SHA256.match(etag) and etag != located.sha256) or (
        size.isdecimal() and len(size) < 16 and int(size) != located.bytes
    ):
        raise Changed(
            f"{name[:80]} changed while it was fetched.",
            "Its publisher replaced it.",
            "Look at the model again, and choose it anew.",
        )


def _extent(head: Head, first: int, total: int, name: str, *, whole: bool) -> tuple[int, int]:
    """How many bytes to read past, and how many belong to us behind them."""
    if head.status == 416:
        raise _odd(head, "It says that the file ends before the part that was asked for.")
    if head.status == 200:
        length = head.headers.get("content-length", "")
        if length and length != str(total):
            raise _odd(head, f"It promises {length[:20]} bytes, not {total:,}.")
        if first and not whole:
            raise NoParts(
                f"{_host(head)} does not give out parts of files.",
                "It began to send the whole file where the rest was asked for.",
                "A proxy may do that; try without it.",
            )
        return first, total - first
    match = _RANGE.match(head.headers.get("content-range", ""))
    if match is None:
        raise _odd(head, "It does not say which part of the file it sends.")
    begins, ends, says = (int(part) for part in match.groups())
    if says != total:
        raise _odd(head, f"It says that the file has {says:,} bytes, not {total:,}.")
    if begins != first or not first <= ends < total:
        raise _odd(head, "It sends another part than was asked for.")
    return 0, ends + 1 - first


def retry_after_s(head: Head) -> float | None:
    """How long it asks to be left alone. A date is taken by its own clock, not by ours."""
    text = head.headers.get("retry-after", "").strip()
    if text.isdecimal() and len(text) < 10:
        return min(float(text), _LONGEST_WAIT_S)
    then, now = _moment(text), _moment(head.headers.get("date", ""))
    if then is None or now is None:
        return None
    return min(max(0.0, then - now), _LONGEST_WAIT_S)


def _moment(text: str) -> float | None:
    try:
        return email.utils.parsedate_to_datetime(text).timestamp()
    except (ValueError, OverflowError, OSError):
        return None


def _odd(head: Head, detail: str) -> NetworkError:
    return NetworkError(
        f"What {_host(head)} sends cannot be right.",
        detail,
        "If it stays so, something stands between you and the hub.",
    )


def _host(head: Head) -> str:
    return host_of(head.url) or "The far end"
