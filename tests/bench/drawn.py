"""Generation speed with the window open: drawn in a chat against not drawn at all."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile

from tests.bench.model import real_shape
from tests.bench.table import Row, median

ROUNDS = 6


def run(rounds: int = ROUNDS) -> list[Row]:
    """One process, both kinds of answer in turn; the median of each round's ratio."""
    with tempfile.TemporaryDirectory() as profile:
        done = subprocess.run(
            [sys.executable, "-m", "tests.bench.drawn_child", profile, str(real_shape()),
             str(rounds)],
            capture_output=True,
            text=True,
            check=False,
        )  # fmt: skip
    if done.returncode != 0:
        raise RuntimeError(f"the window failed:\n{done.stderr}")
    figures = json.loads(done.stdout.splitlines()[-1])
    ratios = [a / b for a, b in zip(figures["drawn"], figures["unseen"], strict=True)]
    return [
        Row("answers that nobody draws", f"{median(figures['unseen']):.1f} tokens/s"),
        Row("answers drawn in the chat", f"{median(figures['drawn']):.1f} tokens/s"),
        Row("  against not drawn", f"{median(ratios):.3f}", "≥ 0.95"),
    ]
