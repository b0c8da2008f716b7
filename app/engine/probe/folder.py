"""Stage "runtime": which CPU variants and GPU modules there are, and what could run here.

Asks every variant for its score, which opens it: may end the process. Starts no driver.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from app.foundation.paths import native_runtime

JsonObject = dict[str, Any]


def answer(request: JsonObject, progress: Callable[[JsonObject], None]) -> JsonObject:
    """`scores` of variants (0: not here) and `modules`. Where the processor's part is built in,
    the one variant is "native"; the module "" is what else was built in."""
    from app.engine.native import backends

    runtime = native_runtime()
    if runtime is None:
        return {"scores": {backends.NATIVE: 1}, "modules": [""]}
    modules = list(backends.gpu_modules(runtime))
    if not backends.variants(runtime):
        return {"scores": {backends.NATIVE: 1}, "modules": ["", *modules]}
    return {"scores": backends.scores(runtime), "modules": modules}
