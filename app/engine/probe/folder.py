"""Stage "runtime": which CPU variants and GPU modules there are, and what could run here.

Asks every variant for its score, which opens it: may end the process. Starts no driver.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from app.foundation.paths import native_runtime

JsonObject = dict[str, Any]


def answer(request: JsonObject, progress: Callable[[JsonObject], None]) -> JsonObject:
    """`scores` of variants (0: not here) and `modules`. In the plain build the one variant is
    "native", and the one module, "", is what was built in."""
    from app.engine.native import backends

    runtime = native_runtime()
    scores = {} if runtime is None else backends.scores(runtime)
    if runtime is None or not scores:
        return {"scores": {backends.NATIVE: 1}, "modules": [""]}
    return {"scores": scores, "modules": list(backends.gpu_modules(runtime))}
