"""The files themselves: readable by today's code, complete, plausible, and explained."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from app.hardware.profile import MachineProfile, Unknown, known
from tests.zoo.keeper import FOLDER, machine_files, read_machine

FILES = machine_files()
README = FOLDER.parent / "README.md"


def test_the_zoo_is_large_enough() -> None:
    assert len(FILES) >= 24


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_a_machine_is_what_a_probe_would_save_today(path: Path) -> None:
    saved = json.loads(path.read_text("utf-8"))
    assert MachineProfile.from_dict(saved).as_dict() == saved


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_a_machine_does_not_contradict_itself(path: Path) -> None:
    machine = read_machine(path)
    memory, cpu = machine.memory, machine.processor
    total, available = known(memory.total_bytes, 0), known(memory.available_bytes, 0)
    assert 0 < available < total
    if isinstance(memory.limit_bytes, int):
        assert available <= memory.limit_bytes <= total
    physical, logical = known(cpu.physical_cores, 0), known(cpu.logical_cores, 0)
    assert 0 < physical <= logical
    assert known(cpu.performance_cores, 0) + known(cpu.efficiency_cores, 0) == physical
    assert 0 < known(cpu.usable_cores, 0) <= logical
    for device in known(machine.devices, ()):
        assert 0 < device.free_bytes <= device.total_bytes
        if isinstance(device.used_by_others_bytes, int):
            assert device.free_bytes + device.used_by_others_bytes <= device.total_bytes
    usable = [device for device in known(machine.devices, ()) if not device.is_rejected]
    in_main = any(device.kind == "igpu" or device.backend == "MTL" for device in usable)
    assert memory.is_unified is in_main
    names = [device.name for device in known(machine.devices, ())]
    assert len(set(names)) == len(names)


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_measured_speeds_are_those_of_hardware(path: Path) -> None:
    machine = read_machine(path)
    speeds = [machine.memory.bandwidth_bytes_per_s]
    speeds += [device.bandwidth_bytes_per_s for device in known(machine.devices, ())]
    for speed in speeds:
        assert isinstance(speed, Unknown) or 5e9 < speed < 1.8e12


def test_the_readme_has_a_row_for_every_machine_and_no_other() -> None:
    rows: set[str] = set()
    for line in README.read_text("utf-8").splitlines():
        if line.startswith("| `"):
            names = re.findall(r"`([^`]+)`", line.split("|")[1])
            stem = names[0].rpartition("-")[0]
            rows |= {f"{stem}{name}" if name.startswith("-") else name for name in names}
    assert rows == {path.stem for path in FILES}
