"""Bytes, durations and rates as people say them. Pure; the window adds the locale."""

from __future__ import annotations

KIB = 1024
MIB = 1024 * KIB
GIB = 1024 * MIB


def bytes_text(n_bytes: int) -> str:
    """A size in decimal units, as file managers and download pages show it: `4.9 GB`."""
    if n_bytes < 1000:
        return f"{n_bytes} bytes"
    value, text = float(n_bytes), ""
    for unit in ("kB", "MB", "GB", "TB", "PB"):
        value /= 1000
        digits = 0 if unit == "kB" or value >= 99.95 else 1
        text = f"{value:.{digits}f}"
        if float(text) < 1000:
            return f"{text} {unit}"
    return f"{text} PB"


def duration_text(seconds: float) -> str:
    """A duration in the one or two units that matter: `45 seconds`, `3 minutes`, `2 h 5 min`."""
    if seconds < 1:
        return "less than a second"
    if seconds < 90:
        whole = round(seconds)
        return "1 second" if whole == 1 else f"{whole} seconds"
    minutes = round(seconds / 60)
    if minutes < 90:
        return f"{minutes} minutes"
    hours, rest = divmod(minutes, 60)
    return f"{hours} h {rest} min" if rest else f"{hours} h"


def rate_text(tokens_per_second: float) -> str:
    """Tokens per second with the digits that mean something."""
    digits = 1 if tokens_per_second < 20 else 0
    return f"{tokens_per_second:.{digits}f} tokens/s"
