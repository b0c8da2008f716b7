"""Where a bundle that is made now will ask for newer versions: a setting of who makes it, from the
environment, checked before anything is packed, and kept in a file of the bundle.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from app.foundation import minisign
from app.foundation.build import UPDATES
from app.foundation.errors import HearthError
from app.network.policy import Policy, host_of
from installer.package.checks import inside_of

ADDRESS: Final = "HEARTH_UPDATES_ADDRESS"
KEY: Final = "HEARTH_UPDATES_KEY"
STORES: Final = "HEARTH_UPDATES_STORES"


def named(environment: Mapping[str, str]) -> dict[str, Any]:
    """What the environment says, as the file will; nothing where nobody is to be asked.

    Raises ValueError with a sentence for what no Hearth could use.
    """
    address, key = environment.get(ADDRESS, "").strip(), environment.get(KEY, "").strip()
    if not address and not key:
        return {}
    if not address or not key:
        raise ValueError(f"{ADDRESS} and {KEY} belong together; one of them is missing.")
    stores = environment.get(STORES, "").replace(",", " ").split()
    try:
        Policy(lambda: False, (host_of(address), *stores)).check(address)
    except HearthError as error:
        raise ValueError(f"{ADDRESS} cannot be asked. {error}") from error
    try:
        minisign.key_of(key)
    except ValueError as error:
        raise ValueError(f"{KEY} is no key. {error}") from error
    return {"address": address, "public_key": key, "stores": stores}


def put(bundle: Path, said: Mapping[str, Any]) -> None:
    """Have a bundle ask there. A start does not miss the file: packages that the system renews
    come without it."""
    if said:
        file = inside_of(bundle) / UPDATES
        file.write_text(json.dumps(said, indent=1) + "\n", encoding="utf-8")
