"""Speeds expected against measured, before and after learning: `python -m tests.verify.speed`.

Each model is planned, then asked a few times through the service; medians of measured by
expected, first with nothing learnt, then with what those answers taught. Figures are only worth
keeping from an idle machine: what else was busy is printed, and a disturbed answer teaches here
all the same, so that the arithmetic can be looked at anywhere.
"""

from __future__ import annotations

import argparse
import queue
import statistics
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from app.bootstrap.runtime import Runtime
from app.foundation.others import OthersBusy
from app.foundation.paths import open_profile
from app.inference.prediction import SPEEDS, Prediction
from app.planner.plan import Plan
from app.protocol.chat import Message
from app.protocol.generation import Event, Failed, Finished, GenerationRequest
from app.protocol.model_ref import ModelRef
from tests.bench.model import real_shape
from tests.fixtures.random_model import make_random

ANSWERS, N_WRITTEN = 3, 96
BEFORE, AFTER = 0.20, 0.10
"""The issue's bounds of the medians, each way."""


@dataclass(frozen=True)
class Compared:
    """One model's speed of one kind, before or after learning."""

    model: str
    kind: str
    learnt: bool
    expected: float
    measured: float

    @property
    def ratio(self) -> float:
        return self.measured / self.expected

    def line(self) -> str:
        when = "after" if self.learnt else "before"
        return (
            f"{self.model}, {self.kind}, {when} learning: expected {self.expected:.1f} tokens/s, "
            f"measured {self.measured:.1f} ({self.ratio:.2f})"
        )


def answered(runtime: Runtime, path: Path, number: int) -> tuple[Finished, Plan, Prediction]:
    """One answer to a prompt that was never read before."""
    text = " ".join(f"{number} times {word} is {number * word}." for word in range(90))
    request = GenerationRequest((Message("user", text),), ModelRef(str(path)), max_tokens=N_WRITTEN)
    events: queue.SimpleQueue[Event] = queue.SimpleQueue()
    runtime.inference.generate(request, events.put)
    while not isinstance(event := events.get(), Finished):
        if isinstance(event, Failed):
            raise event.error
    placement = runtime.host.placement()
    assert placement is not None
    assert placement.prediction is not None
    return event, placement.plan, placement.prediction


def compared(runtime: Runtime, path: Path, number: int, *, learnt: bool) -> Iterator[Compared]:
    """Ask a few times; what comes of it is learnt at the end."""
    found: dict[str, list[float]] = {kind: [] for kind in SPEEDS}
    for answer in range(ANSWERS):
        event, plan, prediction = answered(runtime, path, 100 * number + answer)
        for kind in SPEEDS:
            found[kind].append(getattr(event.timings, f"{kind}_tokens_per_second"))
    for kind, speeds in found.items():
        expected = getattr(plan.expected, f"{kind}_tokens_per_second")
        yield Compared(path.stem, kind, learnt, expected, statistics.median(speeds))
        for speed in speeds:
            runtime.planning.learning.answered(prediction, {kind: speed})
    runtime.inference.unload().result()


def models(folder: Path) -> list[Path]:
    """Two sizes, two types."""
    return [
        real_shape(),
        make_random(folder / "random-0.5b-Q4_0.gguf", quant="Q4_0"),
        make_random(folder / "random-1.5b-Q4_0.gguf", shape="1.5b", quant="Q4_0"),
    ]


def main() -> int:
    """Print each figure and the medians of ratios; nothing is asserted."""
    argparse.ArgumentParser(description=__doc__).parse_args()
    others, found = OthersBusy(), list[Compared]()
    with tempfile.TemporaryDirectory() as folder:
        for number, path in enumerate(models(Path(folder))):
            runtime = Runtime(open_profile(Path(folder) / f"profile-{number}"))
            for learnt in (False, True):
                for one in compared(runtime, path, 2 * number + learnt, learnt=learnt):
                    print(one.line(), flush=True)
                    found.append(one)
            runtime.close()
    print(f"other programs kept {others.cores() or 0:.1f} cores busy meanwhile")
    for learnt, bound in ((False, BEFORE), (True, AFTER)):
        for kind in SPEEDS:
            ratios = [one.ratio for one in found if one.learnt is learnt and one.kind == kind]
            middle = statistics.median(ratios)
            when = "after" if learnt else "before"
            words = "within" if 1 / (1 + bound) <= middle <= 1 + bound else "outside"
            print(f"median of {kind}, {when} learning: {middle:.2f} ({words} {bound:.0%})")
    return 0


if __name__ == "__main__":
    sys.exit(main())
