"""Stage "module": the devices of one GPU module, or of what was built in, as their drivers say.

Starts the driver, which may end or hold up the process. Numbers are passed on as they come:
`hardware.devices` judges them.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from app.engine.native import open_library, vulkan
from app.engine.native.devices import devices, runtime_version

JsonObject = dict[str, Any]


def answer(request: JsonObject, progress: Callable[[JsonObject], None]) -> JsonObject:
    """`devices`: `name`, `description`, `kind`, `backend`, `id`, `total_bytes`, `free_bytes`, and
    where Vulkan tells: `driver`, `is_software`, `is_integrated`. And `runtime`."""
    progress({"step": "loading"})
    library = open_library()
    progress({"step": "asking for devices"})
    found = [device for device in devices(library) if device["kind"] != "cpu"]
    if any(device["backend"] == "Vulkan" for device in found):
        progress({"step": "asking Vulkan"})
        vulkan.describe([device for device in found if device["backend"] == "Vulkan"])
    return {"devices": found, "runtime": runtime_version(library)}
