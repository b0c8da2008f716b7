"""A file that is believed only when it is signed: where a build may ask for it, and the asking.

Any thread but the window's; `fetch` blocks on the network. Nothing of the file is read before its
signature holds. Does not know what is in it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit

from app.foundation import minisign
from app.foundation.build import said_inside
from app.foundation.errors import NetworkError
from app.network.client import Client
from app.network.policy import host_of

SUFFIX: Final = ".minisig"
_DEADLINE_S: Final = 120.0


class NotSigned(Exception):
    """It came, and was signed by somebody else or by nobody; the text is a sentence."""


@dataclass(frozen=True, slots=True)
class SignedSource:
    """`address` is that of the file; its signature is at the same address with `.minisig` behind
    it. `public_key` is the second line of a minisign public key file. `stores` are more hosts
    that may be asked on its account: those that its host redirects to, or that it names."""

    address: str = ""
    public_key: str = ""
    stores: tuple[str, ...] = ()

    @property
    def is_configured(self) -> bool:
        return bool(self.address and self.public_key)

    @property
    def hosts(self) -> tuple[str, ...]:
        """The hosts that may be asked for it; none where there is no source."""
        host = urlsplit(self.address).hostname if self.is_configured else None
        return (host, *self.stores) if host else ()

    @classmethod
    def named_in(cls, file: str) -> SignedSource:
        """What a file of this bundle names; nowhere, where it is not there or makes no sense.
        Reads a file."""
        said = said_inside(file)
        address, key, stores = said.get("address"), said.get("public_key"), said.get("stores", [])
        if not isinstance(address, str) or not isinstance(key, str) or not isinstance(stores, list):
            return cls()
        return cls(address, key, tuple(host for host in stores if isinstance(host, str)))


@dataclass(frozen=True, slots=True)
class Errand:
    """What is fetched, for the record of connections and for the sentence when it fails."""

    purpose: str
    title: str
    remedy: str


def fetch(client: Client, source: SignedSource, errand: Errand, most_bytes: int) -> bytes:
    """The file, once its signature holds. Raises NotSigned, Offline, NetworkError and kin."""
    signature = _got(client, source.address + SUFFIX, errand, minisign.MOST_SIGNATURE_BYTES)
    content = _got(client, source.address, errand, most_bytes)
    try:
        minisign.check(source.public_key, signature, content)
    except ValueError as error:
        raise NotSigned(str(error)) from None
    return content


def _got(client: Client, address: str, errand: Errand, most_bytes: int) -> bytes:
    head, body = client.get(
        address, purpose=errand.purpose, most_bytes=most_bytes, deadline_s=_DEADLINE_S
    )
    if head.status != 200:
        raise NetworkError(
            errand.title,
            f"{host_of(head.url)} answered with status {head.status}.",
            errand.remedy,
        )
    return body
