"""How short of memory the computer is now, and where its power comes from: cheap to ask.

Reads a few small files; starts nothing and asks no driver. Decides nothing.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from app.hardware.probe import memory, power
from app.hardware.profile import known

_PRESSURE = "proc/pressure/memory"
_ROOT = Path("/")


@dataclass(frozen=True, slots=True)
class Moment:
    """Bytes of main memory, 0 where the system does not say. `stalled_percent` is the share of
    the last ten seconds in which some program waited for memory (Linux; None elsewhere).
    `power` is "mains", "battery" or ""."""

    total_bytes: int
    available_bytes: int
    stalled_percent: float | None = None
    power: str = ""


def moment(root: Path = _ROOT) -> Moment:
    """The computer as it is now."""
    main = memory()
    total = known(main.total_bytes, 0)
    if main.limit_bytes is not None:
        total = min(total, known(main.limit_bytes, total))
    return Moment(
        total,
        known(main.available_bytes, 0),
        stalled_percent(root),
        known(power().source, ""),
    )


def stalled_percent(root: Path) -> float | None:
    """`some avg10` of /proc/pressure/memory (kernel 4.20 and later, where it is switched on)."""
    try:
        text = (root / _PRESSURE).read_text("ascii", "replace")
    except OSError:
        return None
    found = re.search(r"^some avg10=([0-9.]+)", text, re.M)
    try:
        return float(found.group(1)) if found else None
    except ValueError:
        return None
