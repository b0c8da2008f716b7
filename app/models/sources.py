"""Where this build may fetch a newer catalogue, and whose signature it then believes.

Set by whoever builds Hearth; empty, nothing is ever asked. Plain data.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit


@dataclass(frozen=True, slots=True)
class UpdateSource:
    """`address` is that of the catalogue file; its signature is at the same address with
    `.minisig` behind it. `public_key` is the second line of a minisign public key file."""

    address: str = ""
    public_key: str = ""

    @property
    def is_configured(self) -> bool:
        return bool(self.address and self.public_key)

    @property
    def hosts(self) -> tuple[str, ...]:
        """The host that may be asked for it; none where there is no source."""
        host = urlsplit(self.address).hostname if self.is_configured else None
        return (host,) if host else ()


CATALOGUE: Final = UpdateSource()
