"""What goes into the engine and what is known about it. Frozen, so any thread may hold it.

Knows neither llama.cpp nor chats: prompts are token ids, answers are `protocol.generation`
events. A child process could stand behind these messages.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Any, Literal

from app.foundation.cancellation import Cancellation
from app.foundation.errors import InvalidInput, LoadFailed
from app.protocol.generation import SamplingParams, Sink

FlashAttention = Literal["auto", "on", "off"]
LoadMode = Literal["mmap", "none"]
EngineState = Literal["empty", "loading", "ready", "dead"]

# More sequences than this need a larger batch structure than llama.cpp is built with.
MAX_SEQUENCES = 64
# llama_max_devices() and llama_max_tensor_buft_overrides(), less the entry that ends the list.
MAX_DEVICES = 16
MAX_EXPERT_LAYERS = 4095
_MAX_NAME_CHARS = 128
CACHE_TYPES = ("f32", "f16", "bf16", "q8_0", "q5_1", "q5_0", "q4_1", "q4_0", "iq4_nl")


class LoadCancelled(LoadFailed):
    """The person stopped the load; nothing is wrong with the model."""

    code = "load_cancelled"

    def __init__(self) -> None:
        super().__init__("Loading was stopped.", "The model was not loaded.", "Load it again.")


@dataclass(frozen=True, slots=True)
class LoadSettings:
    """How a model is placed. `n_ctx` is what one conversation can hold, in tokens.

    The KV cells are shared (unified) by up to `n_seq_max` sequences. `n_gpu_layers` counts the
    output layer as one. `n_ubatch` bounds how long a stop takes on the processor.
    `n_cpu_moe` keeps the experts of the first N layers in main memory. `devices` are ggml's
    names in order: None is all of them, () the processor only; `tensor_split` says how the
    layers are shared among them, as weights.
    """

    path: str
    n_ctx: int
    n_seq_max: int = 4
    n_gpu_layers: int = 0
    n_batch: int = 512
    n_ubatch: int = 256
    n_threads: int = 1
    n_threads_batch: int = 1
    cache_type_k: str = "f16"
    cache_type_v: str = "f16"
    flash_attn: FlashAttention = "auto"
    load_mode: LoadMode = "mmap"
    n_cpu_moe: int = 0
    devices: tuple[str, ...] | None = None
    tensor_split: tuple[float, ...] = ()

    @classmethod
    def of(cls, fields: Mapping[str, Any]) -> LoadSettings:
        """From the fields as JSON holds them."""
        lists = {key: tuple(value) for key, value in fields.items() if isinstance(value, list)}
        return cls(**{**fields, **lists})

    @property
    def uses_gpu(self) -> bool:
        """Whether any device beside the processor may be touched."""
        return self.n_gpu_layers != 0 and self.devices != ()

    def check(self) -> None:
        """Raise InvalidInput where llama.cpp would abort or misbehave on these values."""
        bounds = (
            ("n_ctx", self.n_ctx, 1, 1 << 24),
            ("n_seq_max", self.n_seq_max, 1, MAX_SEQUENCES),
            ("n_gpu_layers", self.n_gpu_layers, -1, 1 << 16),
            ("n_batch", self.n_batch, self.n_seq_max, 1 << 16),
            ("n_ubatch", self.n_ubatch, 1, self.n_batch),
            ("n_threads", self.n_threads, 1, 512),
            ("n_threads_batch", self.n_threads_batch, 1, 512),
            ("n_cpu_moe", self.n_cpu_moe, 0, MAX_EXPERT_LAYERS),
        )
        for name, value, low, high in bounds:
            if not low <= value <= high:
                raise InvalidInput(
                    f"{name} cannot be {value}.", f"It must be between {low} and {high}."
                )
        for name, text, allowed in (
            ("cache_type_k", self.cache_type_k, CACHE_TYPES),
            ("cache_type_v", self.cache_type_v, CACHE_TYPES),
            ("flash_attn", self.flash_attn, ("auto", "on", "off")),
            ("load_mode", self.load_mode, ("mmap", "none")),
        ):
            if text not in allowed:
                raise InvalidInput(
                    f"{name} cannot be {text!r}.", f"It must be one of {', '.join(allowed)}."
                )
        self._check_devices()

    def _check_devices(self) -> None:
        names = self.devices or ()
        if len(set(names)) < len(names) or len(names) > MAX_DEVICES:
            raise InvalidInput(
                f"devices cannot be {', '.join(names)}.",
                f"They are up to {MAX_DEVICES} different ones.",
            )
        for name in names:
            if not (name.isprintable() and 0 < len(name) <= _MAX_NAME_CHARS):
                raise InvalidInput(f"There is no device {name[:_MAX_NAME_CHARS]!r}.")
        most = MAX_DEVICES if self.devices is None else len(names)
        split = self.tensor_split
        good = all(math.isfinite(part) and part >= 0 for part in split)
        if split and not (good and sum(split) > 0 and len(split) <= most):
            raise InvalidInput(
                f"tensor_split cannot be {', '.join(map(str, split))}.",
                "It has one weight for each device, none below zero and not all of them zero.",
            )


@dataclass(frozen=True, slots=True)
class LoadedModel:
    """Facts about the model in memory.

    `memory` has weights_bytes, kv_bytes, compute_bytes and output_bytes as llama.cpp logs them.
    """

    path: str
    name: str
    architecture: str
    description: str
    n_ctx: int
    n_ctx_train: int
    n_vocab: int
    n_layers: int
    chat_template: str | None
    bos_text: str
    eos_text: str
    add_bos: bool
    is_recurrent: bool
    load_ms: float
    memory: dict[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class EngineRequest:
    """One answer to generate. `max_tokens` None goes on until the context is full."""

    request_id: str
    prompt: tuple[int, ...]
    sampling: SamplingParams
    max_tokens: int | None = None
    stop: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class EngineSnapshot:
    """What the engine is doing, as of the last step."""

    state: EngineState
    model: LoadedModel | None
    active: int
    waiting: int


@dataclass(frozen=True, slots=True)
class Load:
    """Put a model in place of the one in memory, if any."""

    settings: LoadSettings
    on_progress: Callable[[float], None]
    cancellation: Cancellation
    future: Future[LoadedModel]


@dataclass(frozen=True, slots=True)
class Submit:
    """Answer `request`; its events go to `sink`. `submitted_s` is of `time.perf_counter`."""

    request: EngineRequest
    sink: Sink
    submitted_s: float


@dataclass(frozen=True, slots=True)
class Cancel:
    """End the request with finish reason "cancelled"; unknown ids are ignored."""

    request_id: str
    reason: str


@dataclass(frozen=True, slots=True)
class Unload:
    """Cancel every request and free the model."""

    future: Future[None]


@dataclass(frozen=True, slots=True)
class Close:
    """Cancel everything, free everything, end the thread."""


@dataclass(frozen=True, slots=True)
class UseThreads:
    """Write and read with so many threads from the next step on; without a model nothing
    happens."""

    n_threads: int
    n_threads_batch: int


@dataclass(frozen=True, slots=True)
class Look:
    """Ask the drivers how much is free on each device: ggml's name → bytes."""

    future: Future[dict[str, int]]


Command = Load | Submit | Cancel | Unload | UseThreads | Look | Close
