"""The best CPU variant of the runtime that ships against the plain build made for this processor.

Each round starts a process with either, so that neighbours trouble both alike. Measured is what
HEARTH_RUNTIME names, else the runtime that was built last.
"""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from typing import Any

from installer.runtime.workshop import cache_folder
from tests.bench.model import planned, real_shape
from tests.bench.table import Row, median
from tests.fixtures.runtime_children import Place

ROUNDS = 7
N_PROMPT, N_WRITTEN = 256, 48


def run(rounds: int = ROUNDS) -> list[Row]:
    """Medians of the ratios of each round, and how far these lie apart; by the clock with the
    threads that Hearth would take, and by processor time with one, which neighbours change less."""
    folder = _runtime()
    if folder is None:
        return [Row("no runtime is built", "python3 dev.py runtime")]
    variant = Place(folder).ask("choice")["variant"]
    settings = _settings()
    alone = {**settings, "n_threads": 1, "n_threads_batch": 1}
    clock = _ratios(folder, settings, rounds, N_PROMPT, N_WRITTEN)
    counted = _ratios(folder, alone, rounds, N_PROMPT // 4, N_WRITTEN // 4)
    named = f"{variant} against native"
    return [
        _row(f"prompt speed, {named}", clock["read_s"], "0.97"),
        _row(f"generation speed, {named}", clock["write_s"], "0.97"),
        _row("prompt, by processor time of one thread", counted["read_cpu_s"]),
        _row("generation, by processor time of one thread", counted["write_cpu_s"]),
    ]


def _ratios(
    folder: Path, settings: dict[str, Any], rounds: int, n_prompt: int, n_written: int
) -> dict[str, list[float]]:
    """How much faster than the plain build, each round, by each measure."""
    plain, ships = Place(), Place(folder)
    found: dict[str, list[float]] = {}
    for number in range(rounds):
        seconds: dict[bool, dict[str, float]] = {}
        for is_plain in (bool(number % 2), not number % 2):
            answer = (plain if is_plain else ships).ask(
                "speed", settings=settings, n_prompt=n_prompt, n_written=n_written
            )
            # The first of four warms up.
            seconds[is_plain] = {name: median(values[1:]) for name, values in answer.items()}
        for name, plain_s in seconds[True].items():
            found.setdefault(name, []).append(plain_s / seconds[False][name])
    return found


def _row(what: str, ratios: list[float], target: str = "") -> Row:
    measured = f"{median(ratios):.3f} ({min(ratios):.2f} to {max(ratios):.2f})"
    return Row(what, measured, target)


def _runtime() -> Path | None:
    if named := os.environ.get("HEARTH_RUNTIME"):
        return Path(named)
    built = [path.parent for path in cache_folder().glob("*/manifest.json")]
    return max(built, key=lambda path: path.stat().st_mtime, default=None)


def _settings() -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as folder:
        planned_for = planned(real_shape(), Path(folder))
    return {
        "path": planned_for.path,
        "n_ctx": 1024,
        "n_seq_max": 1,
        "n_threads": planned_for.n_threads,
        "n_threads_batch": planned_for.n_threads_batch,
    }
