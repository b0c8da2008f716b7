"""Which addresses may be asked at all, decided before any name is looked up.

Pure but for the two switches, the settings' and this start's, which it asks each time. Knows
nothing of what is asked for.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Final
from urllib.parse import SplitResult, urlsplit

from app.foundation.errors import HostRefused, Offline
from app.network.offline import forced_by

HUB: Final = "huggingface.co"
#: The hub and the stores it sends downloads to; a name with a dot in front means all below it.
HUB_HOSTS: Final = (HUB, f".{HUB}", ".hf.co")
_LONGEST: Final = 4096
_HOST: Final = re.compile(r"[A-Za-z0-9._\-]+\Z|[0-9A-Fa-f:.]+\Z")


@dataclass(frozen=True, slots=True)
class Address:
    """An address that may be asked."""

    url: str
    host: str
    is_loopback: bool

    @property
    def origin(self) -> str:
        """Scheme, host and port: what may see what was told to it."""
        return origin_of(self.url)


class Policy:
    """The offline switch and the hosts that may be asked. `is_offline` and `mirror`, which gives
    one more host or "", are called for every request; `hosts` are names, with a dot in front for
    all names below them."""

    def __init__(
        self,
        is_offline: Callable[[], bool],
        hosts: Iterable[str] = HUB_HOSTS,
        mirror: Callable[[], str] = lambda: "",
    ) -> None:
        self._is_offline = is_offline
        self._hosts = frozenset(host.lower().rstrip(".") for host in hosts)
        self._mirror = mirror

    def check(self, url: str, *, came_from: Address | None = None) -> Address:
        """The address, if it may be asked; `came_from` is where a redirect was met.

        Raises Offline or HostRefused. Loopback never leaves the computer: it may be asked while
        offline and without TLS, but no other host may send us there.
        """
        parts = _split(url)
        host = (parts.hostname or "").lower().rstrip(".")
        loopback = is_loopback(host)
        if not self._knows(host) or (loopback and came_from and not came_from.is_loopback):
            raise HostRefused(
                f"Hearth does not connect to {_shown(host)}.",
                "It is none of the places that models are fetched from"
                + (f"; {came_from.host} pointed there." if came_from else "."),
                "Check the address. A mirror of the hub is named in the settings, under Network.",
            )
        if parts.scheme != "https" and not (parts.scheme == "http" and loopback):
            raise HostRefused(
                f"Hearth does not ask {_shown(host)} without encryption.",
                f"The address begins with {parts.scheme}:, not with https:.",
                "Use an address that begins with https.",
            )
        if not loopback:
            self._check_switch(host)
        return Address(url, host, loopback)

    @property
    def is_offline(self) -> bool:
        """Whether only this computer itself may be asked now."""
        return bool(forced_by()) or self._is_offline()

    def _check_switch(self, host: str) -> None:
        if by := forced_by():
            raise Offline(
                "Hearth is offline.",
                f"It was about to ask {_shown(host)}; this start is offline ({by}).",
                f"Start Hearth without {by}.",
            )
        if self._is_offline():
            raise Offline(
                "Hearth is offline.",
                f"It was about to ask {_shown(host)}; the offline switch is on.",
                "Turn “Stay offline” off in the settings, under Privacy.",
            )

    def _knows(self, host: str) -> bool:
        if not host:
            return False
        mirror = self._mirror().lower().rstrip(".")
        if host in self._hosts or (mirror and (host == mirror or host.endswith(f".{mirror}"))):
            return True
        labels = host.split(".")
        return any("." + ".".join(labels[start:]) in self._hosts for start in range(1, len(labels)))


def is_loopback(host: str) -> bool:
    """Whether a name or number means this computer, without looking it up."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def host_of(url: str) -> str:
    """The host of an address. Raises HostRefused for what is no usable address."""
    return (_split(url).hostname or "").lower()


def origin_of(url: str) -> str:
    """Scheme, host and port, always written the same way. Raises HostRefused."""
    parts = _split(url)
    port = parts.port or {"https": 443, "http": 80}.get(parts.scheme, 0)
    return f"{parts.scheme}://{(parts.hostname or '').lower().rstrip('.')}:{port}"


def _split(url: str) -> SplitResult:
    refused = HostRefused(
        "That is not an address that can be asked.",
        f"“{_shown(url)}” has no form that Hearth knows.",
        "Check the address.",
    )
    if len(url) > _LONGEST or not url.isascii() or any(ord(c) <= 32 or c == "\\" for c in url):
        raise refused
    try:
        parts = urlsplit(url)
        has_port = parts.port is None or parts.port > 0
    except ValueError:
        raise refused from None
    # Other characters would be written differently by whoever asks than they were checked here.
    if (
        not parts.hostname
        or not _HOST.match(parts.hostname)
        or parts.username is not None
        or "@" in parts.netloc
        or not has_port
    ):
        raise refused
    return parts


def _shown(text: str) -> str:
    return text if len(text) <= 80 else text[:79] + "…"
