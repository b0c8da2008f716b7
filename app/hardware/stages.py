"""The stages of the probe that need llama.cpp: each a child with a deadline, each in the ledger.

May block for seconds on the first start with a runtime or driver, and hardly at all after
that. Never on the GUI thread. Which variant and modules compute is `choice`'s to say.
"""

from __future__ import annotations

import dataclasses
import logging
import platform
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from app.foundation.children import ChildDied, run_child
from app.foundation.errors import ChildFailed, HearthError
from app.foundation.paths import resource
from app.foundation.units import MIB
from app.hardware.cards import Card
from app.hardware.devices import are_devices, are_speeds, device_of, ranked, taken_by, verdict_of
from app.hardware.ledger import Attempt, Entry, Key, Ledger
from app.hardware.profile import Device, Unknown

VARIANT: Final = "HEARTH_CPU_VARIANT"
MODULES: Final = "HEARTH_GPU_MODULES"
NATIVE: Final = "native"
READING_BYTES: Final = 256 * MIB
_LEAST_READING_BYTES: Final = 16 * MIB
# A virus scanner reads every library at its first use.
_SLOWNESS: Final = 3.0 if platform.system() == "Windows" else 1.0
RUNTIME_DEADLINE_S: Final = 30.0 * _SLOWNESS
PROCESSOR_DEADLINE_S: Final = 30.0 * _SLOWNESS
MODULE_DEADLINE_S: Final = 30.0 * _SLOWNESS
DEVICE_DEADLINE_S: Final = 120.0
_MOST_MEASURED: Final = 6
"""How often a computer that is always busy is measured, once a start."""
NONSENSE: Final = "its answer makes no sense"
_SIGNALS = {
    4: "it uses instructions that this processor lacks",
    6: "it ended itself",
    7: "it reached for memory that is not there",
    9: "the system ended it",
    11: "it reached for memory that is not its own",
    15: "something ended it",
}
# How Windows says the same, as exit codes (NTSTATUS).
_WINDOWS_ENDS = {0xC000001D: 4, 0x80000003: 6, 0xC0000409: 6, 0xC0000005: 11, 0xC0000006: 7}
_NOT_ITS_FAULT = frozenset({9, 15})
"""Signals by which a person or a system out of memory ends a process."""

JsonObject = dict[str, Any]
RunChild = Callable[..., JsonObject]

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Place:
    """What results hold for: the runtime, the processor, the drivers. And what a test may use."""

    runtime: str
    processor: str
    drivers: str
    n_threads: int = 1
    available_bytes: int = READING_BYTES * 8

    @property
    def reading_bytes(self) -> int:
        return max(_LEAST_READING_BYTES, min(READING_BYTES, self.available_bytes // 8))


@dataclass(frozen=True, slots=True)
class Computing:
    """What the processor does with the variant that was proved."""

    variant: str
    features: tuple[str, ...]
    runtime: str
    core_flops: float
    bandwidth_bytes_per_s: float


@dataclass(frozen=True, slots=True)
class Found:
    """The outcome of all stages. `left_out` are cards that another backend has already."""

    processor: Computing | Unknown
    devices: tuple[Device, ...] | Unknown
    left_out: tuple[tuple[Device, Device], ...] = ()


@dataclass(frozen=True, slots=True)
class Choice:
    """What computes: a CPU variant ("" is for the runtime to choose) and GPU modules."""

    variant: str
    modules: tuple[str, ...]

    def environment(self) -> dict[str, str]:
        """As `engine.native.backends` reads it, in this process and in children."""
        variant = "" if self.variant == NATIVE else self.variant
        return {VARIANT: variant, MODULES: ",".join(self.modules)}


class Stages:
    """One machine's stages over one ledger. Thread-safe as the ledger is."""

    def __init__(self, ledger: Ledger, place: Place, *, run: RunChild = run_child) -> None:
        self._ledger = ledger
        self._place = place
        self._run = run

    def find(self, cards: Callable[[], list[Card]], *, anew: bool = False) -> Found:
        """Every stage in turn; `anew` measures what is known already, but tries nothing bad."""
        processor = self.processor(anew=anew)
        try:
            modules = self._folder()["modules"]
        except HearthError as error:
            return Found(processor, Unknown(error.detail or error.title))
        variant = "" if isinstance(processor, Unknown) else processor.variant
        kept: list[Device] = []
        doubles: list[tuple[Device, Device]] = []
        seen: list[Card] | None = None
        for module in ranked(map(str, modules)):
            raw = self._module(module, variant)
            if not raw:
                continue
            if seen is None:
                seen = cards()
            for item in raw:
                device = device_of(item, module, seen)
                twin = taken_by(device, kept, [double for double, _ in doubles])
                if twin is not None and not device.is_rejected:
                    doubles.append((device, twin))
                else:
                    is_software = bool(item.get("is_software"))
                    kept.append(self._verified(device, variant, is_software, anew=anew))
        usable = {device.module for device in kept if _is_usable(device)}
        self._ledger.note(
            choice_key(self._place), {"variant": variant, "modules": ranked(usable - {""})}
        )
        return Found(processor, tuple(kept), tuple(doubles))

    def processor(self, *, anew: bool = False) -> Computing | Unknown:
        """The best variant that was proved, proving variants until one is good."""
        try:
            scores = self._folder()["scores"]
        except HearthError as error:
            return Unknown(error.detail or error.title)
        why = "no part of the runtime suits this processor"
        for variant in by_score(scores):
            key = variant_key(self._place, variant)
            entry = self._ledger.get(key)
            if entry is not None and entry.is_bad:
                why = f"{variant}: {entry.why}"
                continue
            if entry is None or computing(entry.found) is None or anew or self._is_due(entry):
                why = self._prove(key) or why
                entry = self._ledger.get(key)
            if entry is not None and (good := computing(entry.found)) is not None:
                return good
        return Unknown(why)

    def known_processor(self) -> Computing | None:
        """The best variant that was proved before, from the ledger alone."""
        folder = self._ledger.get(runtime_key(self._place))
        if folder is None or not _is_folder(folder.found):
            return None
        for variant in by_score(folder.found["scores"]):
            entry = self._ledger.get(variant_key(self._place, variant))
            if entry is None or not entry.is_bad:
                return None if entry is None else computing(entry.found)
        return None

    def _is_due(self, entry: Entry) -> bool:
        """Whether speeds were measured while other programs were at work, and may be better now."""
        is_first = self._ledger.is_first_look(entry.key)
        n_measured = int(entry.found.get("n_measured", _MOST_MEASURED))
        return is_first and bool(entry.found.get("is_busy")) and n_measured < _MOST_MEASURED

    def _folder(self) -> JsonObject:
        """What the runtime holds; found once for each runtime and processor."""
        key = runtime_key(self._place)
        entry = self._ledger.get(key)
        if entry is None or not _is_folder(entry.found):
            with self._ledger.trying(key) as attempt:
                found = self._run("probe", {"stage": "runtime"}, deadline_s=RUNTIME_DEADLINE_S)
                if not _is_folder(found):
                    raise ChildFailed("The probe gave no answer.", NONSENSE)
                attempt.good(found)
            return found
        return dict(entry.found)

    def _prove(self, key: Key) -> str:
        """Run the stage of one variant; why it did not work, or ""."""
        request = {
            "stage": "processor",
            "n_threads": self._place.n_threads,
            "reading_bytes": self._place.reading_bytes,
        }
        before = self._ledger.get(key)
        with self._ledger.trying(key) as attempt:
            found = self._tried(
                attempt, request, PROCESSOR_DEADLINE_S, {VARIANT: key.name, MODULES: ""}
            )
            if isinstance(found, str):
                return f"{key.name}: {found}"
            if computing(found) is None:
                attempt.bad("failed", NONSENSE)
            elif found["variant"] != key.name:
                attempt.bad("failed", "it does not load here")
            elif wrong := found.get("wrong"):
                kinds = ", ".join(map(str, wrong))
                attempt.bad("rejected", f"it multiplies wrongly ({kinds})")
            else:
                attempt.good(_best_of(found, before))
        return f"{key.name}: {attempt.why}" if attempt.why else ""

    def _module(self, module: str, variant: str) -> list[JsonObject]:
        """What one module's driver offers now. Free memory is always asked anew."""
        key = module_key(self._place, module)
        entry = self._ledger.get(key)
        if entry is not None and (
            entry.is_bad or (entry.outcome == "good" and not entry.found.get("devices"))
        ):
            return []
        with self._ledger.trying(key) as attempt:
            environment = {VARIANT: variant, MODULES: module}
            found = self._tried(attempt, {"stage": "module"}, MODULE_DEADLINE_S, environment)
            if isinstance(found, str):
                return []
            if not are_devices(found.get("devices")):
                attempt.bad("failed", NONSENSE)
                return []
            attempt.good({"devices": [_lasting(item) for item in found["devices"]]})
        return list(found["devices"])

    def _verified(self, device: Device, variant: str, is_software: bool, *, anew: bool) -> Device:
        """The device with its verdict and speeds."""
        if device.is_rejected or device.kind == "accelerator":
            return device
        key = device_key(self._place, device)
        entry = self._ledger.get(key)
        if entry is None or entry.is_open or (anew and not entry.is_bad):
            with self._ledger.trying(key) as attempt:
                self._compare(attempt, device, variant, is_software)
            entry = self._ledger.get(key)
        if entry is None or entry.is_open:
            return device
        if entry.is_bad:
            return dataclasses.replace(device, verdict=f"rejected: {entry.why}")
        flops, bandwidth = entry.found.get("flops"), entry.found.get("bandwidth_bytes_per_s")
        device = dataclasses.replace(device, verdict="verified")
        if flops is None or bandwidth is None or not are_speeds(flops, bandwidth):
            return device
        return dataclasses.replace(
            device, flops=float(flops), bandwidth_bytes_per_s=float(bandwidth)
        )

    def _compare(self, attempt: Attempt, device: Device, variant: str, is_software: bool) -> None:
        request = {
            "stage": "device",
            "device": device.name,
            "model": str(resource("starter", "guide.gguf")),
            "free_bytes": device.free_bytes,
            "is_software": is_software,
        }
        environment = {VARIANT: variant, MODULES: device.module}
        found = self._tried(attempt, request, DEVICE_DEADLINE_S, environment)
        if isinstance(found, str):
            return
        try:
            verdict = verdict_of(found)
        except (KeyError, TypeError, ValueError):
            attempt.bad("failed", NONSENSE)
            return
        if verdict == "verified":
            attempt.good(found)
        else:
            attempt.bad("rejected", verdict.removeprefix("rejected: "))

    def _tried(
        self, attempt: Attempt, request: JsonObject, deadline_s: float, env: Mapping[str, str]
    ) -> JsonObject | str:
        """The answer, or why there is none, in which case the attempt has its verdict."""
        step = ""

        def note(progress: JsonObject) -> None:
            nonlocal step
            step = str(progress.get("step", ""))

        try:
            return self._run(
                "probe", request, deadline_s=deadline_s, on_progress=note, env=dict(env)
            )
        except ChildDied as death:
            why = _why(death, step)
            _log.warning("stage %s of the probe: %s\n%s", request["stage"], why, death.stderr_tail)
            if death.verdict == "timeout":
                # A processor that was busy with other things proves nothing against a variant.
                if request["stage"] != "processor":
                    attempt.bad("hung", why)
            elif death.signal_number not in _NOT_ITS_FAULT:
                attempt.bad("died", why)
            return why
        except HearthError as error:
            why = error.detail or error.title
            _log.warning("stage %s of the probe: %s", request["stage"], why)
            # A library that does not open costs little to try again, and nothing works without.
            if request["stage"] != "processor":
                attempt.bad("failed", why)
            return why


def _is_folder(found: Mapping[str, Any]) -> bool:
    scores, modules = found.get("scores"), found.get("modules")
    return (
        isinstance(scores, dict)
        and all(isinstance(score, int) for score in scores.values())
        and isinstance(modules, list)
    )


def by_score(scores: Mapping[str, Any]) -> list[str]:
    """Variants that can run here, the best first."""
    able = {str(name): int(score) for name, score in scores.items() if int(score) > 0}
    return sorted(able, key=lambda name: (-able[name], name))


def computing(found: Mapping[str, Any]) -> Computing | None:
    """The measured facts of a variant that was proved; None where they make no sense."""
    try:
        speeds = found["core_flops"], found["bandwidth_bytes_per_s"]
        names = str(found["variant"]), tuple(map(str, found["features"])), str(found["runtime"])
    except (KeyError, TypeError):
        return None
    return Computing(*names, *map(float, speeds)) if are_speeds(*speeds) else None


def choice(ledger: Ledger, place: Place) -> Choice | None:
    """What the last probe of this runtime with these drivers chose, from the ledger alone."""
    entry = ledger.get(choice_key(place))
    if entry is None or entry.outcome != "good":
        return None
    variant, modules = entry.found.get("variant"), entry.found.get("modules")
    if not isinstance(variant, str) or not isinstance(modules, list):
        return None
    good = [str(name) for name in modules if not _is_bad(ledger.get(module_key(place, str(name))))]
    return Choice("" if _is_bad(ledger.get(variant_key(place, variant))) else variant, tuple(good))


def _is_bad(entry: Entry | None) -> bool:
    return entry is not None and entry.is_bad


def _is_usable(device: Device) -> bool:
    return device.kind in ("gpu", "igpu") and device.verdict == "verified"


def choice_key(place: Place) -> Key:
    return Key("choice", place.processor, place.runtime, place.drivers)


def _best_of(found: JsonObject, before: Entry | None) -> JsonObject:
    """Speeds at their best so far: a busy computer only makes them slower."""
    is_busy = bool(found.get("is_busy"))
    old = None if before is None else computing(before.found)
    measured = {"is_busy": is_busy, "n_measured": 1}
    if before is not None and old is not None:
        for name in ("core_flops", "bandwidth_bytes_per_s"):
            measured[name] = max(found[name], getattr(old, name))
        measured["is_busy"] = is_busy and bool(before.found.get("is_busy"))
        measured["n_measured"] = int(before.found.get("n_measured", 0)) + 1
    return found | measured


def runtime_key(place: Place) -> Key:
    return Key("runtime", place.processor, place.runtime)


def variant_key(place: Place, variant: str) -> Key:
    return Key("variant", variant, f"{place.runtime}, {place.processor}")


def module_key(place: Place, module: str) -> Key:
    return Key("module", module, place.runtime, place.drivers)


def device_key(place: Place, device: Device) -> Key:
    name = " ".join(filter(None, (device.module, device.name, device.description, device.id)))
    return Key("device", name, place.runtime, place.drivers)


def _lasting(raw: JsonObject) -> JsonObject:
    return {key: value for key, value in raw.items() if key != "free_bytes"}


def _why(death: ChildDied, step: str) -> str:
    where = f" while {step}" if step else ""
    if death.verdict == "timeout":
        return f"it took too long{where}"
    if death.signal_number is not None:
        how = _SIGNALS.get(death.signal_number, "the system ended it")
        return f"{how} (signal {death.signal_number}){where}"
    if death.exit_status is not None:
        code = death.exit_status & 0xFFFFFFFF
        how = _SIGNALS.get(_WINDOWS_ENDS.get(code, 0), "it ended without an answer")
        return f"{how} (exit code {code if code < 256 else hex(code)}){where}"
    return f"{NONSENSE}{where}"
