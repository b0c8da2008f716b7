"""Finds the facts. May block for seconds the first time: call it off the GUI thread.

Decides nothing. What may die is asked of children (`stages`, `cards`, `disk`), and what they
measured is kept in the ledger; free memory is always asked anew.
"""

from __future__ import annotations

import dataclasses
import functools
import math
import os
import platform
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from app.foundation.children import run_child
from app.foundation.errors import HearthError
from app.foundation.paths import Profile
from app.hardware import linux, macos, windows
from app.hardware.cards import Card
from app.hardware.devices import are_speeds
from app.hardware.find_cards import driver_stamp
from app.hardware.ledger import Key, Ledger
from app.hardware.profile import (
    NOT_MEASURED,
    Device,
    Disk,
    MachineProfile,
    Memory,
    Power,
    Processor,
    Unknown,
    known,
)
from app.hardware.runtime import runtime_stamp
from app.hardware.stages import Choice, Computing, Found, Place, Stages, choice

T = TypeVar("T")

_CARDS_DEADLINE_S = 10.0
_DISK_DEADLINE_S = 15.0
_ROOT = Path("/")


def probe(
    profile_folder: Path, *, runtime: Found | Unknown | None = None, anew: bool = False
) -> MachineProfile:
    """Everything that can be found out about this machine now.

    `runtime` is what `find_runtime` found, or why it is not asked; None asks it. Where it is
    not asked no child is started, and what was measured before is used. `anew` measures again.
    """
    if runtime is None:
        runtime = find_runtime(profile_folder, anew=anew)
    may_measure = not isinstance(runtime, Unknown)
    if isinstance(runtime, Unknown):
        runtime = Found(known_processor(profile_folder) or runtime, runtime)
    devices, computing = runtime.devices, runtime.processor
    main = dataclasses.replace(
        memory(),
        bandwidth_bytes_per_s=(
            computing if isinstance(computing, Unknown) else computing.bandwidth_bytes_per_s
        ),
        is_unified=is_unified(devices),
    )
    return MachineProfile(
        system=_asked(system_name),
        architecture=_asked(platform.machine),
        processor=_processor(runtime),
        memory=main,
        devices=devices,
        disk=_disk(profile_folder, may_measure=may_measure, anew=anew),
        power=power(),
    )


def find_runtime(profile_folder: Path, *, anew: bool = False) -> Found:
    """What llama.cpp can compute on here, by stages in children."""
    return Stages(ledger_of(profile_folder), place()).find(find_cards, anew=anew)


def find_processor(profile_folder: Path, *, anew: bool = False) -> Computing | Unknown:
    """What the processor computes with, and how fast; no driver is started for it."""
    return Stages(ledger_of(profile_folder), place()).processor(anew=anew)


def known_processor(profile_folder: Path) -> Computing | None:
    """What an earlier probe found the processor to compute with; nothing is measured."""
    return Stages(ledger_of(profile_folder), place()).known_processor()


def chosen(profile_folder: Path) -> Choice:
    """The CPU variant and GPU modules to compute with, without starting a driver.

    From the ledger where it knows; else the processor's stage runs, which takes a second.
    """
    ledger, here = ledger_of(profile_folder), place()
    found = choice(ledger, here)
    if found is not None and found.variant:
        return found
    processor = find_processor(profile_folder)
    return Choice("" if isinstance(processor, Unknown) else processor.variant, ())


@functools.cache
def ledger_of(profile_folder: Path) -> Ledger:
    """The one ledger of a profile in this process."""
    return Ledger(Profile(profile_folder).state)


def find_cards() -> list[Card]:
    """The system's graphics cards, from a child; none where it fails."""
    try:
        found = run_child("cards", {}, deadline_s=_CARDS_DEADLINE_S)
        return [Card(**item) for item in found["cards"]]
    except (HearthError, KeyError, TypeError):
        return []


def place() -> Place:
    """What results hold for here, and what a test may use."""
    cores = _core_counts()
    fast = known(cores[0], None) or known(cores[2], 1) or 1
    usable = min(fast, known(_usable_cores(), 1))
    quota = known(_quota(), None)
    n_threads = max(1, usable if quota is None else min(usable, math.ceil(quota)))
    main = memory()
    return Place(
        runtime=runtime_stamp(),
        processor=f"{known(_model(), platform.machine())}, {n_threads} cores",
        drivers=str(known(_asked(driver_stamp), "")),
        n_threads=n_threads,
        available_bytes=known(main.available_bytes, 0),
    )


def system_name() -> str:
    """The operating system with its version, as people know it."""
    kind = platform.system()
    if kind == "Linux":
        try:
            return f"{platform.freedesktop_os_release()['PRETTY_NAME']}, Linux {platform.release()}"
        except (OSError, KeyError):
            return f"Linux {platform.release()}"
    if kind == "Darwin":
        return f"macOS {platform.mac_ver()[0]}"
    return f"{kind} {platform.release()} ({platform.version()})"


def memory() -> Memory:
    """Main memory now, cgroup limits respected."""
    import psutil

    virtual = _asked(psutil.virtual_memory)
    if isinstance(virtual, Unknown):
        return Memory(virtual, virtual, None)
    available = virtual.available
    if platform.system() == "Darwin":
        available = known(_asked(lambda: macos.available_bytes(virtual.total)), None) or available
    limit = _asked(lambda: linux.memory_limit(_ROOT)) if platform.system() == "Linux" else None
    if limit is None or isinstance(limit, Unknown):
        return Memory(virtual.total, available, limit)
    most, used = limit
    available = min(available, max(0, most - used))
    return Memory(virtual.total, available, most if most < virtual.total else None)


def is_unified(devices: tuple[Device, ...] | Unknown) -> bool:
    """Whether a graphics device that may be used works in main memory."""
    able = [] if isinstance(devices, Unknown) else [d for d in devices if not d.is_rejected]
    is_apple = platform.system() == "Darwin" and platform.machine() == "arm64"
    return any(d.kind == "igpu" or (d.kind == "gpu" and is_apple) for d in able)


def _processor(runtime: Found) -> Processor:
    import psutil

    fast, slow, physical = _core_counts()
    computing = runtime.processor
    return Processor(
        model=_model(),
        logical_cores=_count(_asked(lambda: psutil.cpu_count(logical=True))),
        physical_cores=_count(physical),
        performance_cores=_count(known(fast, None) or physical),
        usable_cores=_usable_cores(),
        quota_cores=_quota(),
        instruction_sets=computing if isinstance(computing, Unknown) else computing.features,
        efficiency_cores=slow,
        variant=computing if isinstance(computing, Unknown) else computing.variant,
        core_flops=computing if isinstance(computing, Unknown) else computing.core_flops,
    )


def _core_counts() -> tuple[int | Unknown | None, int | Unknown, int | Unknown | None]:
    """Fast cores (None: all are alike), slow ones, and physical ones in all."""
    import psutil

    find = {"Linux": lambda: linux.core_kinds(_ROOT), "Darwin": macos.core_kinds}
    kinds = _asked(find.get(platform.system(), windows.core_kinds))
    physical = _asked(lambda: psutil.cpu_count(logical=False))
    if isinstance(kinds, Unknown):
        return kinds, kinds, physical
    return (None, 0, physical) if kinds is None else (*kinds, physical)


def _model() -> str | Unknown:
    find = {"Linux": lambda: linux.processor_model(_ROOT), "Darwin": macos.processor_model}
    return _asked(find.get(platform.system(), windows.processor_model))


def _quota() -> float | Unknown | None:
    return _asked(lambda: linux.processor_quota(_ROOT)) if platform.system() == "Linux" else None


def _usable_cores() -> int | Unknown:
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return _count(os.cpu_count())


def _count(number: int | Unknown | None) -> int | Unknown:
    return Unknown("the system does not say") if number is None else number


def _disk(folder: Path, *, may_measure: bool, anew: bool) -> Disk:
    import psutil

    usage = _asked(lambda: psutil.disk_usage(str(_existing(folder))))
    if isinstance(usage, Unknown):
        return Disk(usage, usage, usage)
    speed = _asked(lambda: _disk_speed(folder, may_measure=may_measure, anew=anew))
    return Disk(usage.total, usage.free, speed)


def _disk_speed(folder: Path, *, may_measure: bool, anew: bool) -> float | Unknown:
    """Measured once for a disk."""
    state = Profile(folder).state
    if not state.is_dir():
        return Unknown("the profile folder is not there yet")
    ledger, key = ledger_of(folder), Key("disk", str(os.stat(state).st_dev), "")
    entry = ledger.get(key)
    if entry is not None and not anew:
        speed = entry.found.get("read_bytes_per_s")
        if are_speeds(speed):
            return float(entry.found["read_bytes_per_s"])
        return Unknown(str(entry.found.get("why", "it could not be timed")))
    if not may_measure:
        return NOT_MEASURED
    try:
        found = run_child("disk", {"folder": str(state)}, deadline_s=_DISK_DEADLINE_S)
    except HearthError as error:
        why = error.detail or error.title
        ledger.note(key, {"why": why})
        return Unknown(why)
    ledger.note(key, {"read_bytes_per_s": found["read_bytes_per_s"]})
    return float(found["read_bytes_per_s"])


def _existing(folder: Path) -> Path:
    while not folder.exists() and folder != folder.parent:
        folder = folder.parent
    return folder


def power() -> Power:
    """Where the power comes from now."""
    import psutil

    battery = _asked(psutil.sensors_battery) if hasattr(psutil, "sensors_battery") else None
    if isinstance(battery, Unknown):
        return Power(battery, battery)
    if battery is None:
        return Power("mains", None)
    # psutil says None where the system does not tell whether the plug is in.
    plugged = getattr(battery, "power_plugged", None)
    if plugged is None:
        return Power(Unknown("the system does not say"), round(battery.percent))
    return Power("mains" if plugged else "battery", round(battery.percent))


def _asked(find: Callable[[], T]) -> T | Unknown:
    """A fact, or why it could not be had. A probe never fails as a whole."""
    try:
        return find()
    except HearthError as error:
        return Unknown(error.detail or error.title)
    except Exception as error:  # noqa: BLE001 - any system call may fail in ways of its own
        return Unknown(f"{type(error).__name__}: {error}")
