"""Facts of a machine: saved, read back, said in words; a probe that never fails as a whole."""

from __future__ import annotations

import dataclasses
import json
import struct
from pathlib import Path
from typing import Any

import pytest

from app.foundation.errors import InvalidInput
from app.hardware import probe, windows
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
from app.hardware.stages import Computing, Found

RUNTIME = Found(Computing("native", ("AVX2", "FMA"), "0", 7e10, 3e10), ())


def machine(**changes: Any) -> MachineProfile:
    found = MachineProfile(
        system="Windows 11",
        architecture="AMD64",
        processor=Processor("Ryzen 7", 16, 8, 8, 16, None, ("AVX2", "FMA")),
        memory=Memory(32 << 30, 20 << 30, None),
        devices=(Device("Vulkan0", "Radeon", "gpu", "Vulkan", 8 << 30, 7 << 30),),
        disk=Disk(1 << 40, 1 << 39),
        power=Power("battery", 71),
    )
    return dataclasses.replace(found, **changes)


def odd() -> MachineProfile:
    """Everything that can be unknown is."""
    lost = Unknown("nobody said")
    return MachineProfile(
        system=lost,
        architecture=lost,
        processor=Processor(*[lost] * 10),
        memory=Memory(lost, lost, lost, lost),
        devices=lost,
        disk=Disk(lost, lost, lost),
        power=Power(lost, lost),
    )


@pytest.mark.parametrize("found", [machine(), machine(devices=()), odd()])
def test_a_saved_probe_is_the_same_when_read_back(found: MachineProfile) -> None:
    assert MachineProfile.from_dict(json.loads(json.dumps(found.as_dict()))) == found


def full() -> MachineProfile:
    """Everything that can be known is."""
    card = Device(
        "Vulkan0",
        "Radeon",
        "igpu",
        "Vulkan",
        8 << 30,
        7 << 30,
        "0000:03:00.0",
        "Mesa 24.2",
        "vulkan",
        True,
        1 << 29,
        4.1e11,
        2.5e13,
        "verified",
    )
    processor = Processor("Ryzen 7", 16, 8, 8, 16, None, ("AVX2",), 0, "haswell", 7.5e10)
    return machine(
        processor=processor,
        memory=Memory(32 << 30, 20 << 30, None, 6.1e10, True),
        devices=(card, dataclasses.replace(card, verdict="rejected: wrong text")),
        disk=Disk(1 << 40, 1 << 39, 2.4e9),
    )


def test_every_field_is_kept() -> None:
    assert MachineProfile.from_dict(json.loads(json.dumps(full().as_dict()))) == full()


def test_an_older_saved_probe_lacks_what_came_later() -> None:
    saved = json.loads(json.dumps(full().as_dict()))
    later = (
        "efficiency_cores",
        "variant",
        "core_flops",
        "bandwidth_bytes_per_s",
        "is_unified",
        "read_bytes_per_s",
        "id",
        "driver",
        "module",
        "has_display",
        "used_by_others_bytes",
        "flops",
        "verdict",
    )
    for part in (saved["processor"], saved["memory"], saved["disk"], *saved["devices"]):
        for name in later:
            part.pop(name, None)
    found = MachineProfile.from_dict(saved)
    assert found.processor.core_flops == Unknown("not in this saved probe")
    assert found.memory.bandwidth_bytes_per_s == Unknown("not in this saved probe")
    assert found.memory.is_unified is False
    assert isinstance(found.devices, tuple)
    assert (found.devices[0].id, found.devices[0].verdict) == ("", "unverified")
    assert found.devices[0].has_display == Unknown("not in this saved probe")


def test_the_probe_of_this_machine_is_the_same_when_read_back(tmp_path: Path) -> None:
    found = probe.probe(tmp_path / "not" / "yet", runtime=RUNTIME)
    assert MachineProfile.from_dict(json.loads(json.dumps(found.as_dict()))) == found
    assert known(found.memory.total_bytes, 0) >= known(found.memory.available_bytes, 0) > 0
    assert known(found.processor.usable_cores, 0) >= 1
    assert known(found.disk.free_bytes, 0) > 0
    assert found.processor.instruction_sets == ("AVX2", "FMA")
    assert (found.processor.variant, found.processor.core_flops) == ("native", 7e10)
    assert found.memory.bandwidth_bytes_per_s == 3e10
    assert isinstance(found.disk.read_bytes_per_s, Unknown)  # there is no such folder yet


@pytest.mark.parametrize(
    "spoil",
    [
        lambda saved: saved.pop("memory"),
        lambda saved: saved["memory"].update(total_bytes="much"),
        lambda saved: saved.update(devices=[{"name": "CPU"}]),
        lambda saved: saved.update(processor=None),
        lambda saved: saved.update(disk=[1, 2]),
        lambda saved: saved["memory"].update(available_bytes=float("inf")),
        lambda saved: saved["memory"].update(total_bytes=10**400),
        lambda saved: saved["memory"].update(limit_bytes=-(10**400)),
        lambda saved: saved["processor"].update(quota_cores=float("inf")),
        lambda saved: saved["processor"].update(quota_cores=float("nan")),
        lambda saved: saved["processor"].update(core_flops="fast"),
        lambda saved: saved["memory"].update(bandwidth_bytes_per_s=float("inf")),
        lambda saved: saved["memory"].update(is_unified="yes"),
        lambda saved: saved["devices"][0].update(has_display=3),
    ],
)
def test_what_is_no_saved_probe_is_refused(spoil: Any) -> None:
    saved = machine().as_dict()
    spoil(saved)
    with pytest.raises(InvalidInput) as caught:
        MachineProfile.from_dict(saved)
    assert "probe --json" in caught.value.remedy


def test_every_fact_is_said(tmp_path: Path) -> None:
    words = dict(machine(memory=Memory(32 << 30, 3 << 30, 4 << 30)).lines())
    assert words["Processor"] == "Ryzen 7"
    assert words["Instruction sets"] == "AVX2 FMA"
    assert words["Memory limit"] == "4.3 GB"
    assert "Radeon (Vulkan)" in words["Graphics card"]
    assert "battery" in words["Power"]
    more = dict(full().lines())
    assert more["Memory speed"] == "61.0 GB/s read"
    assert "75 billion" in more["Speed of one core"]
    assert "rejected: wrong text" in more["Graphics card"]
    assert "a display is attached" in more["Graphics card"]
    assert "71" in words["Power"]


def test_an_unknown_fact_says_why() -> None:
    for label, words in odd().lines():
        assert "unknown, because nobody said" in words, label


def test_a_child_that_dies_leaves_its_facts_unknown(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.foundation.children.command_for", lambda name: ["false"])
    found = probe.probe(tmp_path)
    assert isinstance(found.devices, Unknown)
    assert "probe" in found.devices.reason
    assert isinstance(found.processor.instruction_sets, Unknown)
    assert known(found.memory.total_bytes, 0) > 0


def test_where_llama_cpp_is_not_asked_what_was_measured_is_used(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "state").mkdir()
    reason = Unknown("a model this small needs no card")
    first = probe.probe(tmp_path, runtime=reason)
    assert first.processor.core_flops == reason
    assert isinstance(first.disk.read_bytes_per_s, Unknown)
    measured = probe.probe(tmp_path)
    assert isinstance(measured.processor.core_flops, float)
    # Nobody may be asked now.
    monkeypatch.setattr("app.foundation.children.command_for", lambda name: ["false"])
    later = probe.probe(tmp_path, runtime=reason)
    assert later.processor == measured.processor
    assert later.memory.bandwidth_bytes_per_s == measured.memory.bandwidth_bytes_per_s
    assert later.disk.read_bytes_per_s == measured.disk.read_bytes_per_s
    assert later.devices == reason


def test_a_system_call_that_fails_leaves_its_fact_unknown(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise PermissionError("not for you")

    for name in ("virtual_memory", "cpu_count", "disk_usage"):
        monkeypatch.setattr(f"psutil.{name}", fail)
    found = probe.probe(tmp_path, runtime=Unknown("not asked"))
    assert isinstance(found.memory.available_bytes, Unknown)
    assert isinstance(found.disk.free_bytes, Unknown)
    assert isinstance(found.processor.physical_cores, Unknown)
    assert "not for you" in found.processor.physical_cores.reason


@pytest.mark.parametrize(("plugged", "source"), [(True, "mains"), (False, "battery"), (None, None)])
def test_where_the_power_comes_from(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, plugged: bool | None, source: str | None
) -> None:
    class Battery:
        percent = 40.4
        power_plugged = plugged

    monkeypatch.setattr("psutil.sensors_battery", Battery, raising=False)
    power = probe.probe(tmp_path, runtime=RUNTIME).power
    assert power.battery_percent == 40
    assert known(power.source, "?") == (source or "?")


def core_record(efficiency: int, size: int = 48) -> bytes:
    """SYSTEM_LOGICAL_PROCESSOR_INFORMATION_EX of one core."""
    return struct.pack("<IIBB", 0, size, 1, efficiency).ljust(size, b"\0")


def test_windows_counts_its_kinds_of_cores() -> None:
    hybrid = core_record(1) * 6 + core_record(0) * 8
    assert windows.kinds_of(hybrid) == (6, 8)
    assert windows.kinds_of(core_record(2) * 6 + hybrid + core_record(1) * 2) == (14, 8)
    assert windows.kinds_of(core_record(0) * 8) is None
    assert windows.kinds_of(b"") is None
    assert windows.kinds_of(core_record(1) + core_record(0)[:5]) is None
    assert windows.kinds_of(core_record(1) + core_record(0, size=0)) is None
