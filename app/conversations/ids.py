"""Identifiers of stored things: version 7 UUIDs as text, so that they sort by time of birth.

Safe from any thread. Knows nothing of what it names.
"""

from __future__ import annotations

import os
import threading
import time

_lock = threading.Lock()
_last = 0


def new_id(*after: str | None) -> str:
    """A UUID of version 7 (RFC 9562, 5.7) in its 36-character form.

    Greater, as text, than every identifier made before in this process and than each of
    `after`, also when the clock stepped back: the 74 bits beside the timestamp count up from a
    random start.
    """
    global _last
    stamp = time.time_ns() // 1_000_000
    with _lock:
        last = max(_last, *map(_number, after), 0)
        fresh = (stamp << 74) | _random_bits(73)
        _last = fresh if fresh > last else last + 1 + _random_bits(32)
        value = _last
    return _text(value)


def _random_bits(n: int) -> int:
    return int.from_bytes(os.urandom(10)) >> 80 - n


def _text(value: int) -> str:
    stamp, rest = value >> 74 & (1 << 48) - 1, value & (1 << 74) - 1
    number = stamp << 80 | 7 << 76 | rest >> 62 << 64 | 2 << 62 | rest & (1 << 62) - 1
    digits = f"{number:032x}"
    return "-".join((digits[:8], digits[8:12], digits[12:16], digits[16:20], digits[20:]))


def _number(text: str | None) -> int:
    """The 122 counted bits of an identifier; 0 of anything else, which then orders nothing.

    Something else is also what says to be from after the year 6429: counting on from it would
    run out of numbers.
    """
    try:
        number = int(text.replace("-", ""), 16) if text else 0
    except ValueError:
        return 0
    stamp, high, low = number >> 80, number >> 64 & 0xFFF, number & (1 << 62) - 1
    return 0 if stamp >> 47 else stamp << 74 | high << 62 | low
