"""Where a bundle that is made now will ask for newer versions and newer lists of models: settings
of who makes it, from the environment, checked before anything is packed, and kept in the bundle.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from app.foundation import minisign
from app.foundation.build import CATALOGUE, UPDATES
from app.foundation.errors import HearthError
from app.network.policy import Policy, host_of
from installer.package.checks import inside_of


@dataclass(frozen=True, slots=True)
class Setting:
    """One signed file. `prefix` begins its names in the environment, `file` is the bundle's."""

    prefix: str
    file: str

    @property
    def address(self) -> str:
        """The name of the file's address."""
        return f"{self.prefix}_ADDRESS"

    @property
    def key(self) -> str:
        """The name of the public key."""
        return f"{self.prefix}_KEY"

    @property
    def stores(self) -> str:
        """The name of the list of more hosts."""
        return f"{self.prefix}_STORES"

    def named(self, environment: Mapping[str, str]) -> dict[str, Any]:
        """What the environment says, as the file will; nothing where nobody is to be asked.

        Raises ValueError with a sentence for what no Hearth could use.
        """
        address = environment.get(self.address, "").strip()
        key = environment.get(self.key, "").strip()
        if not address and not key:
            return {}
        if not address or not key:
            raise ValueError(f"{self.address} and {self.key} belong together; one is missing.")
        stores = environment.get(self.stores, "").replace(",", " ").split()
        try:
            Policy(lambda: False, (host_of(address), *stores)).check(address)
        except HearthError as error:
            raise ValueError(f"{self.address} cannot be asked. {error}") from error
        try:
            minisign.key_of(key)
        except ValueError as error:
            raise ValueError(f"{self.key} is no key. {error}") from error
        return {"address": address, "public_key": key, "stores": stores}

    def put(self, bundle: Path, said: Mapping[str, Any]) -> None:
        """Have a bundle ask there. A start does not miss the file: packages that the system
        renews come without that of newer versions."""
        if said:
            file = inside_of(bundle) / self.file
            file.write_text(json.dumps(said, indent=1) + "\n", encoding="utf-8")


VERSIONS: Final = Setting("HEARTH_UPDATES", UPDATES)
MODELS: Final = Setting("HEARTH_CATALOGUE", CATALOGUE)
SETTINGS: Final = (VERSIONS, MODELS)
