"""Resident memory after a full batch against the plan: `python -m tests.verify.resident`.

Each case is planned (llama.cpp counts it), then tried in a child that loads it, reads a full
step and writes a few tokens; what that process holds more is the measured figure. It may be
1 % below the prediction (or 16 MiB, what a process's own figure wavers by), and 3 % or 64 MiB
above it, whichever is larger.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from app.engine.messages import LoadSettings
from app.foundation.cancellation import Cancellation
from app.foundation.paths import open_profile
from app.foundation.units import MIB
from app.inference.planning import Planning
from app.inference.preflight import Preflight
from app.planner.plan import Wish
from app.settings.file import SettingsFile
from tests.bench.model import real_shape
from tests.fixtures.random_model import make_random
from tests.fixtures.tiny_models import make

WAVERS_BYTES = 16 * MIB
Wishes = Sequence[Wish]
SHORT: Wishes = (
    Wish(n_ctx=2048, load_mode="none"),
    Wish(n_ctx=16_384, load_mode="mmap", cache_type_k="q8_0", cache_type_v="q8_0"),
)
TINY: Wishes = (Wish(n_ctx=2048, load_mode="none"), Wish(n_ctx=16_384, load_mode="mmap"))
LONG: Wishes = (
    Wish(n_ctx=4096, load_mode="none"),
    Wish(n_ctx=4096, load_mode="mmap"),
    Wish(n_ctx=32_768, load_mode="none", n_ubatch=128, n_seq_max=1),
    Wish(n_ctx=16_384, load_mode="none", cache_type_k="q8_0", cache_type_v="q8_0"),
    Wish(n_ctx=8192, load_mode="mmap", n_batch=512, n_ubatch=512, n_seq_max=8),
)


@dataclass(frozen=True)
class Case:
    """One plan and what came of it, in bytes."""

    what: str
    predicted_bytes: int
    measured_bytes: int

    @property
    def beyond_bytes(self) -> int:
        return self.measured_bytes - self.predicted_bytes

    @property
    def is_right(self) -> bool:
        low = max(self.predicted_bytes // 100, WAVERS_BYTES)
        high = max(self.predicted_bytes * 3 // 100, 64 * MIB)
        return -low <= self.beyond_bytes <= high

    def line(self) -> str:
        return (
            f"{'ok   ' if self.is_right else 'WRONG'} {self.what}: "
            f"predicted {self.predicted_bytes / MIB:.1f} MiB, "
            f"measured {self.measured_bytes / MIB:.1f} MiB "
            f"({self.beyond_bytes / MIB:+.1f} MiB, "
            f"{self.beyond_bytes / self.predicted_bytes:+.1%})"
        )


def models(folder: Path, *, long: bool) -> Iterator[tuple[Path, Wishes]]:
    """Files and what to plan them with."""
    yield make_random(folder / "random-0.1b-Q8_0.gguf", shape="0.1b"), LONG if long else SHORT
    if not long:
        return
    yield make_random(folder / "random-0.1b-Q4_0.gguf", shape="0.1b", quant="Q4_0"), LONG
    yield real_shape(), LONG
    yield make_random(folder / "random-0.5b-Q4_0.gguf", quant="Q4_0"), LONG
    for kind in ("gemma3", "mixtral", "lfm2"):
        yield make(kind, folder), TINY


def cases(folder: Path, *, long: bool) -> Iterator[Case]:
    """Plan and try each."""
    profile = open_profile(folder / "profile")
    settings = SettingsFile(profile.settings)
    planning, preflight = Planning(profile, settings), Preflight(profile)
    for path, wishes in models(folder, long=long):
        for wish in wishes:
            plan = planning.plan_file(path, wish)
            assert plan.is_counted, "llama.cpp did not count this plan"
            chosen: LoadSettings = plan.settings(path)
            measured = preflight.check(chosen, Cancellation()).measured
            what = (
                f"{path.stem}, context {chosen.n_ctx}, step {chosen.n_ubatch}, "
                f"{chosen.n_seq_max} at once, cache {chosen.cache_type_k}, {chosen.load_mode}"
            )
            yield Case(what, plan.needed_bytes, int(measured["process_bytes"]))
    settings.close(5.0)


def main() -> int:
    """Print each case; 1 if one is outside."""
    argparse.ArgumentParser(description=__doc__).parse_args()
    found = []
    with tempfile.TemporaryDirectory() as folder:
        for case in cases(Path(folder), long=True):
            print(case.line(), flush=True)
            found.append(case)
    wrong = [case for case in found if not case.is_right]
    least = min(case.beyond_bytes for case in found) / MIB
    most = max(case.beyond_bytes for case in found) / MIB
    print(f"{len(found)} cases, {least:+.1f} to {most:+.1f} MiB; {len(wrong)} wrong")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
