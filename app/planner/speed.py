"""Tokens per second to expect, threads to use, and the step that still stops in time.

Pure arithmetic. Bandwidth and arithmetic speed are rough constants a core until they are
measured on the machine itself; every number here is said to be an estimate.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from app.gguf.facts import ModelFacts
from app.hardware.profile import MachineProfile, Processor, Unknown, known
from app.planner.memory import MAIN, Configuration, Pool, placement

STOP_S = 0.1
"""A decode looks at its stop flag between graph nodes: none may take longer than this."""
UBATCHES = (32, 48, 64, 96, 128, 192, 256)
"""Steps on the processor. From 64 to 256 a prompt is read equally fast, at 32 a quarter slower
(half a billion weights, Q8_0 and Q4_0, one core)."""
GPU_UBATCH = 512

_CORE_BYTES_PER_S = 12e9
"""Weights that one core reads from memory in a second, desktop and laptop DDR4 and DDR5."""
_DESKTOP_BYTES_PER_S = 40e9
"""Two channels of DDR4-3200 carry 51 GB/s; about four fifths of that arrive."""
_APPLE_BYTES_PER_S = 80e9
"""The smallest Apple chips carry 100 GB/s."""
_GPU_BYTES_PER_S = 250e9
_IGPU_BYTES_PER_S = 45e9
_GPU_FLOPS = 8e12
_IGPU_FLOPS = 0.8e12
_CORE_FLOPS = (("AVX512", 70e9), ("AVX2", 35e9), ("DOTPROD", 35e9), ("AVX", 15e9), ("NEON", 12e9))
"""Multiplications and additions of quantized matrices that one core does in a second."""
_SLOWEST_CORE_FLOPS = 4e9
_ATTENTION_SHARE = 0.33
"""Attention's speed of that: 26 against 88 GFLOP/s were measured on one core with AVX-512."""
_STEP_S, _STEP_LAYER_S = 0.0002, 40e-6
"""What a step costs beside its arithmetic: some twenty graph nodes a layer, each a barrier."""
_TYPICAL_DEPTH = 1024
"""Tokens of conversation at which the speed of an answer is said."""
_EFFICIENCY = {
    "Q8_0": 0.93,
    "Q6_K": 0.83,
    "Q5_K_M": 0.82,
    "Q5_K_S": 0.82,
    "Q4_0": 0.77,
    "Q4_1": 0.77,
    "IQ4_NL": 0.77,
    "Q4_K_S": 0.77,
    "Q4_K_M": 0.75,
    "IQ4_XS": 0.74,
    "Q3_K_M": 0.61,
    "IQ3_M": 0.57,
    "Q2_K": 0.54,
    "IQ2_M": 0.47,
}
"""Bytes a second relative to F16, from llama.cpp's tools/quantize/README.md (size x tokens/s)."""
_OTHER_EFFICIENCY = {"F": 1.0, "B": 1.0, "Q": 0.7, "I": 0.5, "M": 0.75}


@dataclass(frozen=True, slots=True)
class Speed:
    """Tokens per second, by rough constants."""

    prompt_tokens_per_second: float
    generated_tokens_per_second: float


@dataclass(frozen=True, slots=True)
class Threads:
    """How many threads, and what led there: "left_one", "quota", "battery"; "" for neither."""

    count: int
    cores: int
    why: str


def threads_for(machine: MachineProfile) -> Threads:
    """One thread a performance core that may be used, one core left from six cores up.

    On battery half of them: writing is bound by memory, so it loses far less than half.
    """
    cpu = machine.processor
    cores = _cores(cpu)
    count, why = cores, ""
    if known(cpu.physical_cores, cores) >= 6 and cores >= 6:
        count, why = cores - 1, "left_one"
    if isinstance(cpu.quota_cores, int | float):
        quota = max(1, math.floor(cpu.quota_cores))
        if quota < count:
            count, why = quota, "quota"
    if known(machine.power.source, "mains") == "battery" and count >= 4:
        count, why = (count + 1) // 2, "battery"
    return Threads(count, cores, why)


def _cores(cpu: Processor) -> int:
    usable = known(cpu.usable_cores, known(cpu.logical_cores, 2))
    fast = cpu.performance_cores
    if isinstance(fast, Unknown):
        # Two logical cores a physical one is the usual case where the system does not say.
        fast = known(cpu.physical_cores, max(1, usable // 2))
    return max(1, min(fast, usable))


def core_flops(machine: MachineProfile) -> float:
    """Operations a second of one core, by the instruction sets the backend uses."""
    found = set(known(machine.processor.instruction_sets, ("NEON",)))
    return next((flops for name, flops in _CORE_FLOPS if name in found), _SLOWEST_CORE_FLOPS)


def ubatch_for(facts: ModelFacts, n_ctx: int, n_threads: int, machine: MachineProfile) -> int:
    """The largest step whose slowest graph node ends within STOP_S on the processor.

    The slowest node is one matrix of the feed-forward part, or attention over a full context.
    """
    query = max(facts.n_head, default=0) * facts.head_dim_k
    feed = max(facts.n_ff, default=0)
    if facts.n_expert:
        feed = facts.n_expert_used * (facts.n_ff_expert or feed)
    attention = 4 * n_ctx * query / _ATTENTION_SHARE
    per_token = max(2 * facts.n_embd * feed, attention, 1)
    most = STOP_S * n_threads * core_flops(machine) / per_token
    return max((step for step in UBATCHES if step <= most), default=UBATCHES[0])


def expected(
    facts: ModelFacts,
    configuration: Configuration,
    n_threads: int,
    machine: MachineProfile,
    pools: tuple[Pool, ...],
) -> Speed:
    """Speeds at a typical depth. A token costs its bytes over each pool's bandwidth, one after
    the other; a prompt token its operations over each pool's arithmetic speed.
    """
    places = placement(facts.n_layers, configuration.n_gpu_layers, pools)
    depth = min(configuration.n_ctx, _TYPICAL_DEPTH)
    kv = facts.layer_kv_bytes(
        depth,
        1,
        configuration.cache_type_k,
        configuration.cache_type_v,
        configuration.n_ubatch,
    )
    bandwidth = {pool.name: _bandwidth(pool, n_threads, machine) for pool in pools}
    flops = {pool.name: _flops(pool, n_threads, machine) for pool in pools}
    bytes_weight = _efficiency(facts.quant)
    output_bytes = facts.output_bytes + facts.tied_output_bytes
    writing_s = _STEP_S + _STEP_LAYER_S * facts.n_layers
    reading_s = writing_s / configuration.n_ubatch
    params_per_byte = facts.n_params / max(1, facts.weight_bytes)
    # On average half of the conversation lies before a token that is read.
    attention = 2 * depth * max(facts.n_head, default=0) * facts.head_dim_k / _ATTENTION_SHARE
    for layer in range(facts.n_layers):
        place = places[layer]
        active = _active_bytes(facts, layer)
        writing_s += (active / bytes_weight + kv[layer]) / bandwidth[place]
        operations = 2 * active * params_per_byte
        if facts.cached_layers[layer]:
            operations += attention
        reading_s += operations / flops[place]
    writing_s += output_bytes / bytes_weight / bandwidth[places[-1]]
    return Speed(round(1 / reading_s, 1), round(1 / writing_s, 1))


def _active_bytes(facts: ModelFacts, layer: int) -> float:
    """Bytes of a layer that one token reads: of the experts only those that are used."""
    experts = facts.expert_layer_bytes[layer]
    share = facts.n_expert_used / facts.n_expert if facts.n_expert else 1.0
    return facts.layer_bytes[layer] - experts + experts * share


def _efficiency(quant: str) -> float:
    return _EFFICIENCY.get(quant, _OTHER_EFFICIENCY.get(quant[:1], 0.7))


def _bandwidth(pool: Pool, n_threads: int, machine: MachineProfile) -> float:
    if pool.name != MAIN:
        return _IGPU_BYTES_PER_S if pool.shares_main else _GPU_BYTES_PER_S
    apple = "Apple" in known(machine.processor.model, "")
    most = _APPLE_BYTES_PER_S if apple else _DESKTOP_BYTES_PER_S
    return min(most, n_threads * _CORE_BYTES_PER_S * (2 if apple else 1))


def _flops(pool: Pool, n_threads: int, machine: MachineProfile) -> float:
    if pool.name != MAIN:
        return _IGPU_FLOPS if pool.shares_main else _GPU_FLOPS
    return n_threads * core_flops(machine)
