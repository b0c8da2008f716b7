"""Bytes a model needs, by the memory they go to, and how many bytes there are.

Pure arithmetic over a header's facts, or over what a dry run counted. Decides nothing.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Final, Literal

from app.foundation.units import GIB, MIB
from app.gguf.facts import ModelFacts
from app.hardware.profile import Device, MachineProfile, Unknown, known

Fit = Literal["well", "tight", "no"]
FITS: Final[tuple[Fit, ...]] = ("no", "tight", "well")
"""From worst to best."""

MAIN = "CPU"
"""The name of main memory, as llama.cpp names the device that computes in it."""

_FORMULA_MARGIN = 1.1
"""What the compute formula is raised by; it was fitted to dry runs of six families."""
_PER_TOKEN_TEXT_BYTES = 200
"""Memory that llama.cpp's vocabulary takes for a token: 32 MiB were measured for 151,936
tokens, 11 for 32,000."""
_RUNTIME_BYTES = 6 * MIB
"""In no buffer: threads, graphs and scheduler of llama.cpp on the processor."""
_F32_BYTES = 4
_Q4, _MXFP4, _Q2, _Q5, _Q6, _Q8 = 4.5, 4.25, 2.625, 5.5, 6.5625, 8.5
_REPACKED_BITS = (
    ("AVX512", frozenset({_Q4, _MXFP4, _Q2})),
    ("AVX2", frozenset({_Q4, _MXFP4})),
    ("DOTPROD", frozenset({_Q4, _MXFP4, _Q5, _Q6, _Q8})),
)
"""Bits a weight of the types that ggml's processor backend stores anew (ggml-cpu/repack.cpp,
ggml_repack_get_optimal_repack_type), by the instruction set that makes it do so."""
_LABEL_BITS = (
    ("Q4_0", _Q4),
    ("Q4_K", _Q4),
    ("IQ4_NL", _Q4),
    ("MXFP4", _MXFP4),
    ("Q2_K", _Q2),
    ("Q5_K", _Q5),
    ("Q6_K", _Q6),
    ("Q8_0", _Q8),
)


@dataclass(frozen=True, slots=True)
class Configuration:
    """How a model would be loaded: what its memory depends on."""

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

    def moved(self, start: Need, end: Need) -> Need:
        """This, moved as far as it is from `start` to `end`; never below nothing."""
        return Need(
            max(0, self.weights_bytes + end.weights_bytes - start.weights_bytes),
            max(0, self.kv_bytes + end.kv_bytes - start.kv_bytes),
            max(0, self.compute_bytes + end.compute_bytes - start.compute_bytes),
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
    def repacked_share(self) -> float | None:
        """The part of the weights that llama.cpp stores anew for this processor."""
        if not self.exact:
            return None
        model = sum(entry["model"] or 0 for entry in self.devices.values())
        repacked = sum(entry["repacked"] or 0 for entry in self.devices.values())
        return repacked / model if model else 0.0


@dataclass(frozen=True, slots=True)
class Pool:
    """A memory that models go to. `shares_main` is a graphics chip's part of main memory.

    `repacked_bits` are the bits a weight of the types that the processor stores anew.
    """

    name: str
    free_bytes: int
    total_bytes: int
    reserve_bytes: int
    shares_main: bool = False
    repacked_bits: frozenset[float] = frozenset()

    def fit_of(self, need_bytes: int) -> Fit:
        """`well` leaves the reserve, `tight` a sliver, `no` would page or fail."""
        if need_bytes <= self.free_bytes - self.reserve_bytes:
            return "well"
        sliver = max(64 * MIB, need_bytes // 20)
        return "tight" if need_bytes <= self.free_bytes - sliver else "no"


def pools_of(machine: MachineProfile, *, cpu_only: bool = False) -> tuple[Pool, ...]:
    """Main memory first, then every device that llama.cpp would put layers on.

    Graphics chips that share main memory count only where there is no card, as in llama.cpp.
    What is not known counts as nothing.
    """
    memory = machine.memory
    total = known(memory.total_bytes, 0)
    if memory.limit_bytes is not None:
        total = min(total or (1 << 62), known(memory.limit_bytes, total))
    free = min(known(memory.available_bytes, 0), total)
    main = Pool(
        MAIN, max(0, free), total, main_reserve(total), repacked_bits=_repacked_bits(machine)
    )
    if cpu_only:
        return (main,)
    devices = [device for device in known(machine.devices, ()) if device.total_bytes > 0]
    cards = [device for device in devices if device.kind == "gpu"]
    chosen = cards or [device for device in devices if device.kind == "igpu"]
    return (main, *(_device_pool(device, main) for device in chosen))


def main_reserve(total_bytes: int) -> int:
    """What is left to the person: 2 GiB or 12 % of all, but at most a quarter of it."""
    return min(max(2 * GIB, total_bytes * 12 // 100), total_bytes // 4)


def _device_pool(device: Device, main: Pool) -> Pool:
    # Metal counts only its own use as taken, and calls itself a card.
    shares = device.kind == "igpu" or device.backend.lower() in ("metal", "mtl")
    free = min(device.free_bytes, device.total_bytes)
    if shares:
        free = min(free, main.free_bytes)
    # The driver's own context takes 0.45 GB on CUDA; not in any buffer.
    reserve = max(GIB, device.total_bytes // 20)
    return Pool(device.name, free, device.total_bytes, reserve, shares)


def needs(
    facts: ModelFacts, configuration: Configuration, pools: tuple[Pool, ...]
) -> dict[str, Need]:
    """By formula: what each pool must hold. Keys are the names of `pools`."""
    places = placement(facts.n_layers, configuration.n_gpu_layers, pools)
    weights = dict.fromkeys((pool.name for pool in pools), 0)
    cells = dict(weights)
    by_layer = facts.layer_kv_bytes(
        configuration.n_ctx,
        configuration.n_seq_max,
        configuration.cache_type_k,
        configuration.cache_type_v,
        configuration.n_ubatch,
    )
    weights[MAIN] += facts.input_bytes
    for layer in range(facts.n_layers):
        weights[places[layer]] += facts.layer_bytes[layer]
        cells[places[layer]] += by_layer[layer]
    weights[places[-1]] += facts.output_bytes
    if places[-1] != MAIN or _tied_is_repacked(facts, pools[0]):
        # The input stays as it is in main memory: an output tied to it is held once more where
        # it is on a device, or stored anew.
        weights[places[-1]] += facts.tied_output_bytes
    compute = round(compute_bytes(facts, configuration) * _FORMULA_MARGIN)
    found = {}
    for pool in pools:
        used = pool.name == MAIN or pool.name in places
        found[pool.name] = Need(weights[pool.name], cells[pool.name], compute if used else 0)
    main = found[MAIN]
    beside = outputs_bytes(facts, configuration) + overhead_bytes(facts)
    found[MAIN] = replace(main, compute_bytes=main.compute_bytes + beside)
    return found


def measured_needs(
    facts: ModelFacts, configuration: Configuration, pools: tuple[Pool, ...], dry_run: DryRun
) -> dict[str, Need]:
    """The same with the numbers of a dry run of this very configuration.

    Where llama.cpp's books could not be read, weights and KV stay those of the header, which
    are exact, and only the compute buffers are the dry run's.
    """
    found = needs(facts, configuration, pools)
    for name, entry in dry_run.devices.items():
        by_formula = found.get(name, Need())
        weights, cells = by_formula.weights_bytes, by_formula.kv_bytes
        if dry_run.exact:
            weights, cells = entry["model"] or 0, entry["context"] or 0
            if configuration.load_mode == "mmap":
                # What is stored anew stays mapped as well, as long as there is room for it.
                weights += entry["repacked"] or 0
        elif name == MAIN and len(pools) == 1:
            cells = entry["context"] or cells
        compute = (entry["compute"] or 0) + (entry["output"] or 0)
        if name == MAIN:
            compute += overhead_bytes(facts)
        found[name] = Need(weights, cells, compute)
    return found


def placement(n_layers: int, n_gpu_layers: int, pools: tuple[Pool, ...]) -> tuple[str, ...]:
    """The pool of each layer and, last, of the output (llama-model.cpp, get_layer_buft_list).

    Layers go to devices from the back; several devices share by their free memory.
    """
    devices = pools[1:]
    on_devices = min(max(0, n_gpu_layers), n_layers + 1) if devices else 0
    first = n_layers + 1 - on_devices
    free = sum(device.free_bytes for device in devices) or 1
    bounds, running = [], 0.0
    for device in devices:
        running += device.free_bytes / free
        bounds.append(running)
    places = []
    for layer in range(n_layers + 1):
        if layer < first:
            places.append(MAIN)
            continue
        index = bisect_right(bounds, (layer - first) / on_devices)
        places.append(devices[min(index, len(devices) - 1)].name)
    return tuple(places)


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


def _tied_is_repacked(facts: ModelFacts, main: Pool) -> bool:
    weights = facts.n_embd * facts.n_vocab
    return bool(weights) and 8 * facts.tied_output_bytes / weights in main.repacked_bits


def _repacked_bits(machine: MachineProfile) -> frozenset[float]:
    """Where instruction sets are unknown, everything that any processor stores anew."""
    sets = machine.processor.instruction_sets
    if isinstance(sets, Unknown):
        return frozenset().union(*(bits for _, bits in _REPACKED_BITS))
    return next((bits for name, bits in _REPACKED_BITS if name in sets), frozenset())


def outputs_bytes(facts: ModelFacts, configuration: Configuration) -> int:
    """Where logits are handed over: one row a sequence, in no other figure of llama.cpp's."""
    return configuration.n_seq_max * facts.n_vocab * _F32_BYTES


def overhead_bytes(facts: ModelFacts) -> int:
    """What is in no buffer: the vocabulary's tables and the runtime itself."""
    return _RUNTIME_BYTES + _PER_TOKEN_TEXT_BYTES * facts.n_vocab
