"""One rung down: what the next plan of a model has to do without, because less was left than
had been planned, or because somebody else needs it. Pure.

A rung takes something from the planner's world, a part of a card's memory or the wish for a long
context; the planner then finds the best plan in what remains. It never touches what is pinned.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

from app.foundation.units import MIB
from app.hardware.profile import MachineProfile, Unknown
from app.planner.plan import Plan, Wish

LEAST_MARGIN_BYTES: Final = 256 * MIB
"""A pool with less than this to spare after a load is too full."""
KEPT_S: Final = 24 * 3600
"""So long after the last step down a new load takes what it had before: there may be room."""
LEAST_CONTEXT: Final = 2048
MAIN: Final = "CPU"
_STEP = 256
_DEVICE_SHARE = 8


@dataclass(frozen=True, slots=True)
class Rung:
    """`n_ctx` is the longest context to aim at; `set_aside` are bytes of devices, by ggml's
    name, that count as taken. `why` is a sentence for the plan."""

    n_ctx: int | None = None
    set_aside: tuple[tuple[str, int], ...] = ()
    why: str = ""

    def as_dict(self) -> dict[str, Any]:
        return {"n_ctx": self.n_ctx, "set_aside": dict(self.set_aside), "why": self.why}

    @classmethod
    def of(cls, saved: Mapping[str, Any]) -> Rung:
        """Read `as_dict` back. Raises KeyError, TypeError, ValueError or AttributeError."""
        n_ctx = saved["n_ctx"]
        aside = {str(name): int(n_bytes) for name, n_bytes in saved["set_aside"].items()}
        return cls(None if n_ctx is None else int(n_ctx), tuple(aside.items()), str(saved["why"]))


def rung_below(plan: Plan, pool: str, why: str, *, short_bytes: int = 0) -> Rung | None:
    """What would leave more in `pool`, or None where nothing that may be changed would.

    A card first gives up context beyond what a chat needs, then layers; in main memory the
    context is all that can be given. `short_bytes` is what is missing there.
    """
    can_shrink = "n_ctx" not in plan.pinned and plan.n_ctx > LEAST_CONTEXT
    smaller = max(LEAST_CONTEXT, plan.n_ctx // 2 // _STEP * _STEP)
    if pool == MAIN:
        return Rung(smaller, (), why) if can_shrink else None
    need = next((share.need for share in plan.memory if share.pool.name == pool), None)
    if need is None or "n_gpu_layers" in plan.pinned:
        return Rung(smaller, (), why) if can_shrink else None
    if can_shrink and plan.n_ctx > 2 * LEAST_CONTEXT and need.kv_bytes // 2 > short_bytes:
        return Rung(smaller, (), why)
    aside = max(need.total_bytes // _DEVICE_SHARE, LEAST_MARGIN_BYTES) + max(0, short_bytes)
    return Rung(None, ((pool, aside),), why)


def both(first: Rung | None, second: Rung | None) -> Rung | None:
    """Everything that either takes; the second one's reason."""
    if first is None or second is None:
        return second or first
    lengths = [rung.n_ctx for rung in (first, second) if rung.n_ctx is not None]
    aside = dict(first.set_aside)
    for name, n_bytes in second.set_aside:
        aside[name] = aside.get(name, 0) + n_bytes
    return Rung(min(lengths, default=None), tuple(aside.items()), second.why or first.why)


def wish_under(wish: Wish, rung: Rung | None) -> Wish:
    """The wish with the rung's context as its aim; a shorter one stays."""
    if rung is None or rung.n_ctx is None or wish.n_ctx is not None:
        return wish
    return replace(wish, n_ctx_wanted=min(wish.n_ctx_wanted or rung.n_ctx, rung.n_ctx))


def machine_under(machine: MachineProfile, rung: Rung | None) -> MachineProfile:
    """The machine with what is set aside counted as taken."""
    if rung is None or not rung.set_aside or isinstance(machine.devices, Unknown):
        return machine
    aside = dict(rung.set_aside)
    devices = tuple(
        replace(device, free_bytes=max(0, device.free_bytes - aside.get(device.name, 0)))
        for device in machine.devices
    )
    return replace(machine, devices=devices)
