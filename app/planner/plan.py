"""Machine + model + wish → how to load the model, and whether it fits.

Pure and repeatable: the same input gives the same plan, more memory never a worse one. What is
pinned is never changed. Reasons are data; `explain` puts them into words.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

from app.engine.messages import LoadSettings
from app.gguf.facts import ModelFacts
from app.hardware.profile import MachineProfile
from app.planner.learnt import NOTHING, Learnt
from app.planner.memory import (
    FITS,
    MAIN,
    Configuration,
    DryRun,
    Fit,
    Need,
    Pool,
    is_repacked,
    measured_needs,
    needs,
    pools_of,
)
from app.planner.reading import ReadingWords, reading_words
from app.planner.speed import GPU_UBATCH, Speed, Threads, expected, threads_for, ubatch_for
from app.planner.wish import Wish as Wish

WANTED_CONTEXT = 8192
"""Tokens that a chat gets if the model and the memory allow it and nobody asks for other."""
LEAST_CONTEXT = 2048
"""Below this a plan would rather be tight than smaller."""
CONTEXT_STEP = 256
_BATCH = 512

_REPACKED_SHARE = 0.05

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
    """How a model is loaded. `as_dict` is the stable form, `lines` the one for people."""

    model: str
    quant: str
    file_bytes: int
    n_layers: int
    configuration: Configuration
    n_threads: int
    memory: tuple[Share, ...]
    expected: Speed
    fits: Fit
    reasons: tuple[Reason, ...]
    alternatives: tuple[Reason, ...]
    confidence: Confidence
    pinned: frozenset[str]

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
            n_threads_batch=self.n_threads,
            cache_type_k=chosen.cache_type_k,
            cache_type_v=chosen.cache_type_v,
            load_mode=chosen.load_mode,
        )

    def as_dict(self) -> dict[str, Any]:
        """`hearth plan --json`."""
        from app.planner.explain import sentence

        chosen = self.configuration
        return {
            "model": self.model,
            "quant": self.quant,
            "file_bytes": self.file_bytes,
            "n_gpu_layers": chosen.n_gpu_layers,
            "n_layers": self.n_layers,
            "n_ctx": chosen.n_ctx,
            "n_batch": chosen.n_batch,
            "n_ubatch": chosen.n_ubatch,
            "n_threads": self.n_threads,
            "cache_type_k": chosen.cache_type_k,
            "cache_type_v": chosen.cache_type_v,
            "memory": {share.pool.name: _share_dict(share) for share in self.memory},
            "expected": asdict(self.expected),
            "fits": self.fits,
            "reasons": [sentence(reason) for reason in self.reasons],
            "alternatives": [sentence(reason) for reason in self.alternatives],
            "confidence": self.confidence,
        }

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
    return _Search(machine, facts, wish or Wish(), dry_run, cpu_only).plan()


class _Search:
    """One search: what is given, and the few functions over it."""

    def __init__(
        self,
        machine: MachineProfile,
        facts: ModelFacts,
        wish: Wish,
        dry_run: DryRun | None,
        cpu_only: CpuOnly | None,
    ) -> None:
        self.machine = machine
        self.facts = facts
        self.wish = wish
        self.dry_run = dry_run
        self.cpu_only = cpu_only
        self.pools = pools_of(machine, cpu_only=cpu_only is not None)
        self.threads = self._threads()
        self.wanted = self._wanted_context()
        self.ubatch = wish.n_ubatch or ubatch_for(facts, self.wanted, self.threads.count, machine)

    def plan(self) -> Plan:
        from app.planner.explain import alternatives_of, reasons_of

        chosen = self._configuration()
        memory = self.memory_at(chosen)
        plan = Plan(
            model=self.facts.name,
            quant=self.facts.quant,
            file_bytes=self.facts.file_bytes,
            n_layers=self.facts.n_layers,
            configuration=chosen,
            n_threads=self.threads.count,
            memory=memory,
            expected=expected(self.facts, chosen, self.threads.count, self.machine, self.pools),
            fits=self.fit(memory),
            reasons=(),
            alternatives=(),
            confidence="dry-run" if self._is_measured(chosen) else "formula",
            pinned=frozenset(self.wish.pinned),
        )
        return replace(
            plan,
            reasons=reasons_of(
                plan,
                self.facts,
                self.machine,
                threads=self.threads,
                wanted=self.wanted,
                wish=self.wish,
                repacked_share=self.dry_run.repacked_share if self.dry_run else None,
                cpu_only=self.cpu_only,
            ),
            alternatives=alternatives_of(plan, self.facts, self.at_context),
        )

    def at_context(self, n_ctx: int) -> tuple[int, Fit]:
        """Main memory needed with another context, and how well it fits; GPU layers anew."""
        memory = self.memory_at(self._with_layers(n_ctx))
        return main_bytes(memory), self.fit(memory)

    def memory_at(self, configuration: Configuration) -> tuple[Share, ...]:
        """Main memory first, then the devices that hold something."""
        found = needs(self.facts, configuration, self.pools)
        if self.dry_run is not None:
            found = self._corrected(found, configuration, self.dry_run)
        return tuple(
            Share(pool, found[pool.name])
            for pool in self.pools
            if pool.name == MAIN or found[pool.name].total_bytes
        )

    def fit(self, memory: tuple[Share, ...]) -> Fit:
        """The worst of all memories. Where the system hides its memory, nothing is `well`."""
        main = memory[0].pool
        fits: list[Fit] = ["tight" if main.total_bytes == 0 else main.fit_of(main_bytes(memory))]
        fits += [share.pool.fit_of(share.need.total_bytes) for share in memory[1:]]
        return next(fit for fit in FITS if fit in fits)

    def _threads(self) -> Threads:
        threads = threads_for(self.machine)
        if self.wish.n_threads is not None:
            return replace(threads, count=self.wish.n_threads, why="pinned")
        return threads

    def _wanted_context(self) -> int:
        if self.wish.n_ctx is not None:
            return -(-self.wish.n_ctx // CONTEXT_STEP) * CONTEXT_STEP
        trained = self.facts.n_ctx_train or WANTED_CONTEXT
        return max(CONTEXT_STEP, min(WANTED_CONTEXT, trained) // CONTEXT_STEP * CONTEXT_STEP)

    def _configuration(self) -> Configuration:
        """The largest context that fits well; the least one where none does."""
        least = min(LEAST_CONTEXT, self.wanted)
        if self.wish.n_ctx is not None:
            least = self.wanted
        for n_ctx in range(self.wanted, least - 1, -CONTEXT_STEP):
            found = self._with_layers(n_ctx)
            if self.fit(self.memory_at(found)) == "well":
                return found
        return self._with_layers(least)

    def _with_layers(self, n_ctx: int) -> Configuration:
        """With as many layers on devices as fit there well, or as many as were pinned."""
        most = self.facts.n_layers + 1
        if len(self.pools) == 1:
            return self._with(n_ctx, 0)
        if self.wish.n_gpu_layers is not None:
            pinned = self.wish.n_gpu_layers
            return self._with(n_ctx, most if pinned < 0 else min(pinned, most))
        best, best_fit = self._with(n_ctx, 0), -1
        for n_gpu_layers in range(most, -1, -1):
            found = self._with(n_ctx, n_gpu_layers)
            memory = self.memory_at(found)
            # Past its reserve a card fails or gets slow: better fewer layers there.
            if any(share.pool.fit_of(share.need.total_bytes) != "well" for share in memory[1:]):
                continue
            fit = FITS.index(self.fit(memory))
            if fit > best_fit:
                best, best_fit = found, fit
            if fit == len(FITS) - 1:
                break
        return best

    def _with(self, n_ctx: int, n_gpu_layers: int) -> Configuration:
        on_devices = n_gpu_layers > self.facts.n_layers
        n_ubatch = self.ubatch
        if on_devices and self.wish.n_ubatch is None:
            n_ubatch = GPU_UBATCH
        n_ubatch = min(n_ubatch, n_ctx)
        return Configuration(
            n_ctx=n_ctx,
            n_gpu_layers=n_gpu_layers,
            n_batch=max(_BATCH, n_ubatch),
            n_ubatch=n_ubatch,
            cache_type_k=self.wish.cache_type_k or "f16",
            cache_type_v=self.wish.cache_type_v or "f16",
            load_mode="none" if self._is_repacked(on_devices) else "mmap",
        )

    def _is_repacked(self, on_devices: bool) -> bool:
        """Whether so much would be stored anew that a mapped file would be held twice."""
        if on_devices:
            return False
        share = self.dry_run.repacked_share if self.dry_run is not None else None
        if share is None:
            return is_repacked(self.facts, self.pools[0])
        return share > _REPACKED_SHARE

    def _is_measured(self, configuration: Configuration) -> bool:
        return self.dry_run is not None and self.dry_run.is_of(configuration)

    def _corrected(
        self, found: dict[str, Need], configuration: Configuration, dry_run: DryRun
    ) -> dict[str, Need]:
        """What was counted; for another configuration, the formula moved by its error there."""
        if dry_run.is_of(configuration):
            return measured_needs(self.facts, configuration, self.pools, dry_run)
        counted = measured_needs(self.facts, dry_run.configuration, self.pools, dry_run)
        by_formula = needs(self.facts, dry_run.configuration, self.pools)
        return {
            name: need.moved(by_formula[name], counted.get(name, by_formula[name]))
            for name, need in found.items()
        }


def _share_dict(share: Share) -> dict[str, int]:
    need = share.need
    return {
        "weights_bytes": need.weights_bytes,
        "kv_bytes": need.kv_bytes,
        "compute_bytes": need.compute_bytes,
        "total_bytes": need.total_bytes,
        "free_bytes": share.pool.free_bytes,
    }
