"""Where this build may fetch a newer catalogue, and whose signature it then believes.

Set by whoever builds Hearth; empty, nothing is ever asked. Plain data.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class UpdateSource:
    """`address` is that of the catalogue file; its signature is at the same address with
    `.minisig` behind it. `public_key` is the second line of a minisign public key file."""

    address: str = ""
    public_key: str = ""

    @property
    def is_configured(self) -> bool:
        return bool(self.address and self.public_key)


CATALOGUE: Final = UpdateSource()
