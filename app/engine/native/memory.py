"""What a context really takes, by buffer type, from llama.cpp's own books.

Reads a C++ map by its layout, which is frozen for libstdc++ but not for others: `None` elsewhere.
For children only: a wrong layout would end the process.
"""

from __future__ import annotations

import ctypes
import sys
from collections.abc import Iterator
from dataclasses import dataclass

from app.engine.native.handles import ContextHandle

_SYMBOL = "_Z26llama_get_memory_breakdownPK13llama_context"
_MAX_BUFFER_TYPES = 64
_CPU_KIND = 0


@dataclass(frozen=True, slots=True)
class BufferUse:
    """Bytes in buffers of one type. `device` is "CPU" for everything in main memory."""

    buffer_type: str
    device: str
    model_bytes: int
    context_bytes: int
    compute_bytes: int


class _Map(ctypes.Structure):
    """std::map of libstdc++: an empty comparator, the header node, the number of nodes."""

    _fields_ = [
        ("compare", ctypes.c_void_p),
        ("colour", ctypes.c_size_t),
        ("root", ctypes.c_void_p),
        ("leftmost", ctypes.c_void_p),
        ("rightmost", ctypes.c_void_p),
        ("count", ctypes.c_size_t),
    ]


class _Node(ctypes.Structure):
    """A tree node holding (buffer type, struct llama_memory_breakdown_data)."""

    _fields_ = [
        ("colour", ctypes.c_size_t),
        ("parent", ctypes.c_void_p),
        ("left", ctypes.c_void_p),
        ("right", ctypes.c_void_p),
        ("buffer_type", ctypes.c_void_p),
        ("model", ctypes.c_size_t),
        ("context", ctypes.c_size_t),
        ("compute", ctypes.c_size_t),
    ]


def breakdown(context: ContextHandle) -> tuple[BufferUse, ...] | None:
    """Exact bytes of a real or a dry-run context; None where the books cannot be read."""
    if sys.platform != "linux" or ctypes.sizeof(ctypes.c_void_p) != 8:
        return None
    ask = getattr(context.library.api._lib, _SYMBOL, None)
    if ask is None:
        return None
    # A class that is not trivially copied comes back through a hidden pointer, as a structure
    # of this size does. The nodes are never freed: the process is a short-lived child.
    ask.restype, ask.argtypes = _Map, [ctypes.c_void_p]
    found = ask(context.pointer)
    if not 0 < found.count <= _MAX_BUFFER_TYPES:
        return None
    nodes = list(_walk(found.root, found.count))
    if len(nodes) != found.count:
        return None
    base = context.library.ggml_base
    return tuple(
        BufferUse(
            _name(base, node.buffer_type),
            _device(base, node.buffer_type),
            node.model,
            node.context,
            node.compute,
        )
        for node in nodes
    )


def _walk(address: int | None, most: int) -> Iterator[_Node]:
    pending = [address]
    seen = 0
    while pending and seen <= most:
        current = pending.pop()
        if current:
            seen += 1
            node = _Node.from_address(current)
            yield node
            pending += [node.left, node.right]


def _name(base: ctypes.CDLL, buffer_type: int) -> str:
    base.ggml_backend_buft_name.restype = ctypes.c_char_p
    base.ggml_backend_buft_name.argtypes = [ctypes.c_void_p]
    return bytes(base.ggml_backend_buft_name(buffer_type)).decode("utf-8", "replace")


def _device(base: ctypes.CDLL, buffer_type: int) -> str:
    """Host buffers of a GPU (pinned memory) are main memory too."""
    base.ggml_backend_buft_is_host.restype = ctypes.c_bool
    base.ggml_backend_buft_is_host.argtypes = [ctypes.c_void_p]
    base.ggml_backend_buft_get_device.restype = ctypes.c_void_p
    base.ggml_backend_buft_get_device.argtypes = [ctypes.c_void_p]
    device = base.ggml_backend_buft_get_device(buffer_type)
    if not device or base.ggml_backend_buft_is_host(buffer_type):
        return "CPU"
    base.ggml_backend_dev_type.restype = ctypes.c_int
    base.ggml_backend_dev_type.argtypes = [ctypes.c_void_p]
    if base.ggml_backend_dev_type(device) == _CPU_KIND:
        return "CPU"
    base.ggml_backend_dev_name.restype = ctypes.c_char_p
    base.ggml_backend_dev_name.argtypes = [ctypes.c_void_p]
    return bytes(base.ggml_backend_dev_name(device)).decode("utf-8", "replace")
