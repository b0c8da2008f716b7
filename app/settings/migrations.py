"""Old settings files → today's keys, step by step. Pure: a dictionary in, a dictionary out.

Step n takes the values of schema n to schema n + 1. A step that was released never changes.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

Values = dict[str, Any]
Migration = Callable[[Values], Values]

MIGRATIONS: tuple[Migration, ...] = ()


def migrated(values: Values, found: int, steps: tuple[Migration, ...] = MIGRATIONS) -> Values:
    """`values` of schema `found` (the first is 1) after every later step."""
    for step in steps[found - 1 :]:
        values = step(dict(values))
    return values
