"""Where this build may ask for a newer Hearth, and whose signature it then believes.

Set by whoever builds Hearth (installer/README.md says how) and kept beside the program's other
files; from a checkout, or empty, nothing is ever asked. Any thread that may wait for a disk.
"""

from __future__ import annotations

import functools

from app.foundation.build import UPDATES
from app.network.signed import SignedSource


@functools.cache
def program_source() -> SignedSource:
    """Nowhere, where this build names nothing or what it names makes no sense."""
    return SignedSource.named_in(UPDATES)
