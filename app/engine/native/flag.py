"""A flag that native code polls between graph nodes without ever entering Python.

llama.cpp calls the abort callback several hundred times a token. A Python callback would take
the interpreter lock each time, up to 5 ms when the window is busy, so the callback is libc's
`strlen` and its argument a C string that is empty until the flag is raised.
"""

from __future__ import annotations

import ctypes
import functools
import sys
from typing import Any


class AbortFlag:
    """Any thread may raise or lower it; one `AbortFlag` serves one context."""

    # strlen may read a whole vector register; the padding keeps that inside the buffer.
    _SIZE_BYTES = 128

    def __init__(self) -> None:
        self._buffer = (ctypes.c_char * self._SIZE_BYTES)()

    @property
    def address(self) -> int:
        """What to pass as the callback's user data; valid while this object lives."""
        return ctypes.addressof(self._buffer)

    @property
    def is_raised(self) -> bool:
        return self._buffer[0] != b"\0"

    def set(self) -> None:
        """Make the running decode stop at its next graph node."""
        self._buffer[0] = b"\1"

    def clear(self) -> None:
        self._buffer[0] = b"\0"


@functools.cache
def flag_reader() -> Any:
    """The C function `size_t strlen(const char *)`: non-zero exactly when the flag is raised."""
    runtime = ctypes.CDLL("msvcrt") if sys.platform == "win32" else ctypes.CDLL(None)
    return runtime.strlen
