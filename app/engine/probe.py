"""The body of the child "devices": what llama.cpp can compute on here.

Its own process, because drivers may die while they are asked. Knows no models.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

JsonObject = dict[str, Any]


def answer(request: JsonObject, progress: Callable[[JsonObject], None]) -> JsonObject:
    """`devices` (fields of `hardware.profile.Device`), `features`, and `runtime`.

    Raises NotPossibleHere where llama.cpp itself cannot be loaded.
    """
    from app.engine.native import open_library
    from app.engine.native.devices import devices, instruction_sets, runtime_version

    library = open_library()
    return {
        "devices": devices(library),
        "features": instruction_sets(library),
        "runtime": runtime_version(library),
    }
