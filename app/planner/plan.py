"""Machine + model + wish → how to load the model, and whether it fits.

Pure and repeatable: the same input gives the same plan, more memory never a worse one. What is
pinned is never changed. Reasons are data; `explain` puts them into words.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

from app.engine.messages import LoadSettings
from app.gguf.facts import ModelFacts
from app.hardware.profile import MachineProfile
from app.planner.candidates import CONTEXT_STEP as CONTEXT_STEP
from app.planner.candidates import LEAST_CONTEXT as LEAST_CONTEXT
from app.planner.candidates import WANTED_CONTEXT as WANTED_CONTEXT
from app.planner.key import Key
from app.planner.learnt import NOTHING, Learnt
from app.planner.memory import Configuration, DryRun, Need
from app.planner.pools import MAIN, Fit, Pool
from app.planner.reading import ReadingWords, reading_words
from app.planner.search import Point, Search
from app.planner.speed import Speed
from app.planner.wish import Wish as Wish

Confidence = Literal["verified-here", "dry-run", "formula"]
CpuOnly = Literal["safe_mode", "small"]


@dataclass(frozen=True, slots=True)
class Reason:
    """Why something is as it is: a code that `explain` knows, and the values in its sentence."""

    code: str
    values: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Share:
    """What one memory must hold, and what is free there now."""

    pool: Pool
    need: Need

    @property
    def margin_bytes(self) -> int:
        """What stays free once the model is there; below 0 where it does not fit."""
        return self.pool.free_bytes - self.need.total_bytes


@dataclass(frozen=True, slots=True)
class Plan:
    """How a model is loaded. `as_dict` is the stable form, `lines` the one for people.

    `memory` has main memory first and the device that computes the output last.
    """

    model: str
    quant: str
    file_bytes: int
    n_layers: int
    configuration: Configuration
    n_threads: int
    n_threads_batch: int
    memory: tuple[Share, ...]
    expected: Speed
    fits: Fit
    reasons: tuple[Reason, ...]
    alternatives: tuple[Reason, ...]
    confidence: Confidence
    pinned: frozenset[str]
    key: Key

    @property
    def n_ctx(self) -> int:
        return self.configuration.n_ctx

    @property
    def n_cpu_moe(self) -> int:
        """The first layers whose experts stay in main memory."""
        return self.configuration.n_cpu_moe

    @property
    def devices(self) -> tuple[str, ...]:
        """ggml's names of the devices that are used, in the order of their layers."""
        return self.configuration.devices

    @property
    def tensor_split(self) -> tuple[float, ...]:
        """How many of the layers each of `devices` gets; () for one device or none."""
        return self.configuration.tensor_split

    @property
    def is_counted(self) -> bool:
        """Whether llama.cpp itself counted the memory of this very configuration."""
        return self.confidence != "formula"

    @property
    def is_slow(self) -> bool:
        """Whether it writes slower than was wished."""
        return self.key.pace < 0

    @property
    def needed_bytes(self) -> int:
        """Of main memory, a graphics chip's part of it included."""
        return main_bytes(self.memory)

    @property
    def free_bytes(self) -> int:
        """Of main memory."""
        return self.memory[0].pool.free_bytes

    @property
    def reading_words(self) -> ReadingWords:
        """The speed of an answer as a person reads along."""
        return reading_words(self.expected.generated_tokens_per_second)

    def settings(self, path: Path | str) -> LoadSettings:
        """The same as the engine takes it."""
        chosen = self.configuration
        return LoadSettings(
            str(path),
            n_ctx=chosen.n_ctx,
            n_seq_max=chosen.n_seq_max,
            n_gpu_layers=chosen.n_gpu_layers,
            n_batch=chosen.n_batch,
            n_ubatch=chosen.n_ubatch,
            n_threads=self.n_threads,
            n_threads_batch=self.n_threads_batch,
            cache_type_k=chosen.cache_type_k,
            cache_type_v=chosen.cache_type_v,
            load_mode=chosen.load_mode,
            n_cpu_moe=chosen.n_cpu_moe,
            devices=chosen.devices,
            tensor_split=chosen.tensor_split,
        )

    def as_dict(self) -> dict[str, Any]:
        """`hearth plan --json`."""
        from app.planner.explain import as_dict

        return as_dict(self)

    def lines(self) -> list[str]:
        """The plan in plain sentences."""
        from app.planner.explain import lines

        return lines(self)


def main_bytes(memory: tuple[Share, ...]) -> int:
    """What main memory must hold, a graphics chip's part of it included."""
    return sum(
        share.need.total_bytes
        for share in memory
        if share.pool.name == MAIN or share.pool.shares_main
    )


def plan_for(
    machine: MachineProfile,
    facts: ModelFacts,
    wish: Wish | None = None,
    *,
    dry_run: DryRun | None = None,
    cpu_only: CpuOnly | None = None,
    learnt: Learnt = NOTHING,
) -> Plan:
    """The plan for one file on one machine.

    `dry_run` corrects the formulas by what llama.cpp counted for its configuration; a plan for
    that very configuration is then exact (`confidence`). `cpu_only` keeps the model on the
    processor, and says why. `learnt` corrects both memory and speed.
    """
    search = Search(
        machine,
        facts,
        wish or Wish(),
        dry_run=dry_run,
        cpu_only=cpu_only is not None,
        learnt=learnt,
    )
    return plan_of(search, search.best(), machine, cpu_only)


def plan_of(
    search: Search, point: Point, machine: MachineProfile, cpu_only: CpuOnly | None = None
) -> Plan:
    """A point of a search as a plan, with its reasons."""
    from app.planner.alternatives import alternatives_of
    from app.planner.reasons import reasons_of

    facts, chosen = search.facts, point.configuration
    plan = Plan(
        model=facts.name,
        quant=facts.quant,
        file_bytes=facts.file_bytes,
        n_layers=facts.n_layers,
        configuration=chosen,
        n_threads=search.threads.count,
        n_threads_batch=search.threads.reading,
        memory=shares_of(search, point),
        expected=search.timing.expected(point.layout, chosen),
        fits=point.fit,
        reasons=(),
        alternatives=(),
        confidence=_confidence(search, point),
        pinned=frozenset(search.wish.pinned),
        key=point.key,
    )
    return replace(
        plan,
        reasons=reasons_of(plan, search, point, machine, cpu_only),
        alternatives=alternatives_of(plan, search),
    )


def shares_of(search: Search, point: Point) -> tuple[Share, ...]:
    """Main memory first, then the devices that hold something, in the order of their layers."""
    found = search.ledger.needs_of(
        point.layout, search.ledger.shape(point.configuration), point.configuration.load_mode
    )
    used = (search.pools[number] for number in (0, *point.layout.devices))
    return tuple(Share(pool, found[pool.name]) for pool in used)


def _confidence(search: Search, point: Point) -> Confidence:
    run = search.dry_run
    if run is None or not run.is_of(point.configuration):
        return "formula"
    return "dry-run" if search.timing.residual(point.layout) is None else "verified-here"
