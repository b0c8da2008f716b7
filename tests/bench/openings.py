"""The longest stretch of the window's thread at the first opening of each page.

`python -m tests.bench.openings [ROUNDS]`. Fresh processes with a real window and the built-in
model; half of them are clicked right after the first paint, before the pages are imported.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from typing import Final

from tests.bench.table import Row, median, show

ROUNDS: Final = 5
SETTLED_MS: Final = 4_000
AT_ONCE_MS: Final = 100
Openings = dict[str, dict[str, float]]


def run(rounds: int = ROUNDS) -> list[Row]:
    """Alternate between both kinds of click; medians."""
    settled: list[Openings] = []
    at_once: list[Openings] = []
    with tempfile.TemporaryDirectory() as profile:
        _opened(profile, SETTLED_MS)  # the first start makes the profile and compiled modules
        for _ in range(rounds):
            settled.append(_opened(profile, SETTLED_MS))
            at_once.append(_opened(profile, AT_ONCE_MS))
    rows = [
        Row(f"first opening: {name}", _words(settled, name), "≤ 50 ms, better 16")
        for name in settled[0]
    ]
    rows.append(Row("  Models, right after the first paint", _words(at_once, "Models"), "≤ 50 ms"))
    return rows


def _words(found: list[Openings], name: str) -> str:
    """Processor time, which a busy machine does not change; then by the clock, and the frame."""
    busy, held, frame = (
        median([each[name][key] for each in found]) for key in ("busy_ms", "held_ms", "frame_ms")
    )
    return f"{busy:.0f} ms busy, {held:.0f} ms by the clock, first frame after {frame:.0f} ms"


def _opened(profile: str, wait_ms: int) -> Openings:
    done = subprocess.run(
        [sys.executable, "-m", "tests.bench.openings_child", profile, str(wait_ms)],
        capture_output=True,
        text=True,
        check=False,
        # As people start it: with the compiled modules that Python keeps from the start before.
        env={k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"},
    )
    if done.returncode != 0:
        raise RuntimeError(f"the window failed:\n{done.stderr}")
    found = json.loads(done.stdout.splitlines()[-1])
    assert isinstance(found, dict)
    return found


if __name__ == "__main__":
    os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
    show(str(__doc__).splitlines()[0], run(int(sys.argv[1]) if len(sys.argv) > 1 else ROUNDS))
