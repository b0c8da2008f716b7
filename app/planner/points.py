"""One file on one machine: any one way to load it, what it needs there and how good it is.

Pure. Judges a choice that is handed to it; which choices there are to try, `search` knows.
"""

from __future__ import annotations

import copy
from dataclasses import dataclass, replace
from typing import Self

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


class Points:
    """What is given, and how good any choice is."""

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
        self.ledger = Ledger(
            facts,
            self.pools,
            dry_run,
            more_main_bytes=more,
            beside_bytes=wish.beside_bytes,
        )
        self.threads = threads_for(machine, wish.n_threads)
        self.timing = Timing(self.ledger, machine, self.threads, learnt)
        wanted, count = wanted_context(facts, wish), self.threads.count
        self._ubatch = ubatch_for(facts, wanted, count, machine)
        self.choices = Choices(facts, wish, self._ubatch)
        self.spans = Spans(self.ledger, wish.n_cpu_moe)
        self.orders = device_orders(self.pools, self.timing.rates, wish)
        self._repacked = self._is_repacked()
        self._made: dict[tuple[Rung, int, bool], tuple[Configuration, Shape]] = {}

    def at(self, n_ctx: int) -> Self:
        """The same with this context."""
        other = copy.copy(self)
        other.choices = Choices(self.facts, replace(self.wish, n_ctx=n_ctx), self._ubatch)
        other._made = {}
        return other

    def point(self, rung: Rung, n_ctx: int, layout: Layout, least: Fit = "no") -> Point | None:
        """This very choice, or None where it fits less well than `least`."""
        whole = layout.first == 0 and not layout.n_cpu_moe
        chosen, shape = self.made(rung, n_ctx, whole or self.streams(layout.devices))
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
            on_devices=whole and self.is_worth(layout.devices),
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

    def streams(self, devices: Order) -> bool:
        """Whether a prompt is computed by a card even where weights are in main memory: it fetches
        them for every step, and no small step makes it stop sooner."""
        return bool(devices) and not self.pools[devices[-1]].shares_main

    def made(self, rung: Rung, n_ctx: int, on_devices: bool) -> tuple[Configuration, Shape]:
        """The configuration without its places, and its shape; kept, as many points share it."""
        made = self._made.get((rung, n_ctx, on_devices))
        if made is None:
            chosen = self.choices.configuration(n_ctx, rung, on_devices=on_devices)
            made = self._made[rung, n_ctx, on_devices] = (chosen, self.ledger.shape(chosen))
        return made

    def is_worth(self, devices: Order) -> bool:
        """Whether having everything there is better than the processor; chosen ones are."""
        return self.wish.devices is not None or not self.timing.is_slower(devices)

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
