"""One matrix product on one ggml device: proves that its code runs here, and how fast.

For children only: an instruction that the processor lacks ends the process. Knows no models.
"""

from __future__ import annotations

import ctypes
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from app.engine.native.handles import GGML_TYPE
from app.engine.native.library import Library

QUANTIZED = {"q8_0": 8, "q4_0": 2, "q4_k": 12, "q6_k": 14}
_TYPES = GGML_TYPE | QUANTIZED
_SPARE_BYTES = 16 * 1024

_P, _SIZE, _I64 = ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int64


class _InitParams(ctypes.Structure):
    _fields_ = [("mem_size", _SIZE), ("mem_buffer", _P), ("no_alloc", ctypes.c_bool)]


class _TypeTraits(ctypes.Structure):
    """The start of struct ggml_type_traits (ggml.h)."""

    _fields_ = [
        ("type_name", ctypes.c_char_p),
        ("blck_size", _I64),
        ("blck_size_interleave", _I64),
        ("type_size", _SIZE),
        ("is_quantized", ctypes.c_bool),
        ("to_float", _P),
    ]


# name: (result, arguments); all of them are in ggml-base.
_SIGNATURES: dict[str, tuple[Any, tuple[Any, ...]]] = {
    "ggml_init": (_P, (_InitParams,)),
    "ggml_free": (None, (_P,)),
    "ggml_tensor_overhead": (_SIZE, ()),
    "ggml_graph_overhead": (_SIZE, ()),
    "ggml_new_tensor_2d": (_P, (_P, ctypes.c_int, _I64, _I64)),
    "ggml_mul_mat": (_P, (_P, _P, _P)),
    "ggml_new_graph": (_P, (_P,)),
    "ggml_build_forward_expand": (None, (_P, _P)),
    "ggml_row_size": (_SIZE, (ctypes.c_int, _I64)),
    "ggml_quantize_chunk": (_SIZE, (ctypes.c_int, _P, _P, _I64, _I64, _I64, _P)),
    "ggml_get_type_traits": (ctypes.POINTER(_TypeTraits), (ctypes.c_int,)),
    "ggml_backend_dev_init": (_P, (_P, ctypes.c_char_p)),
    "ggml_backend_dev_backend_reg": (_P, (_P,)),
    "ggml_backend_dev_buffer_type": (_P, (_P,)),
    "ggml_backend_dev_supports_op": (ctypes.c_bool, (_P, _P)),
    "ggml_backend_reg_get_proc_address": (_P, (_P, ctypes.c_char_p)),
    "ggml_backend_alloc_ctx_tensors_from_buft": (_P, (_P, _P)),
    "ggml_backend_buffer_free": (None, (_P,)),
    "ggml_backend_buffer_clear": (None, (_P, ctypes.c_uint8)),
    "ggml_backend_free": (None, (_P,)),
    "ggml_backend_tensor_set": (None, (_P, _P, _SIZE, _SIZE)),
    "ggml_backend_tensor_get": (None, (_P, _P, _SIZE, _SIZE)),
    "ggml_backend_graph_compute": (ctypes.c_int, (_P, _P)),
    "ggml_backend_synchronize": (None, (_P,)),
}


@dataclass(frozen=True, slots=True)
class Shape:
    """Weights of `n_rows` × `n_inner` in `kind`, times inputs of `n_inner` × `n_columns`."""

    kind: str
    n_inner: int
    n_rows: int
    n_columns: int

    @property
    def operations(self) -> int:
        return 2 * self.n_inner * self.n_rows * self.n_columns


def bound(library: Library) -> ctypes.CDLL:
    """ggml-base with the signatures of what is used here."""
    base = library.ggml_base
    for name, (result, arguments) in _SIGNATURES.items():
        function = getattr(base, name)
        function.restype, function.argtypes = result, arguments
    return base


def quantized(library: Library, kind: str, values: Sequence[float], n_inner: int) -> bytes:
    """Rows of `n_inner` values in the blocks of `kind`, by ggml's own portable code."""
    base, n_rows = bound(library), len(values) // n_inner
    source = (ctypes.c_float * len(values))(*values)
    if kind == "f32":
        return bytes(source)
    target = ctypes.create_string_buffer(base.ggml_row_size(_TYPES[kind], n_inner) * n_rows)
    base.ggml_quantize_chunk(_TYPES[kind], source, target, 0, n_rows, n_inner, None)
    return target.raw


def dequantized(library: Library, kind: str, data: bytes, n_values: int) -> list[float]:
    """What the blocks stand for, by ggml's own portable code."""
    if kind == "f32":
        return list((ctypes.c_float * n_values).from_buffer_copy(data))
    traits = bound(library).ggml_get_type_traits(_TYPES[kind]).contents
    target = (ctypes.c_float * n_values)()
    convert = ctypes.CFUNCTYPE(None, ctypes.c_char_p, _P, _I64)(traits.to_float)
    convert(data, ctypes.addressof(target), n_values)
    return list(target)


class Product:
    """The tensors and the backend of one product; `close` frees them. One thread."""

    def __init__(
        self, library: Library, device: int, shape: Shape, *, n_threads: int | None = None
    ) -> None:
        """Raises RuntimeError where the device gives no memory, or cannot do it."""
        self._base = base = bound(library)
        self._shape = shape
        self._contexts: list[Any] = []
        self._buffers: list[Any] = []
        self._backend = base.ggml_backend_dev_init(device, None)
        if not self._backend:
            raise RuntimeError("the device could not be started")
        try:
            self._device = device
            if n_threads is not None:
                self.use_threads(n_threads)
            self.is_repacked = self._place_weights(device)
            self._place_rest(device)
        except BaseException:
            self.close()
            raise

    def use_threads(self, n_threads: int) -> None:
        """Compute with so many from now on, where the device is the processor."""
        if address := self._procedure(self._device, b"ggml_backend_set_n_threads"):
            ctypes.CFUNCTYPE(None, _P, ctypes.c_int)(address)(self._backend, n_threads)

    def set(self, weights: bytes, inputs: Sequence[float]) -> None:
        """Fill both sides; what is shorter than its tensor is repeated."""
        self._fill(self._weights, weights, self._weights_bytes)
        n_inputs = self._shape.n_inner * self._shape.n_columns
        self._fill(self._inputs, bytes((ctypes.c_float * len(inputs))(*inputs)), 4 * n_inputs)

    def clear(self) -> None:
        """Make everything zero, where only the time matters: much faster than `set`."""
        for buffer in self._buffers:
            self._base.ggml_backend_buffer_clear(buffer, 0)

    def compute(self) -> float:
        """Multiply once. Returns the seconds it took; raises RuntimeError where it failed."""
        began_s = time.perf_counter()
        status = self._base.ggml_backend_graph_compute(self._backend, self._graph)
        self._base.ggml_backend_synchronize(self._backend)
        took_s = time.perf_counter() - began_s
        if status != 0:
            raise RuntimeError(f"the product ended with status {status}")
        return max(took_s, 1e-9)

    def result(self) -> list[float]:
        """Column by column."""
        found = (ctypes.c_float * (self._shape.n_rows * self._shape.n_columns))()
        self._base.ggml_backend_tensor_get(self._result, found, 0, ctypes.sizeof(found))
        return list(found)

    def close(self) -> None:
        """Free everything; twice is harmless."""
        for buffer in self._buffers:
            self._base.ggml_backend_buffer_free(buffer)
        for context in self._contexts:
            self._base.ggml_free(context)
        if self._backend:
            self._base.ggml_backend_free(self._backend)
        self._buffers, self._contexts, self._backend = [], [], None

    def __enter__(self) -> Product:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _place_weights(self, device: int) -> bool:
        """Where llama.cpp would put them: in the layout of the variant's own, if it has one."""
        for buffer_type in self._extra_buffer_types(device):
            if self._allocated(device, buffer_type):
                return True
        if not self._allocated(device, self._base.ggml_backend_dev_buffer_type(device)):
            raise RuntimeError(f"the device cannot multiply {self._shape.kind}")
        return False

    def _allocated(self, device: int, buffer_type: int) -> bool:
        """True if the device can multiply weights that lie there; they are then placed."""
        base, shape = self._base, self._shape
        context = self._context()
        weights = base.ggml_new_tensor_2d(context, _TYPES[shape.kind], shape.n_inner, shape.n_rows)
        buffer = base.ggml_backend_alloc_ctx_tensors_from_buft(context, buffer_type)
        if not buffer:
            raise RuntimeError("the device has no memory for the product")
        trial = self._context()
        inputs = base.ggml_new_tensor_2d(trial, 0, shape.n_inner, shape.n_columns)
        can = base.ggml_backend_dev_supports_op(device, base.ggml_mul_mat(trial, weights, inputs))
        if can:
            self._buffers.append(buffer)
            self._weights = weights
            self._weights_bytes = shape.n_rows * base.ggml_row_size(
                _TYPES[shape.kind], shape.n_inner
            )
        else:
            base.ggml_backend_buffer_free(buffer)
        return bool(can)

    def _place_rest(self, device: int) -> None:
        base, shape = self._base, self._shape
        context = self._context()
        self._inputs = base.ggml_new_tensor_2d(context, 0, shape.n_inner, shape.n_columns)
        self._result = base.ggml_mul_mat(context, self._weights, self._inputs)
        self._graph = base.ggml_new_graph(context)
        base.ggml_build_forward_expand(self._graph, self._result)
        buffer = base.ggml_backend_alloc_ctx_tensors_from_buft(
            context, base.ggml_backend_dev_buffer_type(device)
        )
        if not buffer:
            raise RuntimeError("the device has no memory for the product")
        self._buffers.append(buffer)

    def _context(self) -> Any:
        base = self._base
        size = 8 * base.ggml_tensor_overhead() + base.ggml_graph_overhead() + _SPARE_BYTES
        context = base.ggml_init(_InitParams(size, None, True))
        if not context:
            raise RuntimeError("no memory for the product")
        self._contexts.append(context)
        return context

    def _extra_buffer_types(self, device: int) -> list[int]:
        address = self._procedure(device, b"ggml_backend_dev_get_extra_bufts")
        if not address:
            return []
        listed = ctypes.CFUNCTYPE(ctypes.POINTER(_P), _P)(address)(device)
        found: list[int] = []
        while listed and listed[len(found)]:
            found.append(listed[len(found)])
        return found

    def _procedure(self, device: int, name: bytes) -> int | None:
        registry = self._base.ggml_backend_dev_backend_reg(device)
        found: int | None = self._base.ggml_backend_reg_get_proc_address(registry, name)
        return found

    def _fill(self, tensor: Any, piece: bytes, n_bytes: int) -> None:
        # In one go: a repacked tensor can only be set as a whole.
        data = (piece * -(-n_bytes // len(piece)))[:n_bytes]
        self._base.ggml_backend_tensor_set(tensor, data, 0, n_bytes)
