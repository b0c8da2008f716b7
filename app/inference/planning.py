"""From a file to its plan: header, machine, formula, then llama.cpp's own count in a child.

Called on pool threads; may take a second. Keeps what it found by the file's identity. A step
that fails costs exactness, never the plan, and is said in a sentence.
"""

from __future__ import annotations

import dataclasses
import logging
import threading
import time
from collections.abc import Callable, Hashable
from pathlib import Path
from typing import Any, Final

from app.engine.messages import LoadCancelled, LoadSettings
from app.foundation.cancellation import Cancellation
from app.foundation.children import ChildDied, run_child
from app.foundation.errors import HearthError, LoadFailed, ModelUnsupported
from app.foundation.paths import Profile
from app.foundation.units import MIB
from app.gguf.check import check_model
from app.gguf.facts import ModelFacts, facts_of
from app.gguf.header import Header
from app.gguf.split import read_model
from app.hardware.probe import memory, power, probe
from app.hardware.profile import MachineProfile, Power, Unknown, known
from app.inference.learning import FILE, Learning
from app.inference.placement import Placement
from app.inference.prediction import prediction_of
from app.inference.rungs import KEPT_S, Rung, both, machine_under, wish_under
from app.inference.wishes import MODEL_PINS, saves_power, wish_of
from app.planner.learnt import NOTHING
from app.planner.memory import DryRun
from app.planner.plan import CpuOnly, Plan, Reason, Share, Wish, plan_for
from app.planner.threads import Threads, threads_for
from app.settings.file import SettingsFile
from app.settings.pins import ModelPins

DRY_RUN_DEADLINE_S: Final = 30.0
MACHINE_S: Final = 10.0
"""How long the facts of this machine are good for; free memory is asked each time."""
SMALL_BYTES: Final = 64 * MIB
"""A model of this size is loaded by formula, on the processor: asking children would take longer
than the load."""
_ROUNDS = 3
_KEPT_RUNS = 64

_log = logging.getLogger(__name__)

FindMachine = Callable[[Path, Unknown | None], MachineProfile]
CountMemory = Callable[[LoadSettings, Cancellation | None], dict[str, Any]]


def find_machine(folder: Path, not_asked: Unknown | None) -> MachineProfile:
    """This machine; `not_asked` says why llama.cpp is not asked for its devices."""
    return probe(folder, runtime=not_asked)


def count_memory(
    settings: LoadSettings, cancellation: Cancellation | None = None
) -> dict[str, Any]:
    """llama.cpp's count, from the child "dry-run". Raises ChildFailed, LoadFailed or
    LoadCancelled."""
    request = {"settings": dataclasses.asdict(settings)}
    try:
        return run_child(
            "dry-run", request, deadline_s=DRY_RUN_DEADLINE_S, cancellation=cancellation
        )
    except ChildDied as death:
        if death.verdict == "cancelled":
            raise LoadCancelled() from None
        raise


class Planning:
    """Plans for files on this machine, and `inference.placement.Placing`. Thread-safe."""

    def __init__(
        self,
        profile: Profile,
        settings: SettingsFile,
        *,
        safe_mode: bool = False,
        learning: Learning | None = None,
        pins: ModelPins | None = None,
        find: FindMachine = find_machine,
        count: CountMemory = count_memory,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """`safe_mode` uses the processor only. What was learnt, and the pins of single models,
        are the profile's own unless given."""
        self._profile = profile
        self._settings = settings
        self.learning = learning or Learning(profile.state / FILE)
        self.pins = pins or ModelPins(profile.root / MODEL_PINS)
        self._rungs: dict[str, tuple[Rung, float]] = {}
        self._safe_mode = safe_mode
        self._find = find
        self._count = count
        self._clock = clock
        self._lock = threading.Lock()
        # Apart, because the window asks for terms while children probe the machine.
        self._probing = threading.Lock()
        self._machine: MachineProfile | None = None
        self._machine_since_s = 0.0
        self._runs: dict[Hashable, DryRun | LoadFailed] = {}

    def machine(self, *, for_load: bool = False) -> MachineProfile:
        """This machine; its free memory and its power are those of this moment. May take a
        second, and many the first time. What is free on cards may be some seconds old, but not
        `for_load`: another model may have been there until now."""
        with self._probing:
            now_s = time.monotonic()
            is_old = self._machine is None or now_s - self._machine_since_s > MACHINE_S
            if self._machine is None or is_old or (for_load and _has_cards(self._machine)):
                self._machine = self._find(self._profile.root, None)
                self._machine_since_s = now_s
            else:
                asked = memory()
                main = dataclasses.replace(
                    self._machine.memory,
                    total_bytes=asked.total_bytes,
                    available_bytes=asked.available_bytes,
                    limit_bytes=asked.limit_bytes,
                )
                self._machine = dataclasses.replace(self._machine, memory=main, power=power())
            return self._powered(self._machine)

    def wish(self, path: Path | None = None) -> Wish:
        """What is pinned in the settings, and for the model at `path`, which goes first."""
        return wish_of(self._settings, {} if path is None else self.pins.of(path))

    def terms(self, path: Path) -> Hashable:
        """What a placement depends on beside the file; what was learnt waits for the next."""
        with self._lock:
            rung, _ = self._rungs.get(str(path), (None, 0.0))
        return self.wish(path), rung

    def step_down(self, path: Path, rung: Rung) -> None:
        """Let plans for this file do with less: for a day, or until Hearth ends."""
        with self._lock:
            before, _ = self._rungs.get(str(path), (None, 0.0))
            lower = both(before, rung)
            assert lower is not None
            self._rungs[str(path)] = lower, self._clock()

    def step_up(self, path: Path) -> None:
        """Before a load: take back what was taken from this file long ago."""
        with self._lock:
            _, since_s = self._rungs.get(str(path), (None, 0.0))
            if self._clock() - since_s >= KEPT_S:
                self._rungs.pop(str(path), None)

    def threads_now(self) -> Threads:
        """The threads to compute with under the present power, where none are pinned."""
        found = self._machine
        if found is None:
            return threads_for(self.machine())
        return threads_for(self._powered(dataclasses.replace(found, power=power())))

    def place(
        self, path: Path, header: Header, cancellation: Cancellation | None = None
    ) -> Placement:
        """How the host loads a file that was checked.

        Raises LoadFailed where llama.cpp refuses, LoadCancelled when cancelled."""
        rung = self._rung(path)
        wish, facts = wish_under(self.wish(path), rung), facts_of(header)
        run: DryRun | None = None
        if is_small(facts, wish):
            reason = Unknown("it makes no difference to a model this small")
            machine = self._powered(self._find(self._profile.root, reason))
            cpu_only = self._cpu_only("small")
            plan = plan_for(machine, facts, wish, cpu_only=cpu_only)
        else:
            machine = machine_under(self.machine(for_load=True), rung)
            cpu_only = self._cpu_only(None)
            plan, run = self._counted(
                path, facts, wish, machine, refuse=True, cancellation=cancellation
            )
        raw = plan
        if self.learning.learnt() != NOTHING:
            raw = plan_for(machine, facts, _as_planned(plan), dry_run=run, cpu_only=cpu_only)
        if rung is not None and rung.why:
            plan = noted(plan, rung.why)
        short = _shortest(plan)
        return Placement(
            settings=plan.settings(path),
            fits=plan.fits,
            # Threads change no memory: pinning them is no wish to load what does not fit.
            pinned=bool(set(wish.pinned) - {"n_threads", "quant", "load_mode"}),
            needed_bytes=plan.needed_bytes if short is plan.memory[0] else short.need.total_bytes,
            free_bytes=short.pool.free_bytes,
            short_of="memory" if short is plan.memory[0] else f"memory on {short.pool.name}",
            plan=plan,
            prediction=prediction_of(
                str(path),
                facts.architecture,
                plan,
                raw,
                teaches=facts.file_bytes > SMALL_BYTES,
            ),
            tunes_threads=wish.n_threads is None and facts.file_bytes > SMALL_BYTES,
        )

    def plan_file(
        self, path: Path, wish: Wish | None = None, *, machine: MachineProfile | None = None
    ) -> Plan:
        """The plan for a GGUF file, on this machine or on a saved one.

        On this machine, what `wish` leaves open is as the settings pin it. Raises
        ModelNotFound, ModelFileInvalid or ModelUnsupported.
        """
        header = read_model(path)
        check_model(header)
        facts = facts_of(header)
        if facts.kind != "chat":
            raise ModelUnsupported(
                f"{path.name} cannot be used for a chat.",
                f"It is {facts.kind_words}.",
                "Choose another file of the model.",
            )
        wish = wish or Wish()
        if machine is not None:
            # llama.cpp counts for the machine it runs on: another one is calculated.
            plan = plan_for(machine, facts, wish)
            return noted(plan, "This is for another machine, from its saved probe.")
        rung = self._rung(path.resolve())
        wish = wish_under(wish.over(self.wish(path.resolve())), rung)
        machine = machine_under(self.machine(), rung)
        plan, _ = self._counted(path, facts, wish, machine, refuse=False)
        return noted(plan, rung.why) if rung is not None and rung.why else plan

    def sketched(
        self, facts: ModelFacts, wish: Wish, machine: MachineProfile, path: Path | None = None
    ) -> Plan:
        """The plan for these very wishes, by formula: fast enough to follow a slider.

        `path` is the file's, where there is one; what is pinned for it is not added to `wish`.
        """
        wish, machine = self._under(path, wish, machine)
        cpu_only = self._cpu_only("small" if is_small(facts, wish) else None)
        return plan_for(machine, facts, wish, cpu_only=cpu_only, learnt=self.learning.learnt())

    def counted(self, path: Path, facts: ModelFacts, wish: Wish, machine: MachineProfile) -> Plan:
        """The same as llama.cpp counts it, in a child."""
        wish, machine = self._under(path, wish, machine)
        return self._counted(path, facts, wish, machine, refuse=False)[0]

    def _under(
        self, path: Path | None, wish: Wish, machine: MachineProfile
    ) -> tuple[Wish, MachineProfile]:
        """Without what plans for this file have to do without."""
        rung = self._rung(path.resolve()) if path is not None else None
        return wish_under(wish, rung), machine_under(machine, rung)

    def _counted(
        self,
        path: Path,
        facts: ModelFacts,
        wish: Wish,
        machine: MachineProfile,
        *,
        refuse: bool,
        cancellation: Cancellation | None = None,
    ) -> tuple[Plan, DryRun | None]:
        """Plan by formula, let llama.cpp count, plan again until both agree."""
        cpu_only = self._cpu_only("small" if is_small(facts, wish) else None)
        learnt, run = self.learning.learnt(), None
        plan = plan_for(machine, facts, wish, cpu_only=cpu_only, learnt=learnt)
        for _ in range(_ROUNDS):
            try:
                run = self._dry_run(path, plan, cancellation)
            except LoadFailed as error:
                if refuse:
                    raise
                text = f"llama.cpp refuses this file: {error.detail or error.title}"
                return dataclasses.replace(noted(plan, text), fits="no", alternatives=()), None
            except HearthError as error:
                _log.warning("the dry run of %s failed: %s", path.name, error)
                why = error.detail or error.title
                return noted(plan, f"llama.cpp could not count it: {why}"), None
            plan = plan_for(machine, facts, wish, dry_run=run, cpu_only=cpu_only, learnt=learnt)
            if plan.is_counted:
                break
        return plan, run

    def _rung(self, path: Path) -> Rung | None:
        """What plans for this file have to do without: learnt, and until Hearth ends."""
        with self._lock:
            own, _ = self._rungs.get(str(path), (None, 0.0))
            return both(self.learning.rung(str(path)), own)

    def _powered(self, machine: MachineProfile) -> MachineProfile:
        """On mains, as far as plans go, where the person does not want to save power."""
        if saves_power(self._settings):
            return machine
        return dataclasses.replace(machine, power=Power("mains", machine.power.battery_percent))

    def _cpu_only(self, otherwise: CpuOnly | None) -> CpuOnly | None:
        return "safe_mode" if self._safe_mode else otherwise

    def _dry_run(self, path: Path, plan: Plan, cancellation: Cancellation | None) -> DryRun:
        """What llama.cpp counts for this plan; remembered, its refusal too."""
        configuration = dataclasses.replace(plan.configuration, load_mode="none")
        key = (_identity(path), configuration)
        with self._lock:
            found = self._runs.get(key)
        if found is None:
            # One thread counts as much memory as many, and starts faster.
            settings = dataclasses.replace(
                plan.settings(path), n_threads=1, n_threads_batch=1, load_mode="none"
            )
            try:
                found = DryRun.from_answer(configuration, self._count(settings, cancellation))
            except LoadCancelled:
                raise
            except LoadFailed as error:
                found = error
            with self._lock:
                while len(self._runs) >= _KEPT_RUNS:
                    self._runs.pop(next(iter(self._runs)))
                self._runs[key] = found
        if isinstance(found, LoadFailed):
            raise found
        return found


def noted(plan: Plan, text: str) -> Plan:
    """The plan with one more sentence among its reasons."""
    return dataclasses.replace(plan, reasons=(*plan.reasons, Reason("note", {"text": text})))


def is_small(facts: ModelFacts, wish: Wish) -> bool:
    """Whether the file is placed by formula on the processor, where nobody wants otherwise."""
    free = wish.n_gpu_layers is None and wish.devices is None
    return facts.file_bytes <= SMALL_BYTES and free


def _has_cards(machine: MachineProfile) -> bool:
    """Whether something beside main memory may be taken."""
    return any(device.kind in ("gpu", "igpu") for device in known(machine.devices, ()))


def _as_planned(plan: Plan) -> Wish:
    """A wish for this very plan."""
    chosen = plan.configuration
    return Wish(
        n_ctx=chosen.n_ctx,
        n_gpu_layers=chosen.n_gpu_layers,
        n_threads=plan.n_threads,
        n_ubatch=chosen.n_ubatch,
        cache_type_k=chosen.cache_type_k,
        cache_type_v=chosen.cache_type_v,
        n_batch=chosen.n_batch,
        n_seq_max=chosen.n_seq_max,
        n_cpu_moe=chosen.n_cpu_moe,
        load_mode=chosen.load_mode,
        devices=chosen.devices,
    )


def _shortest(plan: Plan) -> Share:
    """The memory that has the least to spare beside what it must hold."""
    return min(plan.memory, key=lambda share: share.margin_bytes)


def _identity(path: Path) -> tuple[str, int, int]:
    try:
        status = path.stat()
    except OSError:
        return str(path), 0, 0
    return str(path.resolve()), status.st_size, status.st_mtime_ns
