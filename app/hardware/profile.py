"""Frozen facts about a machine. Pure: can be saved, sent, and read back on another machine.

A fact that could not be found out is an `Unknown` with its reason, never a guess.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields, is_dataclass
from types import MappingProxyType
from typing import Any, Final, TypeVar, cast

from app.foundation.errors import InvalidInput
from app.foundation.units import bytes_text

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Unknown:
    """A fact that could not be found out, and why."""

    reason: str


_MOST: Final = 1 << 128
NOT_MEASURED: Final = Unknown("it was not measured")
NOT_SAVED: Final = Unknown("not in this saved probe")


@dataclass(frozen=True, slots=True)
class Processor:
    """Cores in counts. `usable_cores` are those that the system lets this process run on;
    `quota_cores` is the share of processor time that a cgroup allows, if one does.

    `performance_cores` are physical cores of the fast kinds, `efficiency_cores` of the slow
    one (0 where all are alike). `instruction_sets` are those that the loaded llama.cpp
    `variant` was built for and uses; it is "native" where there is only one. `core_flops` is
    multiplications and additions a second of one core on quantized weights.
    """

    model: str | Unknown
    logical_cores: int | Unknown
    physical_cores: int | Unknown
    performance_cores: int | Unknown
    usable_cores: int | Unknown
    quota_cores: float | Unknown | None
    instruction_sets: tuple[str, ...] | Unknown
    efficiency_cores: int | Unknown = NOT_MEASURED
    variant: str | Unknown = NOT_MEASURED
    core_flops: float | Unknown = NOT_MEASURED


@dataclass(frozen=True, slots=True)
class Memory:
    """Main memory in bytes. `available_bytes` is what can be had without swapping, and no more
    than a cgroup still allows; `limit_bytes` is that cgroup's limit.

    `bandwidth_bytes_per_s` is reading with all fast cores. `is_unified` says that a graphics
    device works in this same memory, so that it counts once.
    """

    total_bytes: int | Unknown
    available_bytes: int | Unknown
    limit_bytes: int | Unknown | None
    bandwidth_bytes_per_s: float | Unknown = NOT_MEASURED
    is_unified: bool = False


@dataclass(frozen=True, slots=True)
class Device:
    """A device as ggml sees it. `kind` is "cpu", "gpu", "igpu" or "accelerator".

    Bytes of 0 mean that the backend does not say. `id` is the PCI address, `module` the file
    that drives it ("vulkan", "cuda"; "" where it is part of the one library). `verdict` is
    "verified" once its tokens were those of the processor, "unverified", or "rejected: why".
    """

    name: str
    description: str
    kind: str
    backend: str
    total_bytes: int
    free_bytes: int
    id: str = ""
    driver: str | Unknown = NOT_MEASURED
    module: str = ""
    has_display: bool | Unknown = NOT_MEASURED
    used_by_others_bytes: int | Unknown = NOT_MEASURED
    bandwidth_bytes_per_s: float | Unknown = NOT_MEASURED
    flops: float | Unknown = NOT_MEASURED
    verdict: str = "unverified"

    @property
    def is_rejected(self) -> bool:
        return self.verdict.startswith("rejected")


@dataclass(frozen=True, slots=True)
class Disk:
    """The disk that holds the profile folder. Reading is what a cold file would come at."""

    total_bytes: int | Unknown
    free_bytes: int | Unknown
    read_bytes_per_s: float | Unknown = NOT_MEASURED


@dataclass(frozen=True, slots=True)
class Power:
    """Where the power comes from: `source` is "mains" or "battery"."""

    source: str | Unknown
    battery_percent: int | Unknown | None


@dataclass(frozen=True, slots=True)
class MachineProfile:
    """Everything known of one machine at one moment."""

    system: str | Unknown
    architecture: str | Unknown
    processor: Processor
    memory: Memory
    devices: tuple[Device, ...] | Unknown
    disk: Disk
    power: Power

    def as_dict(self) -> dict[str, Any]:
        """JSON form; an unknown fact is `{"unknown": reason}`."""
        return cast("dict[str, Any]", _plain(self))

    @classmethod
    def from_dict(cls, saved: Mapping[str, Any]) -> MachineProfile:
        """Read `as_dict` back. Raises InvalidInput when it is not one."""
        try:
            return cls(
                system=_known(saved["system"], str),
                architecture=_known(saved["architecture"], str),
                processor=_record(Processor, saved["processor"], _PROCESSOR, _PROCESSOR_LATER),
                memory=_record(Memory, saved["memory"], _MEMORY, _MEMORY_LATER),
                devices=_known(saved["devices"], _devices),
                disk=_record(Disk, saved["disk"], _DISK, _DISK_LATER),
                power=_record(Power, saved["power"], _POWER),
            )
        except (KeyError, TypeError, ValueError, OverflowError, AttributeError) as error:
            raise InvalidInput(
                "That is not a saved probe.",
                f"What it says about {error} cannot be read.",
                "Save one on the other machine with: hearth probe --json > machine.json",
            ) from error

    def lines(self) -> list[tuple[str, str]]:
        """Every fact as a label and words."""
        cpu, memory = self.processor, self.memory
        rows = [
            ("System", _words(self.system)),
            ("Architecture", _words(self.architecture)),
            ("Processor", _words(cpu.model)),
            ("Cores", _cores(cpu)),
            ("Instruction sets", _words(cpu.instruction_sets, " ".join)),
            ("Processor variant", _words(cpu.variant)),
            ("Speed of one core", _words(cpu.core_flops, _flops)),
            ("Memory", f"{_words(memory.total_bytes, bytes_text)} in all"),
            ("Memory available", _words(memory.available_bytes, bytes_text)),
        ]
        if memory.limit_bytes is not None:
            rows.append(("Memory limit", _words(memory.limit_bytes, bytes_text)))
        rows.append(("Memory speed", _words(memory.bandwidth_bytes_per_s, _rate)))
        if memory.is_unified:
            rows.append(("Memory shared", "with the graphics chip: it counts once"))
        rows += _device_lines(self.devices)
        rows.append(("Disk space free", _words(self.disk.free_bytes, bytes_text)))
        rows.append(("Disk speed", _words(self.disk.read_bytes_per_s, _rate)))
        rows.append(("Power", _power(self.power)))
        return rows


def known(fact: T | Unknown, otherwise: T) -> T:
    """The fact, or `otherwise` when it is not known."""
    return otherwise if isinstance(fact, Unknown) else fact


def _plain(value: Any) -> Any:
    if isinstance(value, Unknown):
        return {"unknown": value.reason}
    if is_dataclass(value):
        return {field.name: _plain(getattr(value, field.name)) for field in fields(value)}
    if isinstance(value, tuple):
        return [_plain(item) for item in value]
    return value


def _known(value: Any, convert: Callable[[Any], T]) -> T | Unknown:
    if isinstance(value, Mapping) and set(value) == {"unknown"}:
        return Unknown(str(value["unknown"]))
    return convert(value)


def _record(
    kind: type[T],
    saved: Mapping[str, Any],
    converters: Mapping[str, Any],
    later: Mapping[str, tuple[Any, Any]] = MappingProxyType({}),
) -> T:
    """`later` are the fields that older files lack: converter, and what stands in for them."""
    found = {name: _known(saved[name], convert) for name, convert in converters.items()}
    for name, (convert, otherwise) in later.items():
        found[name] = _known(saved[name], convert) if name in saved else otherwise
    return kind(**found)


def _optional(convert: Callable[[Any], T]) -> Callable[[Any], T | None]:
    return lambda value: None if value is None else convert(value)


def _whole(value: Any) -> int:
    """Absurd numbers are a plan's to judge, as long as it can calculate with them."""
    number = int(value)
    if abs(number) > _MOST:
        raise ValueError(f"a number of {len(str(number))} digits")
    return number


def _finite(value: Any) -> float:
    number = float(value)
    if not math.isfinite(number):
        raise ValueError(value)
    return number


def _truth(value: Any) -> bool:
    if not isinstance(value, bool):
        raise ValueError(value)
    return value


def _devices(saved: Any) -> tuple[Device, ...]:
    return tuple(_record(Device, item, _DEVICE, _DEVICE_LATER) for item in saved)


def _texts(saved: Any) -> tuple[str, ...]:
    return tuple(str(item) for item in saved)


_PROCESSOR = {
    "model": str,
    "logical_cores": _whole,
    "physical_cores": _whole,
    "performance_cores": _whole,
    "usable_cores": _whole,
    "quota_cores": _optional(_finite),
    "instruction_sets": _texts,
}
_PROCESSOR_LATER = {
    "efficiency_cores": (_whole, NOT_SAVED),
    "variant": (str, NOT_SAVED),
    "core_flops": (_finite, NOT_SAVED),
}
_MEMORY = {"total_bytes": _whole, "available_bytes": _whole, "limit_bytes": _optional(_whole)}
_MEMORY_LATER = {"bandwidth_bytes_per_s": (_finite, NOT_SAVED), "is_unified": (_truth, False)}
_DEVICE = {
    "name": str,
    "description": str,
    "kind": str,
    "backend": str,
    "total_bytes": _whole,
    "free_bytes": _whole,
}
_DEVICE_LATER = {
    "id": (str, ""),
    "driver": (str, NOT_SAVED),
    "module": (str, ""),
    "has_display": (_truth, NOT_SAVED),
    "used_by_others_bytes": (_whole, NOT_SAVED),
    "bandwidth_bytes_per_s": (_finite, NOT_SAVED),
    "flops": (_finite, NOT_SAVED),
    "verdict": (str, "unverified"),
}
_DISK = {"total_bytes": _whole, "free_bytes": _whole}
_DISK_LATER = {"read_bytes_per_s": (_finite, NOT_SAVED)}
_POWER = {"source": str, "battery_percent": _optional(_whole)}


def _words(fact: Any, text: Callable[[Any], str] = str) -> str:
    return f"unknown, because {fact.reason}" if isinstance(fact, Unknown) else text(fact)


def _rate(bytes_per_s: float) -> str:
    return f"{bytes_text(round(bytes_per_s))}/s read"


def _flops(per_second: float) -> str:
    return f"{per_second / 1e9:.3g} billion operations/s"


def _cores(cpu: Processor) -> str:
    parts = [f"{_words(cpu.physical_cores)} physical, {_words(cpu.logical_cores)} logical"]
    if cpu.performance_cores != cpu.physical_cores:
        parts.append(f"performance cores {_words(cpu.performance_cores)}")
    if isinstance(cpu.efficiency_cores, int) and cpu.efficiency_cores:
        parts.append(f"efficiency cores {cpu.efficiency_cores}")
    if cpu.usable_cores != cpu.logical_cores:
        parts.append(f"usable {_words(cpu.usable_cores)}")
    if cpu.quota_cores is not None:
        parts.append(f"processor time for {_words(cpu.quota_cores, '{:g}'.format)}")
    return "; ".join(parts)


def _device_lines(devices: tuple[Device, ...] | Unknown) -> list[tuple[str, str]]:
    if isinstance(devices, Unknown):
        return [("Graphics card", _words(devices))]
    cards = [device for device in devices if device.kind != "cpu"]
    if not cards:
        return [("Graphics card", "none that Hearth can use")]
    return [("Graphics card", _card(card)) for card in cards]


def _card(card: Device) -> str:
    free, total = bytes_text(card.free_bytes), bytes_text(card.total_bytes)
    parts = [f"{card.description} ({card.backend}): {free} free of {total}"]
    if isinstance(card.used_by_others_bytes, int) and card.used_by_others_bytes:
        parts.append(f"other programs use {bytes_text(card.used_by_others_bytes)}")
    if card.has_display is True:
        parts.append("a display is attached")
    if isinstance(card.driver, str):
        parts.append(f"driver {card.driver}")
    parts.append(card.verdict)
    return "; ".join(parts)


def _power(power: Power) -> str:
    source = _words(power.source)
    if isinstance(power.battery_percent, int):
        return f"{source}, battery at {power.battery_percent} %"
    return source
