"""Where a model's tensors go, in the arrays that llama.cpp reads: devices, their shares, experts.

Lives as long as the model made with it. Knows no budgets: which device takes what was decided.
"""

from __future__ import annotations

import ctypes
from typing import Any

from app.engine.messages import LoadSettings
from app.engine.native.library import Library
from app.foundation.errors import NotPossibleHere

# LLM_FFN_EXPS_REGEX of llama.cpp's common.h: the experts of one layer, in every naming.
_EXPERTS = r"blk\.{layer}\.ffn_(up|down|gate|gate_up)_(ch|)exps"


class _Override(ctypes.Structure):
    """struct llama_model_tensor_buft_override (llama.h)."""

    _fields_ = [("pattern", ctypes.c_char_p), ("buffer_type", ctypes.c_void_p)]


class Placement:
    """The arrays of one load. Raises NotPossibleHere for a device that is not registered."""

    def __init__(self, library: Library, settings: LoadSettings) -> None:
        if settings.uses_gpu:
            library.take_modules()
        self._devices = _devices(library, settings)
        self._split = _split(library, settings)
        self._overrides = _overrides(library, settings)

    def put_into(self, parameters: Any) -> None:
        """Point the fields of a `llama_model_params` at the arrays."""
        if self._devices is not None:
            parameters.devices = ctypes.addressof(self._devices)
        if self._split is not None:
            parameters.tensor_split = self._split
        if self._overrides is not None:
            parameters.tensor_buft_overrides = ctypes.addressof(self._overrides)


def _devices(library: Library, settings: LoadSettings) -> ctypes.Array[ctypes.c_void_p] | None:
    # An empty list of devices: with no layer on a GPU its driver is not even started.
    names = (settings.devices if settings.uses_gpu else ()) or ()
    if settings.uses_gpu and settings.devices is None:
        return None
    find = library.ggml.ggml_backend_dev_by_name
    find.restype, find.argtypes = ctypes.c_void_p, [ctypes.c_char_p]
    pointers = [find(name.encode("utf-8")) for name in names]
    for name, pointer in zip(names, pointers, strict=True):
        if not pointer:
            raise NotPossibleHere(
                f"The device {name} is not there.",
                "The model was to be placed on it, but no driver offers it now.",
                "Choose another device, or the processor; `hearth doctor` shows what was found.",
            )
    return (ctypes.c_void_p * (len(pointers) + 1))(*pointers, None)


def _split(library: Library, settings: LoadSettings) -> ctypes.Array[ctypes.c_float] | None:
    if not settings.tensor_split or not settings.uses_gpu:
        return None
    # llama.cpp reads one value for each device of the model, however many are given here.
    room = max(int(library.api.llama_max_devices()), len(settings.tensor_split))
    return (ctypes.c_float * room)(*settings.tensor_split)


def _overrides(library: Library, settings: LoadSettings) -> ctypes.Array[_Override] | None:
    # Without a device everything is in main memory anyway; an override would only cost.
    if not settings.n_cpu_moe or not settings.uses_gpu:
        return None
    main_memory = library.ggml_base.ggml_backend_cpu_buffer_type
    main_memory.restype, main_memory.argtypes = ctypes.c_void_p, []
    buffer_type = main_memory()
    found = (_Override * (settings.n_cpu_moe + 1))()
    for layer in range(settings.n_cpu_moe):
        found[layer] = _Override(_EXPERTS.format(layer=layer).encode("ascii"), buffer_type)
    return found
