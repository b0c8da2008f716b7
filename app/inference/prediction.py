"""What a plan said of one load, in the form that can be held against what was measured. Pure.

`raw` figures are those that the plan would have named had nothing been learnt: only against
them does a measurement teach, or a correction would be corrected away by its own success.
"""

from __future__ import annotations

from dataclasses import dataclass

from app.inference.rungs import MAIN
from app.planner.plan import Plan

SPEEDS = ("prompt", "generated")


@dataclass(frozen=True, slots=True)
class MemoryGuess:
    """Bytes in one pool: what the plan said, and what it would have said unlearnt."""

    pool: str
    backend: str
    driver: str
    said_bytes: int
    raw_bytes: int


@dataclass(frozen=True, slots=True)
class SpeedGuess:
    """Tokens a second, of `kind` "prompt" or "generated"."""

    kind: str
    said: float
    raw: float


@dataclass(frozen=True, slots=True)
class Prediction:
    """One load: what, how, and what was expected of it.

    `backend` and `driver` are those of the device that computes the output, which the speeds
    are learnt for. `teaches` is False for models too small to tell anything by.
    """

    path: str
    model: str
    architecture: str
    n_ctx: int
    n_gpu_layers: int
    n_threads: int
    backend: str
    driver: str
    memory: tuple[MemoryGuess, ...]
    speeds: tuple[SpeedGuess, ...]
    teaches: bool = True

    @property
    def key(self) -> str:
        """Equal for loads that are the same for all that can be measured."""
        return f"{self.path}|{self.n_ctx}|{self.n_gpu_layers}|{self.n_threads}|{self.backend}"

    def speed(self, kind: str) -> SpeedGuess:
        return next(guess for guess in self.speeds if guess.kind == kind)


def prediction_of(
    path: str, architecture: str, plan: Plan, raw: Plan, *, teaches: bool = True
) -> Prediction:
    """From the plan that is loaded, and the same plan made without what was learnt."""
    raw_bytes = {share.pool.name: share.need.total_bytes for share in raw.memory}
    memory = tuple(
        MemoryGuess(
            share.pool.name,
            share.pool.backend or MAIN,
            share.pool.driver,
            share.need.total_bytes,
            raw_bytes.get(share.pool.name, share.need.total_bytes),
        )
        for share in plan.memory
    )
    # Layers go to devices from the back, so the last device has the output.
    last = memory[-1] if plan.configuration.n_gpu_layers > 0 else memory[0]
    speeds = tuple(
        SpeedGuess(
            kind,
            getattr(plan.expected, f"{kind}_tokens_per_second"),
            getattr(raw.expected, f"{kind}_tokens_per_second"),
        )
        for kind in SPEEDS
    )
    return Prediction(
        path,
        plan.model,
        architecture,
        plan.n_ctx,
        plan.configuration.n_gpu_layers,
        plan.n_threads,
        last.backend,
        last.driver,
        memory,
        speeds,
        teaches,
    )
