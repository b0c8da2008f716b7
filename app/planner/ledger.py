"""A model's bytes summed up by layer, so that what any layout needs is a few subtractions.

Pure arithmetic. Formulas, moved by the error that a dry run found in them. Decides nothing.
"""

from __future__ import annotations

from dataclasses import replace
from itertools import accumulate
from typing import NamedTuple

from app.gguf.facts import CELL_PAD, ModelFacts
from app.planner.layout import Layout, layout_of
from app.planner.memory import (
    Configuration,
    DryRun,
    Need,
    compute_bytes,
    outputs_bytes,
    overhead_bytes,
    tied_is_repacked,
)
from app.planner.pools import MAIN, Pool

_FORMULA_MARGIN = 1.1
"""What the compute formula is raised by; it was fitted to dry runs of six families."""

Sums = list[int]


class Rows(NamedTuple):
    """Sums over layers of the bytes of one cell, by kind of layer, and of one sequence's state."""

    full: Sums
    window: Sums
    states: Sums


class Shape(NamedTuple):
    """What a context takes of every layer."""

    rows: Rows
    cells: int
    window_cells: int
    n_seq: int
    compute_bytes: int
    outputs_bytes: int

    def kv_bytes(self, start: int, end: int) -> int:
        full, window, states = self.rows
        return (
            (full[end] - full[start]) * self.cells
            + (window[end] - window[start]) * self.window_cells
            + (states[end] - states[start]) * self.n_seq
        )


class Ledger:
    """The bytes of one model in these pools."""

    def __init__(
        self,
        facts: ModelFacts,
        pools: tuple[Pool, ...],
        dry_run: DryRun | None = None,
        *,
        more_main_bytes: int = 0,
        beside_bytes: int = 0,
    ) -> None:
        """`more_main_bytes` is what loads took of main memory beyond the prediction;
        `beside_bytes` is held there for something else that belongs to the model."""
        self.facts = facts
        self.pools = pools
        self.n_units = facts.n_layers + 1
        on_device = facts.output_bytes + facts.tied_output_bytes
        self.weights = _sums((*facts.layer_bytes, on_device))
        self.experts = _sums((*facts.expert_layer_bytes, 0))
        # The input stays as it is in main memory: an output tied to it is held once more where
        # it is on a device, or stored anew.
        self._output_main = facts.output_bytes
        if tied_is_repacked(facts, pools[0]):
            self._output_main += facts.tied_output_bytes
        self.more_main_bytes = max(0, more_main_bytes)
        self._overhead = overhead_bytes(facts) + self.more_main_bytes + max(0, beside_bytes)
        self._rows: dict[tuple[str, str], Rows] = {}
        self._errors_found: dict[str, Need] = {}
        self._dry_run = dry_run
        if dry_run is not None:
            self._errors_found = self._errors(dry_run)

    def shape(self, configuration: Configuration) -> Shape:
        """The context's part of `configuration`."""
        n_seq = max(1, configuration.n_seq_max)
        cells = _padded(configuration.n_ctx)
        window = self.facts.sliding_window * configuration.n_seq_max + configuration.n_ubatch
        compute = round(compute_bytes(self.facts, configuration) * _FORMULA_MARGIN)
        return Shape(
            self.rows(configuration.cache_type_k, configuration.cache_type_v),
            cells,
            _padded(min(cells, window)),
            n_seq,
            compute,
            outputs_bytes(self.facts, configuration),
        )

    def rows(self, type_k: str, type_v: str) -> Rows:
        """Bytes of a cell and of a state, summed up over layers."""
        found = self._rows.get((type_k, type_v))
        if found is None:
            facts = self.facts
            # Within these sizes every layer has all cells: two of them give row and state.
            small = facts.layer_kv_bytes(CELL_PAD, 1, type_k, type_v, CELL_PAD)
            large = facts.layer_kv_bytes(2 * CELL_PAD, 1, type_k, type_v, 2 * CELL_PAD)
            rows = [(b - a) // CELL_PAD for a, b in zip(small, large, strict=True)]
            states = [a - row * CELL_PAD for a, row in zip(small, rows, strict=True)]
            swa = facts.swa_layers
            found = Rows(
                _sums([0 if in_window else row for row, in_window in zip(rows, swa, strict=True)]),
                _sums([row if in_window else 0 for row, in_window in zip(rows, swa, strict=True)]),
                _sums(states),
            )
            for sums in found:
                sums.append(sums[-1])  # the output keeps nothing
            self._rows[type_k, type_v] = found
        return found

    def device_bytes(self, number: int, span: tuple[int, int], n_cpu_moe: int, shape: Shape) -> int:
        """All that device `number` must hold of the units of `span`."""
        if self.pools[number].name in self._errors_found:
            return self.device_need(number, span, n_cpu_moe, shape).total_bytes
        start, end = span
        kept = max(start, min(n_cpu_moe, end))
        moved = self.experts[kept] - self.experts[start]
        weights = self.weights[end] - self.weights[start] - moved
        return weights + shape.kv_bytes(start, end) + shape.compute_bytes

    def device_need(self, number: int, span: tuple[int, int], n_cpu_moe: int, shape: Shape) -> Need:
        """The same by kind."""
        start, end = span
        kept = max(start, min(n_cpu_moe, end))
        moved = self.experts[kept] - self.experts[start]
        weights = self.weights[end] - self.weights[start] - moved
        need = Need(weights, shape.kv_bytes(start, end), shape.compute_bytes)
        error = self._errors_found.get(self.pools[number].name)
        return need.plus(error) if error is not None else need

    def main_need(self, layout: Layout, shape: Shape, load_mode: str) -> Need:
        """What main memory must hold, graphics chips' parts of it left out."""
        first = min(layout.first, self.n_units - 1)
        kept = max(first, min(layout.n_cpu_moe, self.n_units - 1))
        weights = self.facts.input_bytes + self.weights[first]
        weights += self.experts[kept] - self.experts[first]
        if not layout.devices:
            weights += self._output_main
        if load_mode == "mmap":
            weights += self._held_twice(layout)
        compute = shape.compute_bytes + shape.outputs_bytes + self._overhead
        need = Need(weights, shape.kv_bytes(0, first), compute)
        error = self._errors_found.get(MAIN)
        return need.plus(error) if error is not None else need

    def needs_of(self, layout: Layout, shape: Shape, load_mode: str) -> dict[str, Need]:
        """By pool; those that hold nothing have a Need of nothing."""
        found = {pool.name: Need() for pool in self.pools}
        found[MAIN] = self.main_need(layout, shape, load_mode)
        for number, start, end in layout.segments():
            name = self.pools[number].name
            found[name] = self.device_need(number, (start, end), layout.n_cpu_moe, shape)
        return found

    def needs(self, configuration: Configuration) -> dict[str, Need]:
        """By pool: what each must hold for this configuration."""
        layout = layout_of(configuration, self.pools, self.facts.n_layers)
        return self.needs_of(layout, self.shape(configuration), configuration.load_mode)

    def _held_twice(self, layout: Layout) -> int:
        """What is stored anew stays mapped as well, as long as there is room for it.

        The mapped half of an output tied to the input is the input, which is counted already.
        """
        run = self._dry_run
        if run is None or run.configuration.n_gpu_layers != self.n_units - layout.first:
            return 0
        tied = self.facts.tied_output_bytes
        is_tied = not layout.devices and tied_is_repacked(self.facts, self.pools[0])
        return max(0, run.repacked_bytes - (tied if is_tied else 0))

    def _errors(self, run: DryRun) -> dict[str, Need]:
        """What the dry run counted beyond the formula, by pool.

        Where llama.cpp's books could not be read, weights and KV stay those of the header,
        which are exact, and only the compute buffers are the dry run's.
        """
        by_formula = self.needs(replace(run.configuration, load_mode="none"))
        found = {}
        for name, entry in run.devices.items():
            formula = by_formula.get(name)
            if formula is None:
                continue
            weights, cells = formula.weights_bytes, formula.kv_bytes
            if run.exact:
                weights, cells = entry["model"] or 0, entry["context"] or 0
            elif name == MAIN and len(self.pools) == 1:
                cells = entry["context"] or cells
            compute = (entry["compute"] or 0) + (entry["output"] or 0)
            if name == MAIN:
                compute += self._overhead
            found[name] = Need(weights, cells, compute).minus(formula)
        return found


def needs(
    facts: ModelFacts, configuration: Configuration, pools: tuple[Pool, ...]
) -> dict[str, Need]:
    """By formula: what each pool must hold. Keys are the names of `pools`."""
    return Ledger(facts, pools).needs(configuration)


def measured_needs(
    facts: ModelFacts, configuration: Configuration, pools: tuple[Pool, ...], dry_run: DryRun
) -> dict[str, Need]:
    """The same, moved by what a dry run counted; exact where it was of this configuration."""
    return Ledger(facts, pools, dry_run).needs(configuration)


def _sums(values: tuple[int, ...] | list[int]) -> Sums:
    return [0, *accumulate(values)]


def _padded(cells: int) -> int:
    return -(-cells // CELL_PAD) * CELL_PAD
