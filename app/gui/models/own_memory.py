"""What a model in memory gives back when another takes its place. Pure."""

from __future__ import annotations

import dataclasses

from app.hardware.profile import Device, MachineProfile, known
from app.planner.memory import Need
from app.planner.plan import Plan
from app.planner.pools import MAIN


def without(machine: MachineProfile, plan: Plan) -> MachineProfile:
    """The machine with what this plan's model holds counted as free again."""
    needs = {share.pool.name: share.need for share in plan.memory}
    held = sum(
        share.need.total_bytes
        for share in plan.memory
        if share.pool.name == MAIN or share.pool.shares_main
    )
    if plan.configuration.load_mode == "mmap":
        # A mapped file's pages never counted as taken.
        held -= needs.get(MAIN, Need()).weights_bytes
    available = machine.memory.available_bytes
    if isinstance(available, int):
        total = known(machine.memory.total_bytes, available + held)
        memory = dataclasses.replace(machine.memory, available_bytes=min(total, available + held))
        machine = dataclasses.replace(machine, memory=memory)
    if not isinstance(machine.devices, tuple):
        return machine
    return dataclasses.replace(
        machine, devices=tuple(_freed(device, needs) for device in machine.devices)
    )


def _freed(device: Device, needs: dict[str, Need]) -> Device:
    need = needs.get(device.name)
    if need is None or device.kind == "cpu":
        return device
    free = min(device.total_bytes, device.free_bytes + need.total_bytes)
    others = device.used_by_others_bytes
    if isinstance(others, int):
        # The probe asks in a process of its own, to which this one is another.
        others = max(0, others - need.total_bytes)
    return dataclasses.replace(device, free_bytes=free, used_by_others_bytes=others)
