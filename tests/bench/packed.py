"""How soon the bundle's window is there, against the same from source, interleaved.

HEARTH_WINDOW_DRIVER names the program that `dev.py package --verify` puts beside what it tests.
"""

from __future__ import annotations

import os
import tempfile

from tests.bench.start import ROUNDS, start
from tests.bench.table import Row, median


def run(rounds: int = ROUNDS) -> list[Row]:
    """Alternate between both; medians."""
    driver = os.environ.get("HEARTH_WINDOW_DRIVER")
    if not driver:
        return [Row("start of the bundle", "not measured: HEARTH_WINDOW_DRIVER names none")]
    source, packed = [], []
    with tempfile.TemporaryDirectory() as profile:
        start("hearth", profile)
        start("hearth", profile, program=(driver, "--start"))
        for _ in range(rounds):
            source.append(start("hearth", profile))
            packed.append(start("hearth", profile, program=(driver, "--start")))
    before = median([figures["window_ms"] for figures in source])
    after = median([figures["window_ms"] for figures in packed])
    ready = median([figures["ready_ms"] - figures["window_ms"] for figures in packed])
    return [
        Row("start to window from source", f"{before:.0f} ms"),
        Row("start to window from the bundle", f"{after:.0f} ms"),
        Row("  against from source", f"{after / before:.2f}", "≤ 1.3"),
        Row("built-in model ready after that", f"{ready:.0f} ms", "≤ 1000 ms"),
    ]
