"""Where this build may ask for a newer Hearth, and whose signature it then believes.

Set by whoever builds Hearth (installer/README.md says how) and kept beside the program's other
files; from a checkout, or empty, nothing is ever asked. Any thread that may wait for a disk.
"""

from __future__ import annotations

import functools

from app.foundation.build import UPDATES, said_inside
from app.network.signed import SignedSource


@functools.cache
def program_source() -> SignedSource:
    """Nowhere, where this build names nothing or what it names makes no sense."""
    said = said_inside(UPDATES)
    address, key, stores = said.get("address"), said.get("public_key"), said.get("stores", [])
    if not isinstance(address, str) or not isinstance(key, str) or not isinstance(stores, list):
        return SignedSource()
    return SignedSource(address, key, tuple(host for host in stores if isinstance(host, str)))
