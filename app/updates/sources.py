"""Where this build may ask for a newer Hearth, and whose signature it then believes.

Set by whoever builds Hearth; empty, nothing is ever asked. Plain data.
"""

from __future__ import annotations

from typing import Final

from app.network.signed import SignedSource

PROGRAM: Final = SignedSource()
