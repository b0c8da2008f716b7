"""An HTTP client for a library that brings its own ways: it asks through ours or not at all.

Every request belongs to an errand of the thread that makes it; without one nothing is sent. What
goes out is made anew here: address and token, and nothing that the library adds.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Mapping
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Final

import httpx2

from app.foundation.errors import HostRefused, NetworkError
from app.network.client import Client, Head
from app.network.policy import origin_of

MOST_BYTES: Final = 16 * 1024 * 1024


@dataclass(slots=True)
class Errand:
    """One call of the library: through which client, what for, and what may come of it.

    `check` sees each answer before the library does, and may raise. A token goes to `origin` and
    nowhere else. `query` is added to the address. `asked` counts what was sent.
    """

    client: Client
    origin: str
    purpose: str
    check: Callable[[Head, bytes], None]
    query: Mapping[str, str] = field(default_factory=dict)
    most_bytes: int = MOST_BYTES
    deadline_s: float = 30.0
    most_requests: int = 1
    asked: int = 0


_present: ContextVar[Errand | None] = ContextVar("hearth_errand", default=None)


@contextlib.contextmanager
def on(errand: Errand) -> Iterator[None]:
    """What the library asks within this `with`, on this thread, is asked for `errand`."""
    before = _present.set(errand)
    try:
        yield
    finally:
        _present.reset(before)


def library_client() -> httpx2.Client:
    """What the library is given. It may be shared, and closed at any time: it holds nothing."""
    return httpx2.Client(transport=_Through(), trust_env=False, follow_redirects=False)


class _Through(httpx2.BaseTransport):
    def handle_request(self, request: httpx2.Request) -> httpx2.Response:
        errand = _present.get()
        if errand is None or request.method != "GET":
            raise HostRefused(
                "A part of Hearth wanted to connect without being asked to.",
                f"The hub library was about to ask {request.url.host}; nothing was sent.",
                "Please report this.",
            )
        if errand.asked >= errand.most_requests:
            raise NetworkError(
                "The hub's answer does not end.",
                "It asks to be asked again and again.",
                "Try again later; if it stays so, something stands between you and the hub.",
            )
        errand.asked += 1
        url = str(request.url.copy_merge_params(dict(errand.query)))
        head, body = errand.client.get(
            url,
            purpose=errand.purpose[:120],
            most_bytes=errand.most_bytes,
            headers=_private(request, errand, url),
            deadline_s=errand.deadline_s,
        )
        errand.check(head, body)
        kind = head.headers.get("content-type", "application/json")
        return httpx2.Response(head.status, headers={"Content-Type": kind}, content=body)


def _private(request: httpx2.Request, errand: Errand, url: str) -> dict[str, str]:
    said = request.headers.get("authorization", "")
    return {"Authorization": said} if said and origin_of(url) == errand.origin else {}
