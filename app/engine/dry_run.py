"""The body of the child "dry-run": what a load would take, counted by llama.cpp itself.

Nothing is loaded: buffers are sized, not made (`no_alloc`). Its own process, because llama.cpp
aborts on some combinations. Knows no machine and makes no plan.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable
from typing import Any

from app.engine.messages import LoadSettings
from app.foundation.errors import HearthError, LoadFailed, NotEnoughMemory

JsonObject = dict[str, Any]

_MIB = 1024 * 1024
_FLOAT_BYTES = 4
_COMPUTE = re.compile(r"(\S+) compute buffer size =\s*([0-9.]+) MiB")
_OUTPUT = re.compile(r"(\S+)\s+output buffer size =\s*([0-9.]+) MiB")
# "llama_kv_cache: size = 4.00 MiB (…", "llama_memory_recurrent: size = 0.03 MiB (…"
_CONTEXT = re.compile(r"\w+: size =\s*([0-9.]+) MiB \(")
_HOST = re.compile(r"^CPU|_Host$|_REPACK$|^AMX|^BLAS")


def answer(request: JsonObject, progress: Callable[[JsonObject], None]) -> JsonObject:
    """`request["settings"]` are the fields of LoadSettings.

    Answers `devices`: per device `model`, `repacked` (the part of `model` that a mapped file
    would hold a second time), `context`, `compute` and `output` in bytes; `model` is None and
    all `context` is on "CPU" where llama.cpp's books cannot be read (`exact` is False).
    Raises LoadFailed or NotEnoughMemory where llama.cpp refuses the file or the settings.
    """
    from app.engine.native import AbortFlag, ContextHandle, ModelHandle, open_library

    settings = dry_settings(LoadSettings.of(request["settings"]))
    settings.check()
    library = open_library()
    library.log.clear()
    try:
        model = ModelHandle(library, settings, lambda fraction: True, no_alloc=True)
    except RuntimeError as error:
        raise refused(library.log.errors()) from error
    try:
        context = ContextHandle(model, settings, AbortFlag())
    except RuntimeError as error:
        model.close()
        raise refused(library.log.errors()) from error
    try:
        return measure(context)
    finally:
        context.close()
        model.close()


def dry_settings(settings: LoadSettings) -> LoadSettings:
    """The same, read in the only way that a dry run survives: a mapped file is an abort."""
    return dataclasses.replace(settings, load_mode="none")


def measure(context: Any) -> JsonObject:
    """Bytes of a context (native.ContextHandle), real or not, by device."""
    from app.engine.native.memory import breakdown

    lines = context.library.log.lines()
    uses = breakdown(context)
    devices: dict[str, JsonObject] = {}

    def device(name: str) -> JsonObject:
        empty = {"model": 0, "repacked": 0, "context": 0, "compute": 0, "output": 0}
        return devices.setdefault(name, empty)

    host = device("CPU")
    if uses is not None:
        for use in uses:
            entry = device(use.device)
            entry["model"] += use.model_bytes
            entry["context"] += use.context_bytes
            entry["compute"] += use.compute_bytes
            if use.device == "CPU" and use.buffer_type.endswith(("_REPACK", "AMX")):
                entry["repacked"] += use.model_bytes
    else:
        host["context"] = sum(_logged(_CONTEXT, lines).values())
        for name, n_bytes in _logged(_COMPUTE, lines).items():
            device("CPU" if _HOST.search(name) else name)["compute"] += n_bytes
        for entry in devices.values():
            entry["model"] = None
    # Not in llama.cpp's books: where logits are handed over.
    host["output"] = sum(_logged(_OUTPUT, lines).values())
    return {"exact": uses is not None, "devices": devices}


def refused(reasons: list[str]) -> HearthError:
    """The error for what llama.cpp said no to."""
    why = "; ".join(reasons)
    if "alloc" in why:
        return NotEnoughMemory(
            "The model does not fit into memory.",
            f"llama.cpp says: {why}.",
            "Close other programs, choose a smaller context, or a smaller model.",
        )
    return LoadFailed(
        "llama.cpp cannot load this model.",
        why or "It gave no reason.",
        "Check that the download is complete, or choose another file of the model.",
    )


def _logged(pattern: re.Pattern[str], lines: list[str]) -> dict[str, int]:
    """Bytes by the name before them; a line without a name counts by its place."""
    found: dict[str, int] = {}
    for line in lines:
        if match := pattern.search(line):
            named = len(match.groups()) == 2
            name = match[1] if named else str(len(found))
            found[name] = round(float(match[match.lastindex or 1]) * _MIB)
    return found
