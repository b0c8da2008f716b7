"""Identifiers of stored things: version 7 UUIDs as text, so that they sort by time of birth.

Safe from any thread. Knows nothing of what it names.
"""

from __future__ import annotations

import secrets
import threading
import time
import uuid

_lock = threading.Lock()
_last = 0


def new_id() -> str:
    """A UUID of version 7 (RFC 9562, 5.7) in its 36-character form.

    Later calls in one process give greater texts, also within a millisecond and when the
    clock steps back: the 74 bits beside the timestamp count up from a random start.
    """
    global _last
    stamp = time.time_ns() // 1_000_000
    with _lock:
        fresh = (stamp << 74) | secrets.randbits(73)
        _last = fresh if fresh > _last else _last + 1 + secrets.randbits(32)
        value = _last
    stamp_bits, rest = value >> 74, value & ((1 << 74) - 1)
    rand_a, rand_b = rest >> 62, rest & ((1 << 62) - 1)
    number = ((stamp_bits & ((1 << 48) - 1)) << 80) | (0x7 << 76) | (rand_a << 64)
    return str(uuid.UUID(int=number | (0b10 << 62) | rand_b))
