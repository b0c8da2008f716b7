"""Devices and instruction sets as ggml sees them, through our own view of its C interface.

Asking a GPU backend starts its driver, which may end the process: done in a child only. Knows
no models. The CPU device's free memory is a fiction (it equals the total).
"""

from __future__ import annotations

import ctypes
from collections.abc import Iterator
from typing import Any

from app.engine.native.library import Library
from app.foundation.errors import NotPossibleHere

_KINDS = {0: "cpu", 1: "gpu", 2: "igpu", 3: "accelerator"}  # enum ggml_backend_dev_type
_CPU = 0
# What the CPU backend reports beside instruction sets (ggml-cpu.cpp, get_features).
_NOT_INSTRUCTIONS = frozenset({"ACCELERATE", "KLEIDIAI", "LLAMAFILE", "OPENMP", "REPACK", "VXE"})


class _Caps(ctypes.Structure):
    _fields_ = [
        (name, ctypes.c_bool)
        for name in ("async_", "host_buffer", "buffer_from_host_ptr", "events", "mmap_support")
    ]


class _Props(ctypes.Structure):
    """struct ggml_backend_dev_props (ggml-backend.h), 56 bytes."""

    _fields_ = [
        ("name", ctypes.c_char_p),
        ("description", ctypes.c_char_p),
        ("memory_free", ctypes.c_size_t),
        ("memory_total", ctypes.c_size_t),
        ("type", ctypes.c_int),
        ("device_id", ctypes.c_char_p),
        ("caps", _Caps),
    ]


class _Feature(ctypes.Structure):
    _fields_ = [("name", ctypes.c_char_p), ("value", ctypes.c_char_p)]


def devices(library: Library) -> list[dict[str, Any]]:
    """Every registered device: name, description, kind, backend, id, total_bytes, free_bytes.

    Numbers are as the driver gives them: more free than there is, or a wrapped one, may be.
    """
    found = []
    for pointer in _pointers(library):
        props = _props(library, pointer)
        found.append(
            {
                "name": _text(props.name),
                "description": _text(props.description),
                "kind": _KINDS.get(props.type, "accelerator"),
                "backend": _text(
                    _call(library, "ggml_backend_reg_name", _registry(library, pointer))
                ),
                "id": _text(props.device_id).lower(),
                "total_bytes": int(props.memory_total),
                "free_bytes": int(props.memory_free),
            }
        )
    return found


def processor_device(library: Library) -> int:
    """The pointer of the device that is the processor. Raises NotPossibleHere without one."""
    for pointer in _pointers(library):
        if _props(library, pointer).type == _CPU:
            return pointer
    raise NotPossibleHere(
        "Hearth's inference library has no part for this processor.", "", "Install Hearth again."
    )


def device_named(library: Library, name: str) -> int | None:
    """The pointer of the device of this name, if it is registered."""
    found = (p for p in _pointers(library) if _text(_props(library, p).name) == name)
    return next(found, None)


def instruction_sets(library: Library) -> list[str]:
    """The instruction sets the loaded CPU backend was built for and uses, in its words."""
    for pointer in _pointers(library):
        if _props(library, pointer).type != _CPU:
            continue
        base = library.ggml_base
        base.ggml_backend_reg_get_proc_address.restype = ctypes.c_void_p
        base.ggml_backend_reg_get_proc_address.argtypes = [ctypes.c_void_p, ctypes.c_char_p]
        registry = _registry(library, pointer)
        address = base.ggml_backend_reg_get_proc_address(registry, b"ggml_backend_get_features")
        if not address:
            continue
        ask = ctypes.CFUNCTYPE(ctypes.POINTER(_Feature), ctypes.c_void_p)(address)
        return list(_named(ask(registry)))
    return []


def runtime_version(library: Library) -> str:
    """The bindings' version with llama.cpp's own, for example "0.3.36 (llama.cpp 0.5.0)"."""
    from importlib.metadata import PackageNotFoundError, version

    try:
        bindings = version("llama-cpp-python")
    except PackageNotFoundError:  # a bundle may come without the package's metadata
        bindings = "unknown"
    try:
        own = library.ggml_base.ggml_version
    except AttributeError:
        return bindings
    own.restype = ctypes.c_char_p
    return f"{bindings} (ggml {_text(own())})"


def _named(features: Any) -> Iterator[str]:
    index = 0
    while features[index].name:
        name, value = _text(features[index].name), _text(features[index].value)
        if name not in _NOT_INSTRUCTIONS and value == "1":
            yield name
        index += 1


def _pointers(library: Library) -> Iterator[int]:
    ggml = library.ggml
    ggml.ggml_backend_dev_count.restype = ctypes.c_size_t
    ggml.ggml_backend_dev_get.restype = ctypes.c_void_p
    ggml.ggml_backend_dev_get.argtypes = [ctypes.c_size_t]
    for index in range(ggml.ggml_backend_dev_count()):
        yield ggml.ggml_backend_dev_get(index)


def _props(library: Library, device: int) -> _Props:
    ask = library.ggml_base.ggml_backend_dev_get_props
    ask.restype, ask.argtypes = None, [ctypes.c_void_p, ctypes.POINTER(_Props)]
    props = _Props()
    ask(device, ctypes.byref(props))
    return props


def _registry(library: Library, device: int) -> int | None:
    ask = library.ggml_base.ggml_backend_dev_backend_reg
    ask.restype, ask.argtypes = ctypes.c_void_p, [ctypes.c_void_p]
    found: int | None = ask(device)
    return found


def _call(library: Library, name: str, pointer: int | None) -> bytes | None:
    ask = getattr(library.ggml_base, name)
    ask.restype, ask.argtypes = ctypes.c_char_p, [ctypes.c_void_p]
    found: bytes | None = ask(pointer) if pointer else None
    return found


def _text(data: bytes | None) -> str:
    return "" if data is None else data.decode("utf-8", "replace")
