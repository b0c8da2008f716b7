"""What comes of a load and of an answer: measured, learnt, and stepped down where too full.

Called on pool threads. Judges by what was measured in this process and by the drivers; what is
to be done is a sentence, and less for the next plan.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final, Protocol

from app.engine.messages import LoadSettings
from app.foundation.others import IDLE_CORES
from app.foundation.units import MIB, bytes_text, rate_text
from app.hardware.probe import memory
from app.hardware.profile import Unknown
from app.inference.advice import Advice, Adviser
from app.inference.learning import Learning
from app.inference.placement import Placement
from app.inference.rungs import LEAST_MARGIN_BYTES, MAIN, Rung, rung_below
from app.planner.plan import Plan
from app.protocol.generation import Finished

ENOUGH_WRITTEN: Final = 64
"""Tokens from which on an answer's speed says something."""
ENOUGH_READ: Final = 256
SLOW_SHARE: Final = 0.5
SLOW_ANSWERS: Final = 2
"""So many answers in a row at less than half of the speed are no accident."""
_NOISE_BYTES = 128 * MIB
_NOISE_SHARE = 0.05


class Stepping(Protocol):
    """Takes something from the plans of a model for a while (`Planning`)."""

    def step_down(self, path: Path, rung: Rung) -> None: ...


def available_bytes() -> int | None:
    """Main memory that is free now; None where the system does not say."""
    found = memory().available_bytes
    return None if isinstance(found, Unknown) else found


def process_bytes() -> int:
    """What this process holds of main memory."""
    import psutil

    return int(psutil.Process().memory_info().rss)


class MeasuredAftermath:
    """`inference.placement.Aftermath` for one host. Thread-safe."""

    def __init__(
        self,
        learning: Learning,
        stepping: Callable[[], Stepping],
        adviser: Adviser,
        *,
        available: Callable[[], int | None] = available_bytes,
        held: Callable[[], int] = process_bytes,
    ) -> None:
        self._learning = learning
        self._stepping = stepping
        self._adviser = adviser
        self._available = available
        self._held = held
        self._lock = threading.Lock()
        self._held_before = 0
        self._slow: dict[str, int] = {}

    def tried(self, placement: Placement, measured: Mapping[str, Any]) -> None:
        """A clean child read a full step and wrote a few tokens: the best measure of memory."""
        prediction = placement.prediction
        if prediction is None or "process_bytes" not in measured:
            return
        taken = {MAIN: int(measured["process_bytes"]), **measured.get("devices_taken", {})}
        self._learning.loaded(prediction, taken)
        busy = measured.get("others_busy_cores")
        if busy is not None and busy < IDLE_CORES:
            speeds = {kind: measured[f"{kind}_tokens_per_second"] for kind in _KINDS}
            self._learning.answered(prediction, speeds)

    def begins(self, placement: Placement) -> None:
        held = self._held()
        with self._lock:
            self._held_before = held

    def loaded(
        self,
        placement: Placement,
        free_bytes: Mapping[str, int],
        *,
        may_step_down: bool = True,
    ) -> str | None:
        plan, prediction = placement.plan, placement.prediction
        if not isinstance(plan, Plan) or prediction is None:
            return None
        with self._lock:
            held_before = self._held_before
        main = plan.memory[0]
        if placement.settings.load_mode == "none" and prediction.teaches:
            # What is computed with is not touched before the first prompt.
            taken = self._held() - held_before + main.need.compute_bytes
            off = abs(taken - prediction.memory[0].raw_bytes)
            if off > max(_NOISE_BYTES, _NOISE_SHARE * prediction.memory[0].raw_bytes):
                self._learning.loaded(prediction, {MAIN: taken})
        if not may_step_down:
            return None  # a person who was warned wants it as it is
        return self._judged(placement, plan, self._margins(placement.settings, plan, free_bytes))

    def answered(self, placement: Placement, event: Finished, *, undisturbed: bool) -> None:
        prediction = placement.prediction
        if prediction is None or not undisturbed:
            return
        usage, timings = event.usage, event.timings
        speeds = {}
        if usage.completion_tokens >= ENOUGH_WRITTEN:
            speeds["generated"] = timings.generated_tokens_per_second
        if usage.prompt_tokens - usage.cached_tokens >= ENOUGH_READ:
            speeds["prompt"] = timings.prompt_tokens_per_second
        if not speeds:
            return
        self._learning.answered(prediction, speeds)
        if "generated" in speeds and prediction.n_gpu_layers > 0 and prediction.teaches:
            self._look_for_spilling(placement, speeds["generated"])

    def _margins(
        self, settings: LoadSettings, plan: Plan, free_bytes: Mapping[str, int]
    ) -> dict[str, int]:
        """What is left in each memory once the model computes; unknown ones are left out."""
        found: dict[str, int] = {}
        available = self._available()
        need = plan.memory[0].need
        if available is not None:
            # Pages of a mapped file count as available, and are needed all the same.
            mapped = need.weights_bytes if settings.load_mode == "mmap" else 0
            found[MAIN] = available - need.compute_bytes - mapped
        for share in plan.memory[1:]:
            if share.pool.name in free_bytes and not share.pool.shares_main:
                found[share.pool.name] = free_bytes[share.pool.name]
        return found

    def _judged(self, placement: Placement, plan: Plan, margins: dict[str, int]) -> str | None:
        """Step down in the fullest memory, if one is too full and something can be given."""
        for pool in sorted(margins, key=margins.__getitem__):
            margin = margins[pool]
            if margin >= LEAST_MARGIN_BYTES:
                return None
            left = bytes_text(max(0, margin))
            where = "memory" if pool == MAIN else f"the memory of {pool}"
            why = f"After loading only {left} of {where} were left, so less of it is used."
            rung = rung_below(plan, pool, why, short_bytes=LEAST_MARGIN_BYTES - margin)
            if rung is not None and not (placement.pinned and placement.fits == "no"):
                self._stepping().step_down(Path(placement.settings.path), rung)
                return f"Only {left} of {where} were left: loading again with less"
            self._adviser.tell(
                Advice(
                    "There is very little memory left.",
                    f"With this model only {left} of {where} are left, and {_kept(placement)}",
                    path=placement.settings.path,
                )
            )
        return None

    def _look_for_spilling(self, placement: Placement, speed: float) -> None:
        """A card that writes far too slowly has most likely been made to use main memory."""
        prediction, plan = placement.prediction, placement.plan
        assert prediction is not None
        said = prediction.speed("generated").said
        with self._lock:
            n_slow = self._slow.get(prediction.key, 0) + 1 if speed < SLOW_SHARE * said else 0
            self._slow[prediction.key] = n_slow
        if n_slow != SLOW_ANSWERS or not isinstance(plan, Plan):
            return
        device = prediction.memory[-1].pool
        why = (
            f"Less is put on {device}, because it wrote {rate_text(speed)} where "
            f"{rate_text(said)} were expected."
        )
        rung = rung_below(plan, device, why)
        if rung is not None:
            self._learning.step_down(prediction.path, rung)
        self._adviser.tell(
            Advice(
                f"{device} writes at less than half of the speed that was expected.",
                f"It writes {rate_text(speed)} instead of {rate_text(said)}. Most likely its "
                "memory is full and the driver has moved a part of the model into main memory. "
                + (
                    "The model takes less of the card when it is opened the next time."
                    if rung is not None
                    else "Close programs that use the card, or give it fewer layers."
                ),
                path=prediction.path,
            )
        )


_KINDS = ("prompt", "generated")


def _kept(placement: Placement) -> str:
    if placement.pinned:
        return (
            "what is pinned for it is not changed. Close other programs, or pin a smaller context."
        )
    return "it cannot do with less. Close other programs, or choose a smaller model."
