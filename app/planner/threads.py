"""How many threads write and read, and why. Pure arithmetic over a processor's facts."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

from app.hardware.profile import MachineProfile, Processor, Unknown, known

MOST_THREADS: Final = 512
"""As many as llama.cpp takes."""


@dataclass(frozen=True, slots=True)
class Threads:
    """Threads for writing (`count`) and reading, and what led there: "left_one", "quota",
    "battery", "pinned"; "" for none of these."""

    count: int
    cores: int
    why: str
    batch: int = 0

    @property
    def reading(self) -> int:
        """Threads while a prompt is read: bound by arithmetic, so slow cores help too."""
        return max(self.batch, self.count)


def threads_for(machine: MachineProfile, pinned: int | None = None) -> Threads:
    """One thread a performance core that may be used, one core left from six cores up.

    On battery half of them: writing is bound by memory, so it loses far less than half.
    """
    cpu = machine.processor
    cores = _cores(cpu)
    if pinned is not None:
        return Threads(pinned, cores, "pinned", pinned)
    count, why = cores, ""
    if known(cpu.physical_cores, cores) >= 6 and cores >= 6:
        count, why = cores - 1, "left_one"
    batch = max(count, _all_cores(cpu, count))
    quota = _quota(cpu)
    if quota < count:
        count, why = quota, "quota"
    batch = min(batch, quota)
    if known(machine.power.source, "mains") == "battery" and count >= 4:
        count, why = (count + 1) // 2, "battery"
        batch = count
    return Threads(count, cores, why, batch)


def _cores(cpu: Processor) -> int:
    usable = known(cpu.usable_cores, known(cpu.logical_cores, 2))
    fast = cpu.performance_cores
    if isinstance(fast, Unknown):
        # Two logical cores a physical one is the usual case where the system does not say.
        fast = known(cpu.physical_cores, max(1, usable // 2))
    return max(1, min(fast, usable, MOST_THREADS))


def _all_cores(cpu: Processor, otherwise: int) -> int:
    """Physical cores, slow ones too, one left from six up."""
    physical = known(cpu.physical_cores, otherwise)
    found = min(physical, known(cpu.usable_cores, physical), MOST_THREADS)
    return found - 1 if found >= 6 else found


def _quota(cpu: Processor) -> int:
    quota = cpu.quota_cores
    if not isinstance(quota, int | float) or not math.isfinite(quota):
        return MOST_THREADS
    return max(1, min(math.floor(quota), MOST_THREADS))
