"""What memories a machine of the zoo has: a chip's is main memory, a card's is its own."""

from __future__ import annotations

from pathlib import Path

import pytest

from app.hardware.profile import known
from app.planner.pools import MAIN, pools_of
from tests.zoo.keeper import machine_files, read_machine

FILES = machine_files()


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_only_a_chip_shares_main_memory(path: Path) -> None:
    machine = read_machine(path)
    devices = {device.name: device for device in known(machine.devices, ())}
    main, *others = pools_of(machine)
    assert main.name == MAIN
    for pool in others:
        device = devices[pool.name]
        assert pool.shares_main is (device.kind == "igpu" or device.backend == "MTL")
        if not pool.shares_main:
            assert pool.free_bytes == device.free_bytes


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_a_rejected_device_is_no_memory(path: Path) -> None:
    machine = read_machine(path)
    rejected = {device.name for device in known(machine.devices, ()) if device.is_rejected}
    assert rejected.isdisjoint(pool.name for pool in pools_of(machine))
