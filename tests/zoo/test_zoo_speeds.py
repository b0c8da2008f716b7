"""Predicted speeds against public runs of llama.cpp on the same hardware (README.md names them).

Other people's computers: other memory, other drivers, other months. So the bounds are wide, and the
median is held tighter than each.
"""

from __future__ import annotations

from dataclasses import dataclass
from statistics import median

import pytest

from app.gguf.facts import ModelFacts
from app.planner.plan import Wish, plan_for
from tests.fixtures.machines import llama_8b
from tests.zoo.keeper import machine_named
from tests.zoo.models import files_of

PROCESSOR = Wish(devices=())
ALL_LAYERS = Wish(n_gpu_layers=-1, n_cpu_moe=0, n_ubatch=512)
ONE_CARD = Wish(n_gpu_layers=-1, n_cpu_moe=0, devices=("CUDA0",))


@dataclass(frozen=True)
class Run:
    """Tokens a second that somebody measured; 0 where they did not."""

    machine: str
    facts: ModelFacts
    wish: Wish
    written: float
    read: float = 0.0


def _llama_q4_0() -> ModelFacts:
    """Llama 3.1 8B at Q4_0: 4.33 GiB of which the output is Q6_K."""
    layer = 118_000_000
    return llama_8b(quant="Q4_0", layer_bytes=(layer,) * 32, file_bytes=4_650_000_000)


def _listed(model: str, quant: str) -> ModelFacts:
    """A file of the catalogue."""
    return next(one.facts for one in files_of(model) if one.facts.quant == quant)


RUNS = (
    Run("raspberry-pi-5-8gb", llama_8b(), PROCESSOR, 2.17),
    Run("mini-pc-n100-16gb", llama_8b(), PROCESSOR, 3.01, 6.53),
    Run("busy-16gb", llama_8b(), PROCESSOR, 6.51, 35.4),
    Run("laptop-16gb-amd-igpu", llama_8b(), PROCESSOR, 9.63, 49.8),
    Run("laptop-16gb-amd-igpu", llama_8b(), ALL_LAYERS, 16.3, 254),
    Run("two-cards-equal-48gb", llama_8b(), PROCESSOR, 16.8, 156),
    Run("apple-m4-16gb", llama_8b(), ALL_LAYERS, 20.9, 225),
    Run("laptop-nvidia-8gb", llama_8b(), ALL_LAYERS, 48.1, 2365),
    Run("amd-16gb", llama_8b(), ALL_LAYERS, 119.6, 4802),
    Run(
        "two-cards-equal-48gb",
        _llama_q4_0(),
        ONE_CARD,
        146.7,
        4753,
    ),
    Run(
        "two-cards-equal-48gb",
        _listed("gpt-oss-20b", "MXFP4"),
        ONE_CARD,
        181.3,
        4617,
    ),
    Run("amd-16gb", _listed("gemma-4-26b-a4b", "Q4_0"), ALL_LAYERS, 132.7, 4140),
    Run("strix-halo-128gb", _listed("qwen3.5-35b-a3b", "Q4_K_M"), ALL_LAYERS, 64.9, 1080),
)


def _ratios(run: Run) -> tuple[float, float]:
    """Predicted by measured, writing and reading; 1 where nothing was measured."""
    speed = plan_for(machine_named(run.machine), run.facts, run.wish).expected
    read = speed.prompt_tokens_per_second / run.read if run.read else 1.0
    return speed.generated_tokens_per_second / run.written, read


@pytest.mark.parametrize("run", RUNS, ids=lambda run: f"{run.machine}-{run.written:g}")
def test_a_speed_is_near_what_others_measured(run: Run) -> None:
    written, read = _ratios(run)
    assert 0.75 <= written <= 1.25
    assert 0.75 <= read <= 1.35


def test_speeds_are_right_on_the_whole() -> None:
    ratios = [_ratios(run) for run in RUNS]
    assert 0.9 <= median(written for written, _ in ratios) <= 1.1
    assert 0.9 <= median(read for _, read in ratios) <= 1.1
