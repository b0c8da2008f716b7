"""What the bundle's start put into the environment for itself, and what stood there before.

Standard library alone; any thread. The start (installer/package/at_start.py) leaves a note of it.
"""

from __future__ import annotations

import os
import sys
from typing import Final

#: Where the bundle's start keeps what the person had set, before it names its own folders to Qt.
KEPT: Final = "hearth_environment"


def without_our_own() -> dict[str, str]:
    """The environment for a program that is not this one: another version, a browser."""
    environment = dict(os.environ)
    kept: dict[str, str | None] = getattr(sys, KEPT, {})
    for name, before in kept.items():
        if before is None:
            environment.pop(name, None)
        else:
            environment[name] = before
    return environment
