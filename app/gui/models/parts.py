"""What a memory is filled with, as parts in order: other programs, the model, what stays free.

Pure. Reads a plan's share; says each part in words with its exact number.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from PySide6.QtCore import QCoreApplication, QLocale

from app.foundation.units import bytes_text
from app.planner.memory import Need
from app.planner.plan import Plan, Share
from app.planner.pools import MAIN

Kind = Literal["others", "weights", "context", "compute", "margin", "free"]
MODEL_KINDS: tuple[Kind, ...] = ("weights", "context", "compute")
translate = QCoreApplication.translate


@dataclass(frozen=True, slots=True)
class Part:
    """One piece of the bar."""

    kind: Kind
    n_bytes: int

    @property
    def name(self) -> str:
        """By its plain name, the technical one beside it."""
        return {
            "others": translate("Models", "Other programs"),
            "weights": translate("Models", "The model (weights)"),
            "context": translate("Models", "The conversation (context)"),
            "compute": translate("Models", "Working room (compute)"),
            "margin": translate("Models", "Kept free for you"),
            "free": translate("Models", "Free"),
        }[self.kind]

    @property
    def size(self) -> str:
        return bytes_text(self.n_bytes)

    def exact(self, locale: QLocale) -> str:
        """The name, the size and the very number of bytes."""
        return translate("Models", "{name}: {size} ({bytes} bytes)").format(
            name=self.name, size=self.size, bytes=locale.toString(self.n_bytes)
        )


@dataclass(frozen=True, slots=True)
class Filling:
    """A memory and its parts. `over_bytes` is what does not go in."""

    total_bytes: int
    parts: tuple[Part, ...]
    over_bytes: int

    @property
    def scale_bytes(self) -> int:
        """The whole length of the bar."""
        return max(1, self.total_bytes + self.over_bytes)


def fillings_of(plan: Plan) -> dict[str, Filling]:
    """Every memory of a plan by its pool's name. Main memory also holds what a graphics chip
    without a memory of its own keeps there."""
    shared = [share.need for share in plan.memory if share.pool.shares_main]
    return {
        share.pool.name: filling_of(share, shared if share.pool.name == MAIN else ())
        for share in plan.memory
    }


def filling_of(share: Share, beside: Sequence[Need] = ()) -> Filling:
    """The parts of one memory under a plan; empty ones are left out."""
    pool, needs = share.pool, (share.need, *beside)
    # Where the system hides its total, what is free is all that can be drawn.
    total = max(pool.total_bytes, pool.free_bytes)
    needed = sum(need.total_bytes for need in needs)
    left = max(0, pool.free_bytes - needed)
    margin = min(left, pool.reserve_bytes)
    parts = (
        Part("others", total - pool.free_bytes),
        Part("weights", sum(need.weights_bytes for need in needs)),
        Part("context", sum(need.kv_bytes for need in needs)),
        Part("compute", sum(need.compute_bytes for need in needs)),
        Part("margin", margin),
        Part("free", left - margin),
    )
    over = max(0, needed - pool.free_bytes)
    return Filling(total, tuple(part for part in parts if part.n_bytes > 0), over)


def description_of(filling: Filling, locale: QLocale) -> str:
    """Everything the bar shows, for those who do not see it."""
    said = [part.exact(locale) for part in filling.parts]
    if filling.over_bytes:
        said.append(over_words(filling))
    return "; ".join(said)


def over_words(filling: Filling) -> str:
    """What does not go in."""
    return translate("Models", "{size} do not fit").format(size=bytes_text(filling.over_bytes))
