"""How far a model's layers reach into devices: the edge of what fits there well.

Pure. A device's need grows with every layer and shrinks with every expert that stays in main
memory, so edges are found by bisection.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from app.planner.layout import Layout, layout_of
from app.planner.ledger import Ledger, Shape
from app.planner.memory import Configuration

Order = tuple[int, ...]
"""Numbers of pools: the first gets the first layers, the last the output."""


class Spans:
    """The layouts of one model that fit well on the devices of an order."""

    def __init__(self, ledger: Ledger, n_cpu_moe: int | None) -> None:
        """`n_cpu_moe` is pinned, or None."""
        self._ledger = ledger
        self._n_units = ledger.n_units
        self._n_layers = ledger.n_units - 1
        has_experts = ledger.experts[-1] > 0
        self._pinned = min(n_cpu_moe, self._n_layers) if n_cpu_moe is not None else None
        if not has_experts:
            self._pinned = 0

    @property
    def pinned_experts(self) -> int | None:
        """The layers whose experts stay in main memory, where there is no choice."""
        return self._pinned

    def reach(
        self,
        order: Order,
        shape: Shape,
        n_cpu_moe: int,
        lowest: int = 0,
        *,
        is_tight: bool = False,
    ) -> Layout | None:
        """As many units as fit, but none below `lowest`; None where a device holds nothing.

        The last device is filled first: it holds the output. One unit is left to each other; if
        that one is too large for it, a smaller one behind.
        """
        while True:
            starts, failed = self._filled(order, shape, n_cpu_moe, lowest, is_tight=is_tight)
            if failed is None:
                return self._layout(order, starts, n_cpu_moe)
            place, unit = failed
            size = self._unit_bytes(unit, n_cpu_moe)
            rest = range(unit + 1, self._n_units - len(order) + place + 1)
            if place == len(order) - 1:
                return None
            smaller = (next_ for next_ in rest if self._unit_bytes(next_, n_cpu_moe) < size)
            found = next(smaller, None)
            if found is None:
                return None
            lowest = found - place

    def _filled(
        self, order: Order, shape: Shape, n_cpu_moe: int, lowest: int, *, is_tight: bool
    ) -> tuple[tuple[int, ...], tuple[int, int] | None]:
        """Where each device starts, or the place in the order and the unit that failed."""
        starts: list[int] = []
        end = self._n_units
        for place, number in reversed(list(enumerate(order))):
            pool = self._ledger.pools[number]
            budget = pool.tight_bytes if is_tight else pool.budget_bytes

            def fits(
                start: int, end: int = end, number: int = number, budget: int = budget
            ) -> bool:
                span = (start, end)
                return self._ledger.device_bytes(number, span, n_cpu_moe, shape) <= budget

            start = _lowest(lowest + place, end, fits)
            if start >= end:
                return (), (place, end - 1)
            starts.insert(0, start)
            end = start
        return tuple(starts), None

    def _unit_bytes(self, unit: int, n_cpu_moe: int) -> int:
        weights = self._ledger.weights[unit + 1] - self._ledger.weights[unit]
        if unit < n_cpu_moe:
            weights -= self._ledger.experts[unit + 1] - self._ledger.experts[unit]
        return weights

    def shared(
        self, order: Order, shape: Shape, turns: tuple[int, ...] | None = None
    ) -> Iterator[Layout]:
        """What fits without everything being on devices, with as many layers there as fit, and
        with fewer where a layer without its experts is better in main memory (`turns`).

        On one device more experts in main memory are worth it only for more layers; on several
        also for another share between them.
        """
        counts = range(self._n_layers, -1, -1)
        if self._pinned is not None:
            counts = range(self._pinned, self._pinned + 1)
        reaches: dict[tuple[int, ...], Layout] = {}
        for n_cpu_moe in counts:
            found = self.reach(order, shape, n_cpu_moe, 0 if n_cpu_moe else 1)
            if found is None and len(order) > 1:
                continue
            if found is None:
                break
            reaches[found.starts] = found
            if n_cpu_moe <= found.first:
                break  # no expert is left apart: fewer change nothing
            for lowest in () if turns is None else (*turns, n_cpu_moe):
                if found.first < lowest <= n_cpu_moe:
                    fewer = self.reach(order, shape, n_cpu_moe, lowest)
                    if fewer is not None:
                        reaches[fewer.starts] = fewer
        yield from reaches.values()

    def shorter(self, order: Order, shape: Shape) -> Iterator[Layout]:
        """The same and every layout with fewer layers on devices: for devices that are slow."""
        for found in self.shared(order, shape):
            yield found
            for lowest in range(found.first + 1, self._n_units):
                fewer = self.reach(order, shape, found.n_cpu_moe, lowest)
                if fewer is not None:
                    yield fewer

    def pinned(self, order: Order, shape: Shape, first: int, n_cpu_moe: int) -> Iterator[Layout]:
        """From `first` on everything on devices: as it fits well, as it fits at all, and as
        llama.cpp would share it."""
        for is_tight in (False, True):
            found = self.reach(order, shape, n_cpu_moe, first, is_tight=is_tight)
            if found is not None and found.first == first:
                yield found
        names = tuple(self._ledger.pools[number].name for number in order)
        asked = Configuration(
            0, n_gpu_layers=self._n_units - first, devices=names, n_cpu_moe=n_cpu_moe
        )
        yield layout_of(asked, self._ledger.pools, self._n_layers)

    def fewest_experts(self, order: Order, shape: Shape, first: int, *, is_tight: bool) -> int:
        """The fewest layers with their experts in main memory so that the rest fits; all of
        them where nothing does."""
        low, high = first, self._n_layers
        while low < high:
            middle = (low + high) // 2
            found = self.reach(order, shape, middle, first, is_tight=is_tight)
            if found is not None and found.first == first:
                high = middle
            else:
                low = middle + 1
        return high

    def _layout(self, order: Order, starts: tuple[int, ...], n_cpu_moe: int) -> Layout:
        kept = n_cpu_moe if n_cpu_moe > starts[0] else 0
        return Layout(order, starts, kept, self._n_units)


def _lowest(lowest: int, end: int, fits: Callable[[int], bool]) -> int:
    """The lowest start from which everything up to `end` fits; `end` where nothing does."""
    if lowest >= end or fits(lowest):
        return lowest
    low, high = lowest, end  # `low` does not fit
    while high - low > 1:
        middle = (low + high) // 2
        if fits(middle):
            high = middle
        else:
            low = middle
    return high
