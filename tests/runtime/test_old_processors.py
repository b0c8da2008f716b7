"""On processors of other years, as qemu models them: what runs there is chosen, and is right."""

from __future__ import annotations

import platform
import shutil
import signal
from pathlib import Path
from typing import Any

import pytest

from tests.fixtures.runtime_children import (
    N_READ,
    TOLERATED_DEVIATIONS,
    ChildEnded,
    Place,
    distance,
)

pytestmark = pytest.mark.skipif(
    shutil.which("qemu-x86_64") is None or platform.machine() != "x86_64",
    reason="needs qemu-user (Debian: qemu-user) on an x86-64 machine",
)

#: qemu's name of a processor, and the best variant that it has every instruction of.
PROCESSORS = {
    "Conroe": "x64",
    "Nehalem": "sse42",
    "SandyBridge": "sandybridge",
    "IvyBridge": "ivybridge",
    "Haswell": "haswell",
    "EPYC": "haswell",
}


@pytest.mark.parametrize("processor", PROCESSORS)
def test_the_right_variant_is_chosen_and_computes(
    processor: str,
    folder: Path,
    kinds: list[dict[str, Any]],
    prefix: list[int],
    native: list[list[list[float]]],
) -> None:
    place = Place(folder, emulated=processor)
    assert place.ask("choice")["variant"] == PROCESSORS[processor]
    alone = [{**settings, "n_threads": 1, "n_threads_batch": 1} for settings in kinds]
    runs = place.ask("runs", settings=alone, tokens=prefix, n_read=N_READ)["runs"]
    for run, wanted in zip(runs, native, strict=True):
        assert distance(run["logits"], wanted) <= TOLERATED_DEVIATIONS


def test_what_it_cannot_run_is_not_chosen_though_it_is_named(folder: Path) -> None:
    scores = Place(folder, emulated="Nehalem").ask("scores", folder=str(folder))["scores"]
    assert {name for name in scores if scores[name] > 0} == {"x64", "sse42"}
    for named in ("haswell", "zen4"):
        place = Place(folder, variant=named, emulated="Nehalem")
        assert place.ask("choice")["variant"] == "sse42"


def test_a_build_for_this_processor_dies_on_an_old_one(
    usual: dict[str, Any], prefix: list[int]
) -> None:
    """The control: the emulated processor does refuse what it does not have."""
    settings = [{**usual, "n_threads": 1, "n_threads_batch": 1}]
    with pytest.raises(ChildEnded) as caught:
        Place(emulated="Nehalem").ask("runs", settings=settings, tokens=prefix, n_read=N_READ)
    assert caught.value.status in (-signal.SIGILL, 128 + signal.SIGILL)
