"""The only HTTP client: checked addresses, caps on time and size, nothing about this machine.

Any thread but the window's; every call blocks. Redirects are followed here, each checked like a
first address. Certificates are those the system trusts, proxies those it is set to.
"""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from http.cookiejar import CookieJar, DefaultCookiePolicy
from typing import TYPE_CHECKING, Final

from app import __version__
from app.foundation.errors import NetworkError
from app.network.certificates import is_nobody_trusted, trust
from app.network.connections import Connections, Open
from app.network.deadline import Deadline, Streams, bind, let_go, was_cut
from app.network.policy import Address, Policy
from app.network.trouble import too_slow, trouble, unusable_proxy

if TYPE_CHECKING:
    import httpx2

USER_AGENT: Final = f"Hearth/{__version__}"
"""The same on every machine: no system, no Python, no machine facts."""
MOST_REDIRECTS: Final = 5
CONNECT_S: Final = 10.0
SILENCE_S: Final = 30.0
_REDIRECTS: Final = frozenset({301, 302, 303, 307, 308})
_HERE: Final = "here"
_MOST_HEAD_BYTES: Final = 64 * 1024
#: Sent to the first host and port only; the rest may follow a redirect anywhere.
_PRIVATE: Final = frozenset({"authorization", "cookie", "proxy-authorization"})


@dataclass(frozen=True, slots=True)
class Head:
    """What came before the body. `first` are the headers of the first answer, where that was a
    redirect: the hub says there what it sends us to. Names are in small letters."""

    url: str
    status: int
    headers: Mapping[str, str]
    first: Mapping[str, str]


class Incoming:
    """A body on its way. Read it once, within the `with` that gave it."""

    def __init__(
        self,
        head: Head,
        response: httpx2.Response,
        record: Open,
        end_s: float,
        may_go_on: Callable[[], object],
    ) -> None:
        self.head = head
        self._response = response
        self._record = record
        self._end_s = end_s
        self._may_go_on = may_go_on

    def chunks(self, most_bytes: int) -> Iterator[bytes]:
        """The body as it comes. Raises NetworkError past `most_bytes` or the deadline, and Offline
        once that is switched on."""
        total = 0
        for chunk in self._response.iter_raw():
            self._may_go_on()
            total += len(chunk)
            self._record.received_bytes += len(chunk)
            if total > most_bytes:
                raise NetworkError(
                    "More came back than was asked for.",
                    f"{_host(self.head.url)} sent more than {most_bytes:,} bytes.",
                    "Try again later; if it stays so, something stands between you and the hub.",
                )
            if time.monotonic() > self._end_s:
                raise too_slow(_host(self.head.url))
            yield chunk


class Client:
    """One for the whole program. Makes nothing before the first request."""

    def __init__(
        self,
        policy: Policy,
        connections: Connections,
        proxy: Callable[[], str] = lambda: "",
        *,
        silence_s: float = SILENCE_S,
    ) -> None:
        """`proxy` is asked for each request: an address, with a sign-in if it needs one; "" for
        what the system is set to. The far end may say nothing for `silence_s`."""
        self._policy = policy
        self._connections = connections
        self._proxy = proxy
        self._silence_s = silence_s
        self._lock = threading.Lock()
        self._clients: dict[str, httpx2.Client] = {}
        self._streams: dict[str, Streams] = {}
        self._deadline = Deadline()

    @contextlib.contextmanager
    def stream(
        self,
        url: str,
        *,
        purpose: str,
        headers: Mapping[str, str] | None = None,
        method: str = "GET",
        deadline_s: float = 60.0,
        body_s: float | None = None,
        follow: bool = True,
    ) -> Iterator[Incoming]:
        """Ask for `url` and hand out what comes; all of it must come within `deadline_s`.

        `purpose` is a phrase for the record ("header of …"). With `body_s` the deadline is that
        of the head, and the body has so long from there. Any status is handed out but redirects,
        which are followed unless `follow` is False. Within `deadline.cut_by` another thread may
        end it. Raises Offline, HostRefused, Unreachable, NetworkError, StorageError.
        """
        end_s = time.monotonic() + deadline_s
        address = self._policy.check(url)
        sent = dict(headers or {})
        first: Mapping[str, str] = {}
        for hop in range(MOST_REDIRECTS + 1):
            with (
                self._deadline.until(end_s),
                self._asked(address, method, sent, purpose) as (response, record),
            ):
                may_go_on = partial(self._policy.check, address.url)
                may_go_on()  # the switch may have been turned meanwhile
                found = {name.lower(): value for name, value in response.headers.items()}
                first = first or found
                if response.status_code not in _REDIRECTS or not follow:
                    _check_encoding(address, found)
                    head = Head(address.url, response.status_code, found, first)
                    if body_s is not None:
                        end_s = time.monotonic() + body_s
                    with self._deadline.until(end_s):
                        yield Incoming(head, response, record, end_s, may_go_on)
                    return
                target = _target(address, found)
            if hop == MOST_REDIRECTS:
                break
            if time.monotonic() > end_s:
                raise too_slow(address.host)
            following = self._policy.check(target, came_from=address)
            if following.origin != address.origin:
                sent = {name: v for name, v in sent.items() if name.lower() not in _PRIVATE}
            address = following
        raise NetworkError(
            f"{address.host} sends us round in circles.",
            f"More than {MOST_REDIRECTS} redirects followed one another.",
            "Try again later.",
        )

    def get(
        self,
        url: str,
        *,
        purpose: str,
        most_bytes: int,
        headers: Mapping[str, str] | None = None,
        deadline_s: float = 60.0,
    ) -> tuple[Head, bytes]:
        """The whole body, of at most `most_bytes`. Raises as `stream`."""
        with self.stream(url, purpose=purpose, headers=headers, deadline_s=deadline_s) as incoming:
            return incoming.head, b"".join(incoming.chunks(most_bytes))

    def hang_up(self) -> None:
        """End every connection to another computer, those that are in use too; does not wait.
        Requests that are made afterwards are none of its business."""
        with self._lock:
            streams = [one for name, one in self._streams.items() if name != _HERE]
        for one in streams:
            one.cut()

    def close(self) -> None:
        """Give up kept connections."""
        with self._lock:
            clients, self._clients = self._clients, {}
            self._streams.clear()
        for client in clients.values():
            client.close()

    @contextlib.contextmanager
    def _asked(
        self, address: Address, method: str, headers: Mapping[str, str], purpose: str
    ) -> Iterator[tuple[httpx2.Response, Open]]:
        """One request, recorded from before it is sent until all of it is over."""
        import httpx2

        client = self._client(address)
        request = client.build_request(method, address.url, headers=headers)
        record = self._connections.begin(address.host, purpose)
        record.sent_bytes = _head_bytes(request.headers.raw) + len(address.url)
        outcome = "failed"
        try:
            response = client.send(request, stream=True)
            try:
                record.received_bytes = _head_bytes(response.headers.raw)
                if record.received_bytes > _MOST_HEAD_BYTES:
                    raise NetworkError("The answer's head is too long.", f"{address.host} sent it.")
                yield response, record
                outcome = f"{response.status_code}"
            finally:
                let_go()
                response.close()
        except httpx2.TimeoutException as error:
            outcome = "timed out"
            raise too_slow(address.host) from error
        except (httpx2.TransportError, httpx2.StreamError) as error:
            outcome = "stopped" if was_cut() else f"failed: {type(error).__name__}"
            raise trouble(address.host, error, is_nobody_trusted) from error
        except BaseException as error:
            outcome = "stopped" if was_cut() else f"stopped: {type(error).__name__}"
            raise
        finally:
            record.end(outcome)

    def _client(self, address: Address) -> httpx2.Client:
        """With a proxy where one is set, and for this computer itself without."""
        proxy = "" if address.is_loopback else self._proxy()
        name = _HERE if address.is_loopback else proxy
        with self._lock:
            if name not in self._clients:
                made = self._made(proxy, trust_env=not address.is_loopback)
                self._clients[name], self._streams[name] = made, bind(made, self._deadline)
            return self._clients[name]

    def _made(self, proxy: str, *, trust_env: bool) -> httpx2.Client:
        import httpx2

        try:
            made = httpx2.Client(
                headers={"User-Agent": USER_AGENT, "Accept-Encoding": "identity"},
                timeout=httpx2.Timeout(self._silence_s, connect=CONNECT_S),
                proxy=proxy or None,
                trust_env=trust_env,
                verify=trust(),
                cookies=CookieJar(DefaultCookiePolicy(allowed_domains=[])),
                follow_redirects=False,
            )
        except (ImportError, ValueError) as error:
            raise unusable_proxy(error, is_ours=bool(proxy)) from error
        return made


def _target(address: Address, headers: Mapping[str, str]) -> str:
    from urllib.parse import urljoin

    location = headers.get("location", "")
    try:
        return urljoin(address.url, location)
    except ValueError:
        return location


def _check_encoding(address: Address, headers: Mapping[str, str]) -> None:
    """Nothing compressed was asked for: a few kilobytes may hide gigabytes."""
    encoding = headers.get("content-encoding", "identity").strip().lower()
    if encoding not in ("", "identity"):
        raise NetworkError(
            "The answer came in a form that was not asked for.",
            f"{address.host} sent it compressed ({encoding[:20]}).",
            "A proxy may do that; try without it.",
        )


def _head_bytes(raw: list[tuple[bytes, bytes]]) -> int:
    return sum(len(name) + len(value) + 4 for name, value in raw)


def _host(url: str) -> str:
    from app.network.policy import host_of

    return host_of(url)
