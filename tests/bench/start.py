"""Start-up and resident memory against an empty PySide6 window, interleaved."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from typing import Any

from tests.bench.table import Row, median

ROUNDS = 7
MIB = 1024 * 1024
FROM_SOURCE = (sys.executable, "-m", "tests.bench.start_child")


def run(rounds: int = ROUNDS) -> list[Row]:
    """Alternate between both kinds of start; medians."""
    empty, hearth = [], []
    with tempfile.TemporaryDirectory() as profile:
        start("hearth", profile)  # the first start makes the profile and compiled modules
        for _ in range(rounds):
            empty.append(start("empty"))
            hearth.append(start("hearth", profile))
    bare = median([figures["window_ms"] for figures in empty])
    shown = median([figures["window_ms"] for figures in hearth])
    ready = median([figures["ready_ms"] - figures["window_ms"] for figures in hearth])
    own = median([figures["resident_bytes"] - figures["llama_bytes"] for figures in hearth])
    empty_bytes = median([figures["resident_bytes"] for figures in empty])
    return [
        Row("empty PySide6 window", f"{bare:.0f} ms, {empty_bytes / MIB:.0f} MiB"),
        Row("start to usable window", f"{shown:.0f} ms"),
        Row("  against the empty window", f"{shown / bare:.2f}", "≤ 3"),
        Row("built-in model ready after that", f"{ready:.0f} ms", "≤ 1000 ms"),
        Row("resident beyond llama.cpp's buffers", f"{own / MIB:.0f} MiB", "≤ 150 MB"),
    ]


def start(kind: str, *words: str, program: Sequence[str] = FROM_SOURCE) -> dict[str, Any]:
    """The figures of one start."""
    command = [*program, kind, repr(time.monotonic())]
    # As people start it: with the compiled modules that Python keeps from the start before.
    environment = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}
    done = subprocess.run(
        [*command, *words], capture_output=True, text=True, check=False, env=environment
    )
    if done.returncode != 0:
        raise RuntimeError(f"the {kind} start failed:\n{done.stderr}")
    figures = json.loads(done.stdout.splitlines()[-1])
    assert isinstance(figures, dict)
    return figures
