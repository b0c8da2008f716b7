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
from app.hardware.probe import memory, probe
from app.hardware.profile import MachineProfile, Unknown
from app.inference.placement import Placement
from app.planner.memory import DryRun
from app.planner.plan import CpuOnly, Plan, Reason, Wish, plan_for
from app.settings.file import SettingsFile
from app.settings.schema import CONTEXT, GPU_LAYERS, THREADS

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
        find: FindMachine = find_machine,
        count: CountMemory = count_memory,
    ) -> None:
        """`safe_mode` uses the processor only."""
        self._profile = profile
        self._settings = settings
        self._safe_mode = safe_mode
        self._find = find
        self._count = count
        self._lock = threading.Lock()
        self._machine: MachineProfile | None = None
        self._machine_since_s = 0.0
        self._runs: dict[Hashable, DryRun | LoadFailed] = {}

    def machine(self) -> MachineProfile:
        """This machine, its free memory as of now. May take a second."""
        with self._lock:
            now_s = time.monotonic()
            if self._machine is None or now_s - self._machine_since_s > MACHINE_S:
                self._machine = self._find(self._profile.root, None)
                self._machine_since_s = now_s
            else:
                self._machine = dataclasses.replace(self._machine, memory=memory())
            return self._machine

    def wish(self) -> Wish:
        """What is pinned in the settings; 0 (or -1 for layers) there means automatic."""
        n_gpu_layers = self._settings.get(GPU_LAYERS)
        return Wish(
            n_ctx=self._settings.get(CONTEXT) or None,
            n_threads=self._settings.get(THREADS) or None,
            n_gpu_layers=None if n_gpu_layers < 0 else n_gpu_layers,
        )

    def place(
        self, path: Path, header: Header, cancellation: Cancellation | None = None
    ) -> Placement:
        """How the host loads a file that was checked.

        Raises LoadFailed where llama.cpp refuses, LoadCancelled when cancelled."""
        wish, facts = self.wish(), facts_of(header)
        if facts.file_bytes <= SMALL_BYTES and wish.n_gpu_layers is None:
            reason = Unknown("it makes no difference to a model this small")
            machine = self._find(self._profile.root, reason)
            plan = plan_for(machine, facts, wish, cpu_only=self._cpu_only("small"))
        else:
            plan = self._counted(path, facts, wish, refuse=True, cancellation=cancellation)
        return Placement(
            settings=plan.settings(path),
            fits=plan.fits,
            # Threads change no memory: pinning them is no wish to load what does not fit.
            pinned=wish.n_ctx is not None or wish.n_gpu_layers is not None,
            needed_bytes=plan.needed_bytes,
            free_bytes=plan.free_bytes,
            plan=plan,
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
        wish = dataclasses.replace(self.wish(), **wish.pinned)
        return self._counted(path, facts, wish, refuse=False)

    def _counted(
        self,
        path: Path,
        facts: ModelFacts,
        wish: Wish,
        *,
        refuse: bool,
        cancellation: Cancellation | None = None,
    ) -> Plan:
        """Plan by formula, let llama.cpp count, plan again until both agree."""
        machine = self.machine()
        small = facts.file_bytes <= SMALL_BYTES and wish.n_gpu_layers is None
        cpu_only = self._cpu_only("small" if small else None)
        plan = plan_for(machine, facts, wish, cpu_only=cpu_only)
        for _ in range(_ROUNDS):
            try:
                run = self._dry_run(path, plan, cancellation)
            except LoadFailed as error:
                if refuse:
                    raise
                text = f"llama.cpp refuses this file: {error.detail or error.title}"
                return dataclasses.replace(noted(plan, text), fits="no", alternatives=())
            except HearthError as error:
                _log.warning("the dry run of %s failed: %s", path.name, error)
                why = error.detail or error.title
                return noted(plan, f"llama.cpp could not count it: {why}")
            plan = plan_for(machine, facts, wish, dry_run=run, cpu_only=cpu_only)
            if plan.confidence == "dry-run":
                break
        return plan

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


def _identity(path: Path) -> tuple[str, int, int]:
    try:
        status = path.stat()
    except OSError:
        return str(path), 0, 0
    return str(path.resolve()), status.st_size, status.st_mtime_ns
