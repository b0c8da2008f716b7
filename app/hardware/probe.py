"""Finds the facts. May block for a second: call it off the GUI thread. Decides nothing.

What needs llama.cpp is asked of a child by name, so that a driver may die there.
"""

from __future__ import annotations

import os
import platform
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

from app.foundation.children import run_child
from app.foundation.errors import HearthError
from app.hardware import linux, macos, windows
from app.hardware.profile import (
    Device,
    Disk,
    MachineProfile,
    Memory,
    Power,
    Processor,
    Unknown,
    known,
)

T = TypeVar("T")

_DEVICES_DEADLINE_S = 15.0
_ROOT = Path("/")


def probe(
    profile_folder: Path, *, runtime: dict[str, Any] | Unknown | None = None
) -> MachineProfile:
    """Everything that can be found out about this machine now.

    `runtime` is what `ask_runtime` answered, or why it was not asked; None asks it.
    """
    if runtime is None:
        runtime = _asked(ask_runtime)
    return MachineProfile(
        system=_asked(system_name),
        architecture=_asked(platform.machine),
        processor=_processor(runtime),
        memory=memory(),
        devices=runtime if isinstance(runtime, Unknown) else _devices(runtime["devices"]),
        disk=_disk(profile_folder),
        power=_asked_power(),
    )


def ask_runtime() -> dict[str, Any]:
    """What llama.cpp says of devices and instruction sets, from a child process."""
    return run_child("devices", {}, deadline_s=_DEVICES_DEADLINE_S)


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
    limit = _asked(lambda: linux.memory_limit(_ROOT)) if platform.system() == "Linux" else None
    if limit is None or isinstance(limit, Unknown):
        return Memory(virtual.total, virtual.available, limit)
    most, used = limit
    available = min(virtual.available, max(0, most - used))
    return Memory(virtual.total, available, most if most < virtual.total else None)


def _processor(runtime: dict[str, Any] | Unknown) -> Processor:
    import psutil

    physical = _asked(lambda: psutil.cpu_count(logical=False))
    model, fast, quota = _asked_system()
    return Processor(
        model=model,
        logical_cores=_count(_asked(lambda: psutil.cpu_count(logical=True))),
        physical_cores=_count(physical),
        performance_cores=_count(known(fast, None) or physical),
        usable_cores=_usable_cores(),
        quota_cores=quota,
        instruction_sets=(
            runtime if isinstance(runtime, Unknown) else tuple(map(str, runtime["features"]))
        ),
    )


def _asked_system() -> tuple[str | Unknown, int | Unknown | None, float | Unknown | None]:
    """The processor's name, its fast cores, and the processor time granted."""
    kind = platform.system()
    if kind == "Linux":
        return (
            _asked(lambda: linux.processor_model(_ROOT)),
            _asked(lambda: linux.performance_cores(_ROOT)),
            _asked(lambda: linux.processor_quota(_ROOT)),
        )
    if kind == "Darwin":
        return _asked(macos.processor_model), _asked(macos.performance_cores), None
    return _asked(windows.processor_model), _asked(windows.performance_cores), None


def _usable_cores() -> int | Unknown:
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return _count(os.cpu_count())


def _count(number: int | Unknown | None) -> int | Unknown:
    return Unknown("the system does not say") if number is None else number


def _devices(found: list[dict[str, Any]]) -> tuple[Device, ...]:
    return tuple(Device(**item) for item in found)


def _disk(folder: Path) -> Disk:
    import psutil

    usage = _asked(lambda: psutil.disk_usage(str(_existing(folder))))
    if isinstance(usage, Unknown):
        return Disk(usage, usage)
    return Disk(usage.total, usage.free)


def _existing(folder: Path) -> Path:
    while not folder.exists() and folder != folder.parent:
        folder = folder.parent
    return folder


def _asked_power() -> Power:
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
