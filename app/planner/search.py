"""The best way to load one file: over devices, layers, experts, context, types and steps.

Pure and repeatable. Finds the optimum of `key` without trying everything: what is needed grows
with context and layers, so the edge of what fits is found by bisection.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Self

from app.gguf.facts import ModelFacts
from app.hardware.profile import MachineProfile
from app.planner.candidates import Rung
from app.planner.key import Key, pace_of, speed_step
from app.planner.layout import Layout
from app.planner.learnt import NOTHING, Learnt
from app.planner.ledger import Shape
from app.planner.memory import DryRun
from app.planner.points import Point as Point
from app.planner.points import Points
from app.planner.pools import FITS, Fit
from app.planner.spans import Order
from app.planner.wish import Wish


@dataclass(frozen=True, slots=True)
class _Family:
    """Points that differ only in context and in how many layers are where."""

    order: Order
    rung: Rung
    bound: Key


_Places = Callable[[_Family, int], Iterator[Layout]]


class Search(Points):
    """One search: what may be chosen, and the best of it."""

    def __init__(
        self,
        machine: MachineProfile,
        facts: ModelFacts,
        wish: Wish,
        *,
        dry_run: DryRun | None = None,
        cpu_only: bool = False,
        learnt: Learnt = NOTHING,
    ) -> None:
        super().__init__(machine, facts, wish, dry_run=dry_run, cpu_only=cpu_only, learnt=learnt)
        self._fastest: dict[tuple[Order, str, str], float] = {}
        self._whole: dict[Order, bool] = {}
        self._turns: dict[Order, tuple[int, ...] | None] = {}

    def at(self, n_ctx: int) -> Self:
        other = super().at(n_ctx)
        other._fastest, other._whole = {}, {}
        return other

    def best(self) -> Point:
        """The optimum. Where nothing fits, what falls shortest of it is shown."""
        return self.best_well() or self._best(self._tight, self.orders) or self._least()

    def best_well(self) -> Point | None:
        """The optimum of what fits well."""
        found = self._best(self._well, self.orders)
        if found is None and () not in self.orders and not self.wish.n_gpu_layers:
            return self._best(self._well, ((),))
        return found

    @property
    def is_stepped_down(self) -> bool:
        """Whether a better tight plan was left aside because it leaves too little."""
        found = self._best(self._tight, self.orders)
        return found is not None and self._best(self._any_margin, self.orders) != found

    def fastest(self, fit: Fit) -> tuple[float, float]:
        """Tokens a second written and read by the fastest plan that fits so well.

        With the least context: unlike the optimum's own, this never falls with more memory.
        """
        least, rung = self.choices.least, self.choices.rungs[-1]
        points = (
            self.point(rung, least, layout, fit)
            for order in self.orders
            for family in (self._family(order, rung),)
            for places in self._places(family)
            for layout in places(family, least)
        )
        found = [point for point in points if point is not None]
        best = max(found, key=lambda point: point.tokens_per_second, default=None) or self.best()
        layout = best.layout
        whole = layout.first == 0 and not layout.n_cpu_moe
        usual = self.made(self.choices.rungs[0], least, whole or self.streams(layout.devices))[0]
        read = self.timing.expected(layout, usual).prompt_tokens_per_second
        return best.tokens_per_second, read

    def _best(
        self, points: Callable[[_Family], Iterator[Point]], orders: tuple[Order, ...]
    ) -> Point | None:
        best: Point | None = None
        # What the most saving rung cannot fit, no other can.
        last = self._family((), self.choices.rungs[-1])
        orders = tuple(o for o in orders if any(points(replace(last, order=o))))
        families = [self._family(order, rung) for order in orders for rung in self.choices.rungs]
        if points != self._well:
            families = [self._squeezed(family) for family in families]
        families.sort(key=lambda family: family.bound, reverse=True)
        for family in families:
            if best is not None and family.bound <= best.key:
                break
            for point in points(family):
                if best is None or point.key > best.key:
                    best = point
        return best

    def _family(self, order: Order, rung: Rung) -> _Family:
        """With a key that none of its points exceeds."""
        choices = self.choices
        fastest = self._fastest_of(order, rung)
        steps = [choices.ubatch(rung, on_devices=where) for where in {bool(order), False}]
        bound = Key(
            fit=FITS.index("well"),
            has_margin=True,
            pace=pace_of(fastest, self.wish.least_tokens_per_second),
            has_context=True,
            on_devices=bool(order) and self.is_worth(order) and self._may_be_whole(order),
            n_ctx=choices.wanted,
            is_f16=rung.is_f16,
            speed=speed_step(fastest),
            few_devices=-len(order),
            n_ubatch=min(choices.wanted, max(steps)),
            n_seq_max=rung.n_seq_max,
            exact_speed=fastest,
        )
        return _Family(order, rung, bound)

    def _fastest_of(self, order: Order, rung: Rung) -> float:
        """Tokens a second that no layout of this order exceeds."""
        kind = (order, rung.cache_type_k, rung.cache_type_v)
        if kind not in self._fastest:
            n_units = self.ledger.n_units
            layouts = [Layout((number,), (0,), 0, n_units) for number in order]
            if not order or not self.timing.is_faster(order):
                layouts.append(Layout((), (), 0, n_units))
            chosen, _ = self.made(rung, self.choices.least, bool(order))
            speeds = (self.timing.tokens_per_second(layout, chosen) for layout in layouts)
            self._fastest[kind] = max(speeds)
        return self._fastest[kind]

    def _squeezed(self, family: _Family) -> _Family:
        """The same where nothing fits well: tightly, with the least context."""
        least, usual = self.choices.least, self.choices.usual
        fit = FITS.index("tight")
        bound = family.bound._replace(fit=fit, n_ctx=least, has_context=least >= usual)
        return replace(family, bound=bound)

    def _may_be_whole(self, order: Order) -> bool:
        """Whether everything could be on these devices, with the least that it takes."""
        if self.wish.n_gpu_layers is not None or self.spans.pinned_experts:
            return True
        if order not in self._whole:
            shape = self.made(self.choices.rungs[-1], self.choices.least, True)[1]
            layout = self.spans.reach(order, shape, 0)
            self._whole[order] = layout is not None and layout.first == 0
        return self._whole[order]

    def _well(self, family: _Family) -> Iterator[Point]:
        if not family.order:
            yield from self._widest(family, self._on_processor)
            return
        if self.wish.n_gpu_layers is not None:
            yield from self._widest(family, self._as_pinned)
            return
        done = False
        for point in self._widest(family, self._on_devices):
            yield point
            key = point.key
            done = key.pace == 0 and key.has_context and key.on_devices
        if not done:
            yield from self._widest(family, self._shared)

    def _tight(self, family: _Family) -> Iterator[Point]:
        """With the least context, so that as little as possible is taken."""
        for places in self._places(family):
            for layout in places(family, self.choices.least):
                point = self.point(family.rung, self.choices.least, layout, "tight")
                if point is not None:
                    yield point

    def _any_margin(self, family: _Family) -> Iterator[Point]:
        for point in self._tight(family):
            yield replace(point, key=point.key._replace(has_margin=True))

    def _places(self, family: _Family) -> tuple[_Places, ...]:
        if not family.order:
            return (self._on_processor,)
        if self.wish.n_gpu_layers is not None:
            return (self._as_pinned,)
        return (self._on_devices, self._shared)

    def _widest(self, family: _Family, places: _Places) -> Iterator[Point]:
        """The best point of the best pace: with the largest context that keeps it."""
        contexts = self.choices.contexts

        def at(index: int) -> Point | None:
            points = (
                self.point(family.rung, contexts[index], layout, "well")
                for layout in places(family, contexts[index])
            )
            fitting = (point for point in points if point is not None)
            return max(fitting, key=lambda point: point.key, default=None)

        best = at(len(contexts) - 1)
        if best is None or best.key.pace < 0:
            bottom = at(0)
            if bottom is not None and (best is None or best.key.pace < bottom.key.pace):
                best = bottom
                low, high = 0, len(contexts) - 1
                while high - low > 1:
                    middle = (low + high) // 2
                    point = at(middle)
                    if point is not None and point.key.pace >= bottom.key.pace:
                        low, best = middle, point
                    else:
                        high = middle
        if best is not None:
            yield best

    def _on_processor(self, _family: _Family, _n_ctx: int) -> Iterator[Layout]:
        yield Layout((), (), 0, self.ledger.n_units)

    def _on_devices(self, family: _Family, n_ctx: int) -> Iterator[Layout]:
        """Everything on devices."""
        if not self.spans.pinned_experts:
            layout = self.spans.reach(family.order, self._shape(family, n_ctx, whole=True), 0)
            if layout is not None and layout.first == 0:
                yield layout

    def _shared(self, family: _Family, n_ctx: int) -> Iterator[Layout]:
        """Some of it on devices, as much as fits there well."""
        shape = self._shape(family, n_ctx, whole=False)
        if self.timing.is_faster(family.order):
            turns = self._turns.setdefault(family.order, self.timing.turns(family.order))
            yield from self.spans.shared(family.order, shape, turns)
        elif () not in self.orders or not self._all_share_main(family.order):
            # Slower than the processor, in its own memory: a part of it there is never better.
            yield from self.spans.shorter(family.order, shape)

    def _all_share_main(self, order: Order) -> bool:
        return all(self.pools[number].shares_main for number in order)

    def _as_pinned(self, family: _Family, n_ctx: int) -> Iterator[Layout]:
        """As many layers on devices as were pinned."""
        pinned, n_units = self.wish.n_gpu_layers or 0, self.ledger.n_units
        first = 0 if pinned < 0 else n_units - min(pinned, n_units)
        experts = self.spans.pinned_experts
        shape = self._shape(family, n_ctx, whole=first == 0 and not experts)
        yield from self.spans.pinned(family.order, shape, first, experts or 0)
        if experts is None:
            shape = self._shape(family, n_ctx, whole=False)
            for is_tight in (False, True):
                least = self.spans.fewest_experts(family.order, shape, first, is_tight=is_tight)
                yield from self.spans.pinned(family.order, shape, first, least)

    def _least(self) -> Point:
        """Nothing fits: the choice that falls shortest of fitting."""
        choices = self.choices
        rung = choices.rungs[-1]
        points = (
            self.point(rung, choices.least, layout)
            for order in (*self.orders, *(() if self.wish.n_gpu_layers else ((),)))
            for family in (self._family(order, rung),)
            for places in self._places(family)
            for layout in places(family, choices.least)
        )
        found = [point for point in points if point is not None]
        return min(found, key=lambda point: point.short_bytes)

    def _shape(self, family: _Family, n_ctx: int, *, whole: bool) -> Shape:
        return self.made(family.rung, n_ctx, whole or self.streams(family.order))[1]
