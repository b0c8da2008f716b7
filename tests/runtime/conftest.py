"""These tests are about a runtime that ships: `python3 dev.py runtime --verify` names one.

Without it they are left, and the summary says which and how many.
"""

from __future__ import annotations

import os
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.fixtures.left_out import leave_out
from tests.fixtures.runtime_children import N_READ, Place
from tests.fixtures.tiny_models import make

HERE = Path(__file__).resolve().parent
_TESTED = "HEARTH_TESTED_RUNTIME"
_left: Counter[str] = Counter()


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if os.environ.get(_TESTED):
        return
    _left.update(item.path.name for item in leave_out(config, items, HERE))


def pytest_terminal_summary(terminalreporter: Any) -> None:
    if _left:
        named = ", ".join(f"{name} ({count})" for name, count in sorted(_left.items()))
        terminalreporter.write_line(
            f"{sum(_left.values())} tests were left to `python3 dev.py runtime --verify`: {named}"
        )


@pytest.fixture(scope="session")
def folder() -> Path:
    """The runtime under test."""
    return Path(os.environ[_TESTED])


@pytest.fixture(scope="session")
def guide() -> Path:
    """The built-in model."""
    return HERE.parents[1] / "resources" / "starter" / "guide.gguf"


@pytest.fixture(scope="session")
def prefix() -> list[int]:
    """Tokens to read; any will do, as long as all read the same."""
    return [int(token) for token in np.random.default_rng(3).integers(10, 250, 72)]


@pytest.fixture(scope="session")
def usual(guide: Path) -> dict[str, Any]:
    """Settings on the processor alone, in a way that every device can do alike."""
    return {
        "path": str(guide),
        "n_ctx": 512,
        "n_seq_max": 1,
        "n_ubatch": 64,
        "n_threads": 2,
        "n_threads_batch": 2,
        "load_mode": "none",
        "flash_attn": "on",
    }


@pytest.fixture(scope="session")
def kinds(usual: dict[str, Any], tiny_models: Path) -> list[dict[str, Any]]:
    """Models whose weights are packed in different ways, and multiplied by different code."""
    tiny = [make(kind, tiny_models / "runtime") for kind in ("qwen3", "gemma3", "qwen3moe")]
    return [usual, *({**usual, "path": str(path)} for path in tiny)]


@pytest.fixture(scope="session")
def native(kinds: list[dict[str, Any]], prefix: list[int]) -> list[list[list[float]]]:
    """What the plain build, made for this very processor, computes with each of `kinds`."""
    found = Place().ask("runs", settings=kinds, tokens=prefix, n_read=N_READ)
    return [run["logits"] for run in found["runs"]]
