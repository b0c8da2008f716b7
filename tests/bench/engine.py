"""The engine against a bare loop over the C interface: one model, same threads, interleaved.

The model has the shape of a real one of 0.5 billion parameters and random weights.
"""

from __future__ import annotations

import itertools
import queue
import random
import tempfile
from dataclasses import dataclass, field, replace
from pathlib import Path

from app.engine.client import EngineClient
from app.engine.messages import EngineRequest
from app.foundation.cancellation import Cancellation
from app.protocol.generation import Event, Failed, Finished, SamplingParams
from tests.bench.bare_loop import BareLoop
from tests.bench.model import planned, real_shape
from tests.bench.table import Row, median

ROUNDS = 7
N_PROMPT, N_WRITTEN, TOGETHER = 256, 48, 4


@dataclass
class _Figures:
    """Tokens per second, one entry a round."""

    bare_read: list[float] = field(default_factory=list)
    bare_write: list[float] = field(default_factory=list)
    bare_plain: list[float] = field(default_factory=list)
    bare_together: list[float] = field(default_factory=list)
    read: list[float] = field(default_factory=list)
    read_beside: list[float] = field(default_factory=list)
    write: list[float] = field(default_factory=list)
    together: list[float] = field(default_factory=list)


def run(rounds: int = ROUNDS) -> list[Row]:
    """Alternate between bare loop and engine; medians of the ratios of each round."""
    with tempfile.TemporaryDirectory() as folder:
        settings = replace(
            planned(real_shape(), Path(folder)), n_ctx=4096, n_seq_max=TOGETHER, load_mode="mmap"
        )
    numbers = random.Random(0)
    bare = BareLoop(settings)
    engine, alone = EngineClient(), EngineClient()
    figures = _Figures()
    try:
        for client, n_seq_max in ((engine, TOGETHER), (alone, 1)):
            settings = replace(settings, n_seq_max=n_seq_max)
            client.load(settings, on_progress=_unheard, cancellation=Cancellation()).result()
        vocabulary = bare.n_vocab
        for number in range(rounds + 1):
            prompts = [
                [numbers.randrange(1000, vocabulary // 2) for _ in range(N_PROMPT)]
                for _ in range(2 + TOGETHER)
            ]
            kept = figures if number else _Figures()  # the first round only warms up
            _measure_bare(bare, prompts, kept)
            _measure_alone(alone, prompts[1], kept, number)
            _measure_engine(engine, prompts, kept, number)
    finally:
        alone.close(10.0)
        engine.close(10.0)
        bare.close()
    return _rows(figures)


def _measure_bare(bare: BareLoop, prompts: list[list[int]], figures: _Figures) -> None:
    figures.bare_read.append(N_PROMPT / bare.read(prompts[0]))
    figures.bare_write.append(N_WRITTEN / bare.write(N_WRITTEN, _sampling()))
    bare.read(prompts[0])
    figures.bare_plain.append(N_WRITTEN / bare.write(N_WRITTEN, None))
    shorter = [prompt[:32] for prompt in prompts[2:]]
    seconds = bare.write_together(shorter, N_WRITTEN, _sampling())
    figures.bare_together.append(TOGETHER * N_WRITTEN / seconds)


def _measure_alone(engine: EngineClient, prompt: list[int], figures: _Figures, number: int) -> None:
    """With nothing else in the context, as in the bare loop."""
    (end,) = _answers(engine, {f"a{number}": prompt})
    figures.read.append(end.timings.prompt_tokens_per_second)
    figures.write.append(end.timings.generated_tokens_per_second)


def _measure_engine(
    engine: EngineClient, prompts: list[list[int]], figures: _Figures, number: int
) -> None:
    """Beside conversations that were kept: their cells are masked, and passed over each time."""
    (end,) = _answers(engine, {f"b{number}": prompts[1]})
    figures.read_beside.append(end.timings.prompt_tokens_per_second)
    many = {f"t{number}-{index}": prompt[:32] for index, prompt in enumerate(prompts[2:])}
    speeds = [end.timings.generated_tokens_per_second for end in _answers(engine, many)]
    figures.together.append(sum(speeds))


def _answers(engine: EngineClient, prompts: dict[str, list[int]]) -> list[Finished]:
    """Submit all prompts at once and wait for every end."""
    events: queue.SimpleQueue[Event] = queue.SimpleQueue()
    for request_id, prompt in prompts.items():
        engine.submit(
            EngineRequest(request_id, tuple(prompt), _sampling(), N_WRITTEN, ()), events.put
        )
    ends: list[Finished] = []
    while len(ends) < len(prompts):
        event = events.get()
        if isinstance(event, Failed):
            raise event.error
        if isinstance(event, Finished):
            ends.append(event)
    return ends


_seeds = itertools.count(1)


def _sampling() -> SamplingParams:
    return SamplingParams(seed=next(_seeds))


def _unheard(_fraction: float) -> None:
    return None


def _ratio(ours: list[float], bare: list[float]) -> str:
    return f"{median([a / b for a, b in zip(ours, bare, strict=True)]):.3f}"


def _rows(f: _Figures) -> list[Row]:
    return [
        Row("bare loop, default samplers", f"{median(f.bare_write):.1f} tokens/s"),
        Row("bare loop, no sampling", f"{median(f.bare_plain):.1f} tokens/s"),
        Row("engine, default samplers, streamed", f"{median(f.write):.1f} tokens/s"),
        Row("  against the same samplers", _ratio(f.write, f.bare_write), "≥ 0.98"),
        Row("  against no sampling", _ratio(f.write, f.bare_plain), "≥ 0.95"),
        Row("bare loop, prompt", f"{median(f.bare_read):.0f} tokens/s"),
        Row("engine, prompt", f"{median(f.read):.0f} tokens/s"),
        Row("  against the bare loop", _ratio(f.read, f.bare_read), "≥ 0.98"),
        Row(f"  the same beside {TOGETHER} conversations", _ratio(f.read_beside, f.bare_read)),
        Row(f"bare loop, {TOGETHER} at once", f"{median(f.bare_together):.1f} tokens/s"),
        Row(f"engine, {TOGETHER} at once", f"{median(f.together):.1f} tokens/s"),
        Row("  against the bare batched loop", _ratio(f.together, f.bare_together), "≥ 0.95"),
    ]
