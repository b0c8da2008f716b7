"""Bytes and operations a second of each memory: measured where the machine says, else usual.

Pure arithmetic. The constants are rough, and every plan made with them says so.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

from app.hardware.profile import Device, MachineProfile, Unknown, known
from app.planner.pools import MAIN, Pool

_CORE_BYTES_PER_S = 12e9
"""Weights that one core reads from memory in a second, desktop and laptop DDR4 and DDR5."""
_DESKTOP_BYTES_PER_S = 40e9
"""Two channels of DDR4-3200 carry 51 GB/s; about four fifths of that arrive."""
_APPLE_BYTES_PER_S = 80e9
"""The smallest Apple chips carry 100 GB/s."""
_GPU_BYTES_PER_S = 250e9
_IGPU_BYTES_PER_S = 45e9
_GPU_FLOPS = 8e12
_IGPU_FLOPS = 0.8e12
_CORE_FLOPS = (("AVX512", 120e9), ("AVX2", 60e9), ("DOTPROD", 35e9), ("AVX", 15e9), ("NEON", 12e9))
"""Multiplications and additions that one core does in a second, of Q4_K times many columns."""
_SLOWEST_CORE_FLOPS = 4e9
PCIE_BYTES_PER_S: Final = 12e9
"""What arrives over sixteen lanes of PCIe 3 or eight of PCIe 4."""


@dataclass(frozen=True, slots=True)
class Rate:
    """Of one pool. `is_measured` says that both numbers are this machine's own."""

    bytes_per_s: float
    writing_flops: float
    reading_flops: float
    is_measured: bool


def rates_of(
    machine: MachineProfile, pools: tuple[Pool, ...], n_threads: int, n_threads_batch: int
) -> tuple[Rate, ...]:
    """The rate of each pool, in their order."""
    main = _main_rate(machine, n_threads, n_threads_batch)
    devices = {device.name: device for device in known(machine.devices, ())}
    return (
        main,
        *(_device_rate(devices[pool.name], pool, main) for pool in pools if pool.name != MAIN),
    )


def core_flops(machine: MachineProfile) -> float:
    """Operations a second of one core: measured, or by the instruction sets that are used."""
    measured = _sane(machine.processor.core_flops, 1e8, 1e13)
    if measured is not None:
        return measured
    found = set(known(machine.processor.instruction_sets, ("NEON",)))
    return next((flops for name, flops in _CORE_FLOPS if name in found), _SLOWEST_CORE_FLOPS)


def _main_rate(machine: MachineProfile, n_threads: int, n_threads_batch: int) -> Rate:
    measured = _sane(machine.memory.bandwidth_bytes_per_s, 1e8, 1e13)
    cpu = machine.processor
    if measured is None:
        apple = "Apple" in known(cpu.model, "")
        most = _APPLE_BYTES_PER_S if apple else _DESKTOP_BYTES_PER_S
        core = _CORE_BYTES_PER_S * (2 if apple else 1)
    else:
        # Measured with all fast cores; a few of them are enough to fill the memory's lanes.
        fast = known(cpu.performance_cores, known(cpu.physical_cores, 1))
        most, core = measured, max(_CORE_BYTES_PER_S, measured / max(1, fast))
    flops = core_flops(machine)
    threads, batch = max(1, n_threads), max(1, n_threads_batch)
    is_measured = measured is not None and not isinstance(cpu.core_flops, Unknown)
    return Rate(min(most, threads * core), threads * flops, batch * flops, is_measured)


def _device_rate(device: Device, pool: Pool, main: Rate) -> Rate:
    bandwidth = _sane(device.bandwidth_bytes_per_s, 1e8, 1e14)
    flops = _sane(device.flops, 1e8, 1e16)
    is_measured = bandwidth is not None and flops is not None
    if bandwidth is None:
        # A chip in main memory reads it no slower than the processor does.
        shared = max(_IGPU_BYTES_PER_S, main.bytes_per_s)
        bandwidth = shared if pool.shares_main else _GPU_BYTES_PER_S
    if flops is None:
        flops = _IGPU_FLOPS if pool.shares_main else _GPU_FLOPS
    return Rate(bandwidth, flops, flops, is_measured)


def _sane(value: float | Unknown, least: float, most: float) -> float | None:
    """The measured value, unless it cannot be one."""
    if isinstance(value, Unknown) or not math.isfinite(value) or not least <= value <= most:
        return None
    return float(value)
