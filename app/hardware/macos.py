"""What only macOS tells: `sysctl` for the processor's name and its performance cores."""

from __future__ import annotations

import subprocess

from app.hardware.profile import Unknown

_DEADLINE_S = 5.0


def processor_model() -> str | Unknown:
    """`machdep.cpu.brand_string`, for example "Apple M3 Pro"."""
    text = _sysctl("machdep.cpu.brand_string")
    return text or Unknown("sysctl does not name the processor")


def performance_cores() -> int | None:
    """Cores of the fastest kind (`hw.perflevel0.physicalcpu`); None where all are alike."""
    text = _sysctl("hw.perflevel0.physicalcpu")
    return int(text) if text.isdigit() else None


def _sysctl(name: str) -> str:
    try:
        done = subprocess.run(
            ["/usr/sbin/sysctl", "-n", name],
            capture_output=True,
            text=True,
            timeout=_DEADLINE_S,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout.strip()
