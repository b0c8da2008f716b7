"""Which texts are addresses that a setting may hold. Pure; nobody is asked."""

from __future__ import annotations

import ipaddress
from urllib.parse import SplitResult, urlsplit

LONGEST = 500


def is_mirror(text: str) -> bool:
    """A place that is asked with encryption, or on this computer without; empty is none."""
    parts = _parts(text)
    if parts is None or "?" in text or "#" in text:
        return not text
    return parts.scheme == "https" or (parts.scheme == "http" and _is_here(parts.hostname or ""))


def is_proxy(text: str) -> bool:
    """A proxy without its sign-in, which is a secret; empty is none."""
    parts = _parts(text)
    if parts is None or parts.path.strip("/") or parts.query or parts.fragment:
        return not text
    return parts.scheme in ("http", "https")


def _parts(text: str) -> SplitResult | None:
    if not text.isascii() or not text.isprintable() or " " in text or len(text) > LONGEST:
        return None
    try:
        parts = urlsplit(text)
        has_port = parts.port is None or parts.port > 0
    except ValueError:
        return None
    if not parts.hostname or not has_port or "@" in parts.netloc or "\\" in text:
        return None
    return parts


def _is_here(host: str) -> bool:
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
