"""How a model would be loaded, and the bytes that follow from that by formula or by count.

Pure data and arithmetic over a header's facts. Knows nothing of what is free; decides nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Final, Literal

from app.foundation.units import MIB
from app.gguf.facts import ModelFacts
from app.planner.pools import FITS as FITS
from app.planner.pools import MAIN as MAIN
from app.planner.pools import Fit as Fit
from app.planner.pools import Pool as Pool
from app.planner.pools import pools_of as pools_of

_PER_TOKEN_TEXT_BYTES = 200
"""Memory that llama.cpp's vocabulary takes for a token: 32 MiB were measured for 151,936
tokens, 11 for 32,000."""
_RUNTIME_BYTES = 6 * MIB
"""In no buffer: threads, graphs and scheduler of llama.cpp on the processor."""
_F32_BYTES = 4
_LABEL_BITS = (
    ("Q4_0", 4.5),
    ("Q4_K", 4.5),
    ("IQ4_NL", 4.5),
    ("MXFP4", 4.25),
    ("Q2_K", 2.625),
    ("Q5_K", 5.5),
    ("Q6_K", 6.5625),
    ("Q8_0", 8.5),
)


PICTURE_WORK_BYTES: Final = 1 << 30
"""What a projector may need beside its weights while it looks at a picture (peers reserve as much:
how large its buffers get depends on the picture)."""


def projector_bytes(file_bytes: int) -> int:
    """Main memory for a projector of that size, to be wished for as `beside_bytes`."""
    return file_bytes + PICTURE_WORK_BYTES


@dataclass(frozen=True, slots=True)
class Configuration:
    """How a model would be loaded: what its memory depends on.

    `devices` are ggml's names in the order of their layers; `tensor_split` is how many of the
    layers each gets. Without them all devices share by what is free on them. The experts of the
    first `n_cpu_moe` layers stay in main memory.
    """

    n_ctx: int
    n_gpu_layers: int = 0
    n_seq_max: int = 4
    n_batch: int = 512
    n_ubatch: int = 256
    cache_type_k: str = "f16"
    cache_type_v: str = "f16"
    load_mode: Literal["mmap", "none"] = "none"
    n_cpu_moe: int = 0
    devices: tuple[str, ...] = ()
    tensor_split: tuple[float, ...] = ()


@dataclass(frozen=True, slots=True)
class Need:
    """Bytes in one memory. `compute_bytes` holds everything that is neither weights nor KV."""

    weights_bytes: int = 0
    kv_bytes: int = 0
    compute_bytes: int = 0

    @property
    def total_bytes(self) -> int:
        return self.weights_bytes + self.kv_bytes + self.compute_bytes

    def plus(self, other: Need) -> Need:
        """The sum; never below nothing."""
        return Need(
            max(0, self.weights_bytes + other.weights_bytes),
            max(0, self.kv_bytes + other.kv_bytes),
            max(0, self.compute_bytes + other.compute_bytes),
        )

    def minus(self, other: Need) -> Need:
        """The difference, which may be below nothing."""
        return Need(
            self.weights_bytes - other.weights_bytes,
            self.kv_bytes - other.kv_bytes,
            self.compute_bytes - other.compute_bytes,
        )


@dataclass(frozen=True, slots=True)
class DryRun:
    """What llama.cpp counted for one configuration: device → kind → bytes.

    Kinds are model, repacked, context, compute and output; `exact` says that the model's and
    the context's bytes are llama.cpp's own and by device.
    """

    configuration: Configuration
    exact: bool
    devices: Mapping[str, Mapping[str, int | None]]

    @classmethod
    def from_answer(cls, configuration: Configuration, answer: Mapping[str, Any]) -> DryRun:
        """What the child "dry-run" answered for `configuration`."""
        return cls(configuration, bool(answer["exact"]), dict(answer["devices"]))

    def is_of(self, configuration: Configuration) -> bool:
        """Whether it holds for this one too: how the file is read changes no buffer."""
        return replace(configuration, load_mode="none") == replace(
            self.configuration, load_mode="none"
        )

    @property
    def repacked_bytes(self) -> int:
        """Weights that llama.cpp stores anew for this processor."""
        return sum(entry["repacked"] or 0 for entry in self.devices.values()) if self.exact else 0

    @property
    def repacked_share(self) -> float | None:
        """The part of the weights that llama.cpp stores anew for this processor."""
        if not self.exact:
            return None
        model = sum(entry["model"] or 0 for entry in self.devices.values())
        return self.repacked_bytes / model if model else 0.0


def compute_bytes(facts: ModelFacts, configuration: Configuration) -> int:
    """Peak of the compute buffer with flash attention, fitted to 72 dry runs on the processor.

    n_ubatch x the larger of the output's side (logits of `n_seq_max` rows and two embeddings)
    and one layer's (mask of all cells, attention and feed-forward activations).
    """
    n_ubatch = min(configuration.n_ubatch, configuration.n_ctx)
    embd = facts.n_embd
    outputs = min(configuration.n_seq_max, n_ubatch) / max(1, n_ubatch)
    out_side = 4 * (facts.n_vocab * outputs + 2 * embd)
    feed = max(facts.n_ff, default=0)
    if facts.n_expert:
        active = 2 * facts.n_expert_used * (embd + (facts.n_ff_expert or feed)) + 2 * embd
    else:
        query = max(facts.n_head, default=0) * facts.head_dim_k
        active = 3 * feed + 3 * embd + query
    cells = configuration.n_ctx
    if any(facts.swa_layers):
        window = facts.sliding_window * configuration.n_seq_max + n_ubatch
        cells += min(configuration.n_ctx, window)
    layer_side = 2 * cells + 4 * active
    return round(n_ubatch * max(out_side, layer_side))


def is_repacked(facts: ModelFacts, main: Pool) -> bool:
    """Whether most weights of this quant are stored anew by this processor, by its label."""
    bits = next((bits for label, bits in _LABEL_BITS if facts.quant.startswith(label)), None)
    return bits in main.repacked_bits


def tied_is_repacked(facts: ModelFacts, main: Pool) -> bool:
    """Whether an output tied to the input is stored anew, beside the input."""
    weights = facts.n_embd * facts.n_vocab
    return bool(weights) and 8 * facts.tied_output_bytes / weights in main.repacked_bits


def outputs_bytes(facts: ModelFacts, configuration: Configuration) -> int:
    """Where logits are handed over: one row a sequence, in no other figure of llama.cpp's."""
    return configuration.n_seq_max * facts.n_vocab * _F32_BYTES


def overhead_bytes(facts: ModelFacts) -> int:
    """What is in no buffer: the vocabulary's tables and the runtime itself."""
    return _RUNTIME_BYTES + _PER_TOKEN_TEXT_BYTES * facts.n_vocab
