"""The best way to load one file: over devices, layers, experts, context, types and steps.

Pure and repeatable. Finds the optimum of `key` without trying everything: what is needed grows
with context and layers, so the edge of what fits is found by bisection.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

from app.gguf.facts import ModelFacts
from app.hardware.profile import MachineProfile
from app.planner.candidates import Choices, Rung, device_orders, wanted_context
from app.planner.key import Key, pace_of, speed_step
from app.planner.layout import Layout
from app.planner.learnt import NOTHING, Learnt
from app.planner.ledger import Ledger, Shape
from app.planner.memory import Configuration, DryRun, is_repacked
from app.planner.pools import FITS, LEAST_MARGIN_BYTES, MAIN, Fit, pools_of
from app.planner.spans import Order, Spans
from app.planner.speed import Timing, ubatch_for
from app.planner.threads import threads_for
from app.planner.wish import LoadMode, Wish

_REPACKED_SHARE = 0.4
"""From this part of the weights on, a mapped file would be held twice for too little gain."""


@dataclass(frozen=True, slots=True)
class Point:
    """One way to load the file, and how good it is. `margin_bytes` is what main memory has to
    spare; `short_bytes` is what all memories together lack."""

    configuration: Configuration
    layout: Layout
    fit: Fit
    margin_bytes: int
    short_bytes: int
    tokens_per_second: float
    key: Key


@dataclass(frozen=True, slots=True)
class _Family:
    """Points that differ only in context and in how many layers are where."""

    order: Order
    rung: Rung
    bound: Key


_Places = Callable[[_Family, int], Iterator[Layout]]


class Search:
    """One search: what is given, and what may be chosen."""

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
        self.facts, self.wish, self.dry_run = facts, wish, dry_run
        self.pools = pools_of(
            machine,
            cpu_only=cpu_only,
            only=wish.devices,
            learnt=learnt,
            architecture=facts.architecture,
        )
        own = learnt.of(MAIN, "", facts.architecture)
        more = own.memory_bytes if own is not None else 0
        self.ledger = Ledger(facts, self.pools, dry_run, more_main_bytes=more)
        self.threads = threads_for(machine, wish.n_threads)
        self.timing = Timing(self.ledger, machine, self.threads, learnt)
        wanted, count = wanted_context(facts, wish), self.threads.count
        self._ubatch = ubatch_for(facts, wanted, count, machine)
        self.choices = Choices(facts, wish, self._ubatch)
        self.spans = Spans(self.ledger, wish.n_cpu_moe)
        self.orders = device_orders(self.pools, self.timing.rates, wish)
        self._repacked = self._is_repacked()
        self._made: dict[tuple[Rung, int, bool], tuple[Configuration, Shape]] = {}
        self._fastest: dict[tuple[Order, str, str], float] = {}

    def best(self) -> Point:
        """The optimum. Where nothing fits, what falls shortest of it is shown."""
        found = self._best(self._well, self.orders)
        if found is None and () not in self.orders and not self.wish.n_gpu_layers:
            found = self._best(self._well, ((),))
        return found or self._best(self._tight, self.orders) or self._least()

    @property
    def is_stepped_down(self) -> bool:
        """Whether a better tight plan was left aside because it leaves too little."""
        found = self._best(self._tight, self.orders)
        return found is not None and self._best(self._any_margin, self.orders) != found

    def at(self, n_ctx: int) -> Search:
        """The same search with this context."""
        other = copy.copy(self)
        other.choices = Choices(self.facts, replace(self.wish, n_ctx=n_ctx), self._ubatch)
        other._made, other._fastest = {}, {}
        return other

    def point(self, rung: Rung, n_ctx: int, layout: Layout, least: Fit = "no") -> Point | None:
        """This very choice, or None where it fits less well than `least`."""
        whole = layout.first == 0 and not layout.n_cpu_moe
        chosen, shape = self._of(rung, n_ctx, whole or self.streams(layout.devices))
        mode = self._load_mode(whole, layout)
        fit, margin_bytes, short_bytes = self._fit(layout, shape, mode)
        if FITS.index(fit) < FITS.index(least):
            return None
        speed = self.timing.tokens_per_second(layout, chosen)
        key = Key(
            fit=FITS.index(fit),
            has_margin=margin_bytes >= LEAST_MARGIN_BYTES,
            pace=pace_of(speed, self.wish.least_tokens_per_second),
            has_context=n_ctx >= self.choices.usual,
            on_devices=whole and self._is_worth(layout.devices),
            n_ctx=n_ctx,
            is_f16=rung.is_f16,
            speed=speed_step(speed),
            few_devices=-len(layout.devices),
            n_ubatch=chosen.n_ubatch,
            n_seq_max=rung.n_seq_max,
            exact_speed=speed,
        )
        counts = [end - start for _, start, end in layout.segments()]
        configuration = replace(
            chosen,
            load_mode=mode,
            n_gpu_layers=layout.n_units - layout.first,
            n_cpu_moe=layout.n_cpu_moe,
            devices=tuple(self.pools[number].name for number in layout.devices),
            tensor_split=tuple(map(float, counts)) if len(counts) > 1 else (),
        )
        return Point(configuration, layout, fit, margin_bytes, short_bytes, speed, key)

    def _best(
        self, points: Callable[[_Family], Iterator[Point]], orders: tuple[Order, ...]
    ) -> Point | None:
        best: Point | None = None
        # What the most saving rung cannot fit, no other can.
        last = self._family((), self.choices.rungs[-1])
        orders = tuple(o for o in orders if any(points(replace(last, order=o))))
        families = [self._family(order, rung) for order in orders for rung in self.choices.rungs]
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
            on_devices=bool(order) and self._is_worth(order),
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
            chosen, _ = self._of(rung, self.choices.least, bool(order))
            speeds = (self.timing.tokens_per_second(layout, chosen) for layout in layouts)
            self._fastest[kind] = max(speeds)
        return self._fastest[kind]

    def _is_worth(self, devices: Order) -> bool:
        """Whether having everything there is better than the processor; chosen ones are."""
        return self.wish.devices is not None or not self.timing.is_slower(devices)

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
            simple = self.timing.likes_layers(family.order)
            layouts = self.spans.shared if simple else self.spans.shorter
            yield from layouts(family.order, shape)
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
        yield self.spans.pinned(family.order, shape, first, experts or 0)
        if experts is None:
            shape = self._shape(family, n_ctx, whole=False)
            for is_tight in (False, True):
                least = self.spans.fewest_experts(family.order, shape, first, is_tight=is_tight)
                yield self.spans.pinned(family.order, shape, first, least)

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
        return self._of(family.rung, n_ctx, whole or self.streams(family.order))[1]

    def _of(self, rung: Rung, n_ctx: int, on_devices: bool) -> tuple[Configuration, Shape]:
        """The configuration without its places, and its shape; kept, as many points share it."""
        made = self._made.get((rung, n_ctx, on_devices))
        if made is None:
            chosen = self.choices.configuration(n_ctx, rung, on_devices=on_devices)
            made = self._made[rung, n_ctx, on_devices] = (chosen, self.ledger.shape(chosen))
        return made

    def streams(self, devices: Order) -> bool:
        """Whether a prompt is computed by a card even where weights are in main memory: it fetches
        them for every step, and no small step makes it stop sooner."""
        return bool(devices) and not self.pools[devices[-1]].shares_main

    def _fit(self, layout: Layout, shape: Shape, mode: LoadMode) -> tuple[Fit, int, int]:
        """The worst of all memories, what main memory has to spare, and what is lacking."""
        pools, ledger = self.pools, self.ledger
        main = ledger.main_need(layout, shape, mode).total_bytes
        worst, short = len(FITS) - 1, 0
        for number, start, end in layout.segments():
            need = ledger.device_bytes(number, (start, end), layout.n_cpu_moe, shape)
            worst = min(worst, FITS.index(pools[number].fit_of(need)))
            short += max(0, need - pools[number].budget_bytes)
            if pools[number].shares_main:
                main += need
        worst = min(worst, FITS.index(pools[0].fit_of(main)))
        margin = pools[0].free_bytes - main
        return FITS[worst], margin, short + max(0, -margin)

    def _load_mode(self, whole: bool, layout: Layout) -> LoadMode:
        """Mapped, unless so much is stored anew that it would be held twice.

        What goes to cards alone is read where main memory has no room for the file beside it.
        """
        if self.wish.load_mode is not None:
            return self.wish.load_mode
        if whole:
            shares = any(self.pools[number].shares_main for number in layout.devices)
            tight = self.facts.file_bytes > self.pools[0].budget_bytes
            return "none" if tight and not shares else "mmap"
        return "none" if self._repacked else "mmap"

    def _is_repacked(self) -> bool:
        share = self.dry_run.repacked_share if self.dry_run is not None else None
        if share is None:
            return is_repacked(self.facts, self.pools[0])
        return share >= _REPACKED_SHARE
