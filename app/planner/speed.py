"""Tokens per second to expect, and the step that still stops in time.

Pure arithmetic: bytes over bandwidth, operations over arithmetic speed, corrected by what this
machine taught. Every number here is an estimate and carries its spread.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import accumulate
from typing import Final

from app.gguf.facts import ModelFacts
from app.hardware.profile import MachineProfile, known
from app.planner.kernels import READING_BANDWIDTH, READING_REST, Pace, pace_of
from app.planner.layout import Layout
from app.planner.learnt import NOTHING, Learnt, Residual
from app.planner.ledger import Ledger, Rows
from app.planner.memory import Configuration
from app.planner.pools import MAIN
from app.planner.rates import PCIE_BYTES_PER_S, core_flops, rates_of
from app.planner.threads import Threads

STOP_S = 0.1
"""A decode looks at its stop flag between graph nodes: none may take longer than this."""
UBATCHES = (32, 48, 64, 96, 128, 192, 256)
"""Steps on the processor. From 64 to 256 a prompt is read equally fast, at 32 a quarter slower
(half a billion weights, Q8_0 and Q4_0, one core)."""

_ATTENTION_SHARE = 0.33
"""Attention's speed of that: 26 against 88 GFLOP/s were measured on one core with AVX-512."""
_STEP_S, _STEP_LAYER_S = 0.0002, 40e-6
"""What a step costs beside its arithmetic: some twenty graph nodes a layer, each a barrier."""
_HOP_S = 50e-6
"""From one memory to another and on: a copy of one token's activations, and a wait."""
_OFFLOADED_BATCH = 32
"""From this many tokens a device fetches weights that lie in main memory (GGML_OP_OFFLOAD)."""
_TYPICAL_DEPTH = 1024
"""Tokens of conversation at which the speed of an answer is said."""
_EFFICIENCY = {
    "Q8_0": 0.97,
    "Q6_K": 0.95,
    "Q5_K_M": 0.94,
    "Q5_K_S": 0.94,
    "Q4_0": 0.95,
    "Q4_1": 0.95,
    "IQ4_NL": 0.95,
    "Q4_K_S": 0.94,
    "Q4_K_M": 0.93,
    "IQ4_XS": 0.92,
    "Q3_K_M": 0.76,
    "IQ3_M": 0.71,
    "Q2_K": 0.67,
    "IQ2_M": 0.58,
}
"""Bytes a second relative to reading plain numbers. From four bits on by public runs (their median,
tests/zoo/README.md); below, by what llama.cpp's tools/quantize/README.md has relative to Q4_K_M."""
_OTHER_EFFICIENCY = {"F": 1.0, "B": 1.0, "Q": 0.87, "I": 0.62, "M": 0.93}
_EXPERT_WRITING, _EXPERT_READING = 0.75, 0.42
"""Experts are many small matrices: of a dense model's speed this much is left, in public runs of
gpt-oss, Gemma 4 and Qwen3.5 on three makers' cards (tests/zoo/README.md)."""

_SPREAD_USUAL: Final = 0.5
_SPREAD_MEASURED: Final = 0.25
_SPREAD_LEARNT: Final = 0.1
_RATIO_BOUNDS = (0.1, 10.0)


@dataclass(frozen=True, slots=True)
class Speed:
    """Tokens per second. The truth is expected within `spread` of it: 0.25 is a quarter off."""

    prompt_tokens_per_second: float
    generated_tokens_per_second: float
    spread: float = _SPREAD_USUAL

    @property
    def generated_range(self) -> tuple[float, float]:
        return _range(self.generated_tokens_per_second, self.spread)

    @property
    def prompt_range(self) -> tuple[float, float]:
        return _range(self.prompt_tokens_per_second, self.spread)


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
    speed = core_flops(machine) * _pace(facts, machine).reading
    most = STOP_S * n_threads * speed / per_token
    return max((step for step in UBATCHES if step <= most), default=UBATCHES[0])


class Timing:
    """How long one model's tokens take on one machine, for any layout."""

    def __init__(
        self,
        ledger: Ledger,
        machine: MachineProfile,
        threads: Threads,
        learnt: Learnt = NOTHING,
    ) -> None:
        self._ledger = ledger
        self._facts = facts = ledger.facts
        self._pools = ledger.pools
        self.rates = rates_of(machine, ledger.pools, threads.count, threads.reading)
        self._learnt = learnt
        used = min(1.0, facts.n_expert_used / facts.n_expert) if facts.n_expert else 1.0
        self._expert_share = used
        experts = [n_bytes * used / _EXPERT_WRITING for n_bytes in facts.expert_layer_bytes]
        layers = zip(facts.layer_bytes, facts.expert_layer_bytes, experts, strict=True)
        output = float(facts.output_bytes + facts.tied_output_bytes)
        self._active = _sums([whole - all_ + some for whole, all_, some in layers] + [output])
        self._experts = _sums([*experts, 0.0])
        self._operations = 2 * facts.n_params / max(1, facts.weight_bytes)
        pace = _pace(facts, machine)
        self._reading_share = pace.reading * READING_REST
        self._weight_s = self._weights_s(facts.quant, pace.writing)

    def tokens_per_second(self, layout: Layout, configuration: Configuration) -> float:
        """Tokens written a second at a typical depth: each pool's bytes, one after the other."""
        return self._corrected(1 / self._writing_s(layout, configuration), layout, "generated")

    def expected(self, layout: Layout, configuration: Configuration) -> Speed:
        """Both speeds and their spread."""
        residual = self.residual(layout)
        used = (0, *layout.devices) if layout.first else layout.devices
        measured = all(self.rates[number].is_measured for number in used)
        spread = _SPREAD_MEASURED if measured else _SPREAD_USUAL
        if residual is not None and residual.generated_ratio > 0:
            spread = _SPREAD_LEARNT
        reading = self._corrected(1 / self._reading_s(layout, configuration), layout, "prompt")
        writing = self.tokens_per_second(layout, configuration)
        return Speed(round(reading, 1), round(writing, 1), spread)

    def residual(self, layout: Layout) -> Residual | None:
        """What was learnt of the backend that computes the output."""
        if not self._learnt.residuals:
            return None
        pool = self._pools[layout.devices[-1]] if layout.devices else self._pools[0]
        return self._learnt.of(pool.backend or MAIN, pool.driver, self._facts.architecture)

    def is_slower(self, numbers: tuple[int, ...]) -> bool:
        """Whether any of these devices is clearly slower than the processor."""
        least = 0.8 * self.rates[0].bytes_per_s
        return any(self.rates[number].bytes_per_s < least for number in numbers)

    def is_faster(self, numbers: tuple[int, ...]) -> bool:
        """Whether every layer that moves to these devices makes writing faster."""
        main = self.rates[0]
        return all(
            self.rates[number].bytes_per_s >= main.bytes_per_s
            and self._weight_s[number] <= self._weight_s[0]
            for number in numbers
        )

    def turns(self, numbers: tuple[int, ...]) -> tuple[int, ...] | None:
        """Layers from which on it is better, or worse, to have a layer on these devices while
        its experts are in main memory; None where it is better for all."""
        if not self._experts[-1]:
            return None
        found: set[int] = set()
        is_ever_worse = False
        for number in numbers:
            gain_s = self._weight_s[0] - self._weight_s[number]
            dense = (
                (self._active[layer + 1] - self._active[layer])
                - (self._experts[layer + 1] - self._experts[layer])
                for layer in range(self._facts.n_layers)
            )
            is_better = [n_bytes * gain_s >= 2 * _HOP_S for n_bytes in dense]
            is_ever_worse = is_ever_worse or not all(is_better)
            found |= {at for at in range(1, len(is_better)) if is_better[at] != is_better[at - 1]}
        return tuple(sorted(found)) if is_ever_worse else None

    def _weights_s(self, quant: str, writing_share: float) -> list[float]:
        """Seconds a byte of weights takes while writing, by pool.

        On a device memory or arithmetic bounds it, whichever is slower. On the processor the two
        overlap in part: the root of their squares' sum was within 7 % of what one core took for
        three models whose memory and arithmetic took about equally long.
        """
        main, *devices = self.rates
        operations, efficiency = self._operations, _efficiency(quant)
        of_main = math.hypot(
            1 / (READING_BANDWIDTH * main.bytes_per_s),
            operations / (main.writing_flops * writing_share),
        )
        return [
            of_main,
            *(
                max(1 / efficiency / rate.bytes_per_s, operations / rate.writing_flops)
                for rate in devices
            ),
        ]

    def _corrected(self, speed: float, layout: Layout, kind: str) -> float:
        residual = self.residual(layout)
        if residual is None:
            return speed
        ratio = residual.generated_ratio if kind == "generated" else residual.prompt_ratio
        low, high = _RATIO_BOUNDS
        return speed * min(max(ratio, low), high) if ratio > 0 else speed

    def _writing_s(self, layout: Layout, configuration: Configuration) -> float:
        rows = self._ledger.rows(configuration.cache_type_k, configuration.cache_type_v)
        depth = min(configuration.n_ctx, _TYPICAL_DEPTH)
        first = layout.first
        n_hops = len(layout.devices) + (0 < first < layout.n_units) + 2 * layout.displaced()
        time_s = _STEP_S + _STEP_LAYER_S * self._facts.n_layers + _HOP_S * n_hops
        time_s += self._span_s(0, 0, first, (rows, depth))
        for number, start, end in layout.segments():
            time_s += self._span_s(number, start, end, (rows, depth))
        if layout.displaced():
            kept = min(layout.n_cpu_moe, layout.n_units - 1)
            for number, start, end in layout.segments():
                moved = self._experts[max(start, min(kept, end))] - self._experts[start]
                time_s += moved * (self._weight_s[0] - self._weight_s[number])
        return time_s

    def _span_s(self, number: int, start: int, end: int, at: tuple[Rows, int]) -> float:
        rows, depth = at
        window = min(depth, self._facts.sliding_window or depth)
        full, windowed, states = rows
        kept = (
            (full[end] - full[start]) * depth
            + (windowed[end] - windowed[start]) * window
            + states[end]
            - states[start]
        )
        weights = self._active[end] - self._active[start]
        return weights * self._weight_s[number] + kept / self.rates[number].bytes_per_s

    def _reading_s(self, layout: Layout, configuration: Configuration) -> float:
        """Of one prompt token, in a full step."""
        n_ubatch = max(1, configuration.n_ubatch)
        facts, kept = self._facts, layout.n_cpu_moe
        depth = min(configuration.n_ctx, _TYPICAL_DEPTH)
        # On average half of the conversation lies before a token that is read.
        attention = 2 * depth * max(facts.n_head, default=0) * facts.head_dim_k / _ATTENTION_SHARE
        fetched = 0.0
        if facts.n_expert:
            fetched = 1 - (1 - self._expert_share) ** n_ubatch
        time_s = (_STEP_S + _STEP_LAYER_S * facts.n_layers) / n_ubatch
        places = _numbers(layout)
        for layer in range(facts.n_layers):
            experts = facts.expert_layer_bytes[layer]
            dense = facts.layer_bytes[layer] - experts
            operations = dense * self._operations
            if facts.cached_layers[layer]:
                operations += attention
            number = places[layer]
            time_s += self._step_s(number, layout, (operations, dense), n_ubatch)
            if experts:
                number = 0 if layer < kept else number
                operations = experts * self._expert_share * self._operations / _EXPERT_READING
                part = (operations, experts * fetched)
                time_s += self._step_s(number, layout, part, n_ubatch)
        return time_s

    def _step_s(
        self, number: int, layout: Layout, part: tuple[float, float], n_ubatch: int
    ) -> float:
        """A token's share of a step over (operations a token, bytes a step)."""
        operations, n_bytes = part
        rate = self.rates[number]
        if number == 0 and layout.devices and n_ubatch >= _OFFLOADED_BATCH:
            # The device computes, and fetches the weights over the bus for every step.
            device = layout.devices[-1]
            if not self._pools[device].shares_main:
                fetching_s = n_bytes / PCIE_BYTES_PER_S / n_ubatch
                return fetching_s + operations / self.rates[device].reading_flops
        # Weights are read before they are used: little of that overlaps with computing.
        flops = rate.reading_flops * (1.0 if number else self._reading_share)
        return operations / flops + n_bytes / rate.bytes_per_s / n_ubatch


def _numbers(layout: Layout) -> list[int]:
    numbers = [0] * layout.n_units
    for number, start, end in layout.segments():
        numbers[start:end] = [number] * (end - start)
    return numbers


def _pace(facts: ModelFacts, machine: MachineProfile) -> Pace:
    return pace_of(facts.quant, known(machine.processor.instruction_sets, ("AVX2",)))


def _efficiency(quant: str) -> float:
    name = quant.removeprefix("UD-")
    return _EFFICIENCY.get(name, _OTHER_EFFICIENCY.get(name[:1], 0.87))


def _sums(values: list[float]) -> list[float]:
    return [0.0, *accumulate(values)]


def _range(speed: float, spread: float) -> tuple[float, float]:
    return round(speed * (1 - spread), 1), round(speed * (1 + spread), 1)
