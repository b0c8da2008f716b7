"""What a person wants of a plan: values that they pinned, and floors. Pure data."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from typing import Any, Final, Literal

from app.planner.quality import Tier

LoadMode = Literal["mmap", "none"]

_WANTED: Final = (
    "least_tokens_per_second",
    "least_quality",
    "n_ctx_wanted",
    "beside_bytes",
)


@dataclass(frozen=True, slots=True)
class Wish:
    """What was pinned; None leaves it to the planner. What is pinned is never changed.

    `n_gpu_layers` counts the output layer, -1 is all of them; `devices` are ggml's names, ()
    keeps to the processor. `quant` chooses among the files of a catalogue. The floors and
    `n_ctx_wanted` are aims: a plan that misses them is still a plan. `beside_bytes` are held in
    main memory beside the model: a vision encoder (projector), or a draft model.
    """

    n_ctx: int | None = None
    n_gpu_layers: int | None = None
    n_threads: int | None = None
    n_ubatch: int | None = None
    cache_type_k: str | None = None
    cache_type_v: str | None = None
    n_batch: int | None = None
    n_seq_max: int | None = None
    n_cpu_moe: int | None = None
    load_mode: LoadMode | None = None
    devices: tuple[str, ...] | None = None
    quant: str | None = None
    least_tokens_per_second: float = 6.0
    least_quality: Tier = "D"
    n_ctx_wanted: int | None = None
    beside_bytes: int = 0

    @property
    def pinned(self) -> dict[str, Any]:
        """The pinned values by name."""
        values = {entry.name: getattr(self, entry.name) for entry in fields(self)}
        return {n: v for n, v in values.items() if v is not None and n not in _WANTED}

    def over(self, other: Wish) -> Wish:
        """This wish; what it leaves open is as in `other`."""
        plain = Wish()
        changed = {
            entry.name: getattr(self, entry.name)
            for entry in fields(self)
            if getattr(self, entry.name) != getattr(plain, entry.name)
        }
        return replace(other, **changed)
