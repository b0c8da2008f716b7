"""Which layer lies where, as llama.cpp will put it (llama-model.cpp, get_layer_buft_list).

Pure. A unit is a layer or, last, the output. Devices get units from the back, in the order in
which they are named; the experts of the first layers may stay in main memory.
"""

from __future__ import annotations

from bisect import bisect_right
from typing import NamedTuple

from app.planner.memory import Configuration
from app.planner.pools import MAIN, Pool


class Layout(NamedTuple):
    """`devices` are numbers of pools; each holds the units from its start to the next one's.

    Before the first start lies main memory's part. No device is empty.
    """

    devices: tuple[int, ...]
    starts: tuple[int, ...]
    n_cpu_moe: int
    n_units: int

    @property
    def first(self) -> int:
        """The first unit on a device; all units where there is no device."""
        return self.starts[0] if self.starts else self.n_units

    def segments(self) -> list[tuple[int, int, int]]:
        """(pool, start, end) of every device."""
        if not self.devices:
            return []
        ends = (*self.starts[1:], self.n_units)
        return list(zip(self.devices, self.starts, ends, strict=True))

    def displaced(self) -> int:
        """Layers on devices whose experts are in main memory."""
        return max(0, min(self.n_cpu_moe, self.n_units - 1) - self.first)


def layout_of(configuration: Configuration, pools: tuple[Pool, ...], n_layers: int) -> Layout:
    """The layout that llama.cpp makes of a configuration."""
    numbers = {pool.name: number for number, pool in enumerate(pools)}
    names = configuration.devices or tuple(pool.name for pool in pools[1:])
    chosen = [numbers[name] for name in names if name in numbers and name != MAIN]
    n_units = n_layers + 1
    on_devices = min(max(0, configuration.n_gpu_layers), n_units) if chosen else 0
    if not on_devices:
        return Layout((), (), 0, n_units)
    split = configuration.tensor_split
    if len(split) != len(chosen):
        split = tuple(float(pools[number].free_bytes) for number in chosen)
    devices, starts = [], []
    first, before = n_units - on_devices, -1
    bounds = _bounds(split)
    for unit in range(first, n_units):
        index = min(bisect_right(bounds, (unit - first) / on_devices), len(chosen) - 1)
        if index != before:
            devices.append(chosen[index])
            starts.append(unit)
            before = index
    return Layout(tuple(devices), tuple(starts), configuration.n_cpu_moe, n_units)


def places_of(layout: Layout, pools: tuple[Pool, ...]) -> tuple[str, ...]:
    """The pool's name of each layer and, last, of the output."""
    places = [MAIN] * layout.n_units
    for number, start, end in layout.segments():
        places[start:end] = [pools[number].name] * (end - start)
    return tuple(places)


def _bounds(split: tuple[float, ...]) -> list[float]:
    running, found = 0.0, []
    for part in split:
        running += part
        found.append(running)
    return [bound / (running or 1.0) for bound in found]
