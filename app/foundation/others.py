"""How busy other programs keep the processor: what was measured beside them says little.

Any thread. Two looks at the system's counters; nothing runs in between.
"""

from __future__ import annotations

import time

IDLE_CORES = 0.25
"""Others may use so much of a core before a measurement counts as disturbed: a desktop at rest
takes a tenth of one."""
_LEAST_S = 0.2


class OthersBusy:
    """From its making to `cores`: how many cores were taken by other processes than this one."""

    def __init__(self) -> None:
        self._began_s = time.monotonic()
        self._busy_s = _busy_s()
        self._own_s = time.process_time()

    def cores(self) -> float | None:
        """Cores busy with others on average; None where the time was too short to tell."""
        passed_s = time.monotonic() - self._began_s
        if passed_s < _LEAST_S:
            return None
        busy_s = _busy_s() - self._busy_s
        return max(0.0, busy_s - (time.process_time() - self._own_s)) / passed_s

    def were_idle(self) -> bool:
        """Whether others hardly did anything; False where that cannot be told."""
        found = self.cores()
        return found is not None and found < IDLE_CORES


def _busy_s() -> float:
    """Processor seconds of all cores that were not idle."""
    import psutil

    times = psutil.cpu_times()
    idle = times.idle + getattr(times, "iowait", 0.0)
    # Linux counts a guest's time in user and nice as well.
    guests = getattr(times, "guest", 0.0) + getattr(times, "guest_nice", 0.0)
    return float(sum(times) - idle - guests)
