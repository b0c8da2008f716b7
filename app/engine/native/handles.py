"""Owners of native objects. Each frees what it holds exactly once, on the thread that made it.

A context keeps its model alive, a sampler nothing. Knows no requests. What is dropped without
`close` is leaked and warned about: freeing from the collector's thread would be worse.
"""

from __future__ import annotations

import ctypes
import os
import threading
import warnings
from collections.abc import Callable, Sequence
from typing import Any

from app.engine.messages import LoadSettings
from app.engine.native.flag import AbortFlag, flag_reader
from app.engine.native.library import Library
from app.engine.native.placement import Placement

_FLASH_ATTENTION = {"auto": -1, "off": 0, "on": 1}
_LOAD_MODE = {"none": 0, "mmap": 1}
GGML_TYPE = {
    "f32": 0,
    "f16": 1,
    "q4_0": 2,
    "q4_1": 3,
    "q5_0": 6,
    "q5_1": 7,
    "q8_0": 8,
    "iq4_nl": 20,
    "bf16": 30,
}


class Handle:
    """A native pointer with one owner. `close` twice is harmless."""

    def __init__(self, library: Library, pointer: Any) -> None:
        self.library = library
        self._pointer: Any = pointer
        self._thread_id = threading.get_ident()

    @property
    def pointer(self) -> Any:
        """The raw pointer; a bug raises RuntimeError rather than reaching freed memory."""
        if self._pointer is None:
            raise RuntimeError(f"{type(self).__name__} was used after it was closed")
        return self._pointer

    @property
    def is_closed(self) -> bool:
        return self._pointer is None

    def close(self) -> None:
        if self._pointer is None:
            return
        if threading.get_ident() != self._thread_id:
            raise RuntimeError(f"{type(self).__name__} was closed on a foreign thread")
        pointer, self._pointer = self._pointer, None
        self._free(pointer)

    def _free(self, pointer: Any) -> None:
        raise NotImplementedError

    def __del__(self) -> None:
        if getattr(self, "_pointer", None) is not None:
            warnings.warn(f"{type(self).__name__} was never closed", ResourceWarning, stacklevel=2)


class ModelHandle(Handle):
    """Weights and vocabulary. Contexts made from it must be closed first, and are counted."""

    def __init__(
        self,
        library: Library,
        settings: LoadSettings,
        keep_going: Callable[[float], bool],
        *,
        no_alloc: bool = False,
    ) -> None:
        """Load; `keep_going(fraction)` is called after each tensor and False ends the load.

        `no_alloc` only counts what would be allocated, and aborts unless load_mode is "none".
        Raises RuntimeError where llama.cpp returns no model (`library.log` says why), and
        NotPossibleHere where a device that is asked for is not there.
        """
        api = library.api

        def progress(fraction: float, _user_data: object) -> bool:
            try:
                return bool(keep_going(fraction))
            except Exception:  # noqa: BLE001 - an exception must not enter native code
                return False

        callback = api.llama_progress_callback(progress)
        parameters = api.llama_model_default_params()
        parameters.n_gpu_layers = settings.n_gpu_layers
        parameters.load_mode = _LOAD_MODE[settings.load_mode]
        parameters.progress_callback = callback
        parameters.no_alloc = no_alloc
        placement = Placement(library, settings)
        placement.put_into(parameters)
        pointer = api.llama_model_load_from_file(os.fsencode(settings.path), parameters)
        if not pointer:
            raise RuntimeError("no model")
        super().__init__(library, pointer)
        self._placement = placement  # llama.cpp goes on reading it
        self.n_contexts = 0
        self.vocab = api.llama_model_get_vocab(pointer)

    def _free(self, pointer: Any) -> None:
        if self.n_contexts:
            self._pointer = pointer
            raise RuntimeError("a model was closed before its contexts")
        self.library.api.llama_model_free(pointer)


class ContextHandle(Handle):
    """Compute buffers and KV cells. `flag` stops a running decode between graph nodes."""

    def __init__(self, model: ModelHandle, settings: LoadSettings, flag: AbortFlag) -> None:
        """Raises RuntimeError where llama.cpp returns no context; `library.log` says why."""
        api = model.library.api
        parameters = api.llama_context_default_params()
        parameters.n_ctx = settings.n_ctx
        parameters.n_batch = settings.n_batch
        parameters.n_ubatch = settings.n_ubatch
        parameters.n_seq_max = settings.n_seq_max
        # One output a sequence and step. The default reserves logits for a whole batch,
        # hundreds of MB with a large vocabulary; less than n_seq_max aborts.
        parameters.n_outputs_max = settings.n_seq_max
        parameters.n_threads = settings.n_threads
        parameters.n_threads_batch = settings.n_threads_batch
        parameters.flash_attn_type = _FLASH_ATTENTION[settings.flash_attn]
        parameters.type_k = GGML_TYPE[settings.cache_type_k]
        parameters.type_v = GGML_TYPE[settings.cache_type_v]
        parameters.abort_callback = ctypes.cast(flag_reader(), api.ggml_abort_callback)
        parameters.abort_callback_data = flag.address
        parameters.no_perf = True
        parameters.offload_kqv = settings.uses_gpu
        parameters.op_offload = settings.uses_gpu
        # The C default keeps the whole context of sliding-window layers: five times the memory.
        parameters.swa_full = False
        parameters.kv_unified = True
        pointer = api.llama_init_from_model(model.pointer, parameters)
        if not pointer:
            raise RuntimeError("no context")
        super().__init__(model.library, pointer)
        self.model = model
        self.flag = flag
        model.n_contexts += 1
        self.memory = api.llama_get_memory(pointer)

    def _free(self, pointer: Any) -> None:
        self.memory = None
        self.library.api.llama_free(pointer)
        self.model.n_contexts -= 1


class SamplerHandle(Handle):
    """A chain of samplers; a sampler added to it belongs to it."""

    def __init__(self, library: Library) -> None:
        api = library.api
        parameters = api.llama_sampler_chain_default_params()
        parameters.no_perf = True
        pointer = api.llama_sampler_chain_init(parameters)
        if not pointer:
            raise RuntimeError("no sampler chain")
        super().__init__(library, pointer)

    def add(self, sampler: Any) -> None:
        """Take ownership of `sampler`. Raises ValueError for the null one."""
        # Adding null is accepted by llama.cpp and crashes at the first token.
        if not sampler:
            raise ValueError("llama.cpp made no sampler")
        self.library.api.llama_sampler_chain_add(self.pointer, sampler)

    def _free(self, pointer: Any) -> None:
        self.library.api.llama_sampler_free(pointer)


class Batch:
    """Up to `capacity` tokens for one decode, in arrays that are reused. Owned by Python."""

    def __init__(self, library: Library, capacity: int) -> None:
        self.capacity = capacity
        self.n_tokens = 0
        self.outputs: list[int] = []
        self._tokens = (ctypes.c_int32 * capacity)()
        self._positions = (ctypes.c_int32 * capacity)()
        self._n_sequences = (ctypes.c_int32 * capacity)(*([1] * capacity))
        self._sequence_ids = (ctypes.c_int32 * capacity)()
        start, width = ctypes.addressof(self._sequence_ids), ctypes.sizeof(ctypes.c_int32)
        pointers = (ctypes.POINTER(ctypes.c_int32) * capacity)()
        for index in range(capacity):
            address = ctypes.c_void_p(start + index * width)
            pointers[index] = ctypes.cast(address, ctypes.POINTER(ctypes.c_int32))
        self._sequence_pointers = pointers
        self._wants_logits = (ctypes.c_int8 * capacity)()
        self.struct = library.api.llama_batch(
            0,
            self._tokens,
            None,
            self._positions,
            self._n_sequences,
            self._sequence_pointers,
            self._wants_logits,
        )

    def clear(self) -> None:
        for index in self.outputs:
            self._wants_logits[index] = 0
        self.outputs.clear()
        self.n_tokens = 0
        self.struct.n_tokens = 0

    def add(
        self, sequence_id: int, tokens: Sequence[int], position: int, *, wants_logits: bool
    ) -> int:
        """Append tokens at `position`...; the index of the last one. Raises ValueError if full."""
        first, end = self.n_tokens, self.n_tokens + len(tokens)
        if not tokens or end > self.capacity:
            raise ValueError(f"{len(tokens)} tokens do not fit after {first} of {self.capacity}")
        if end - first == 1:
            self._tokens[first] = tokens[0]
            self._positions[first] = position
            self._sequence_ids[first] = sequence_id
        else:
            self._tokens[first:end] = list(tokens)
            self._positions[first:end] = list(range(position, position + end - first))
            self._sequence_ids[first:end] = [sequence_id] * (end - first)
        if wants_logits:
            self._wants_logits[end - 1] = 1
            self.outputs.append(end - 1)
        self.n_tokens = end
        self.struct.n_tokens = end
        return end - 1
