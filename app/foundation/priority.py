"""Giving way: how a busy thread leaves the computer usable, and which process goes first when
memory ends. Any thread, about itself only.

Linux keeps a niceness for each thread, and a thread starts with that of its maker: the threads
that llama.cpp starts for computing follow the engine's. On Windows and macOS only the calling
thread, which computes too, gives way; the others are left as they are.
"""

from __future__ import annotations

import contextlib
import os
import sys
import threading
from pathlib import Path
from typing import Final

MANY_CORES: Final = 6
"""From so many cores up one is left to the person instead (`planner.speed.threads_for`)."""
NICENESS: Final = 5
_BELOW_NORMAL = -1  # THREAD_PRIORITY_BELOW_NORMAL
_QOS_UTILITY = 0x11  # QOS_CLASS_UTILITY
_GOES_FIRST = "1000"


def has_few_cores() -> bool:
    """True where computing takes every core there is."""
    import psutil

    usable = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return min(psutil.cpu_count(logical=False) or 1, usable or 1) < MANY_CORES


def give_way() -> None:
    """Let every other program and our own window go before the calling thread.

    There is no way back without rights: for threads that compute and do nothing else.
    """
    with contextlib.suppress(OSError, AttributeError):
        if sys.platform == "win32":
            import ctypes

            kernel = ctypes.WinDLL("kernel32")
            kernel.GetCurrentThread.restype = ctypes.c_void_p
            kernel.SetThreadPriority.argtypes = [ctypes.c_void_p, ctypes.c_int]
            kernel.SetThreadPriority(kernel.GetCurrentThread(), _BELOW_NORMAL)
        elif sys.platform == "darwin":
            import ctypes

            ctypes.CDLL(None).pthread_set_qos_class_self_np(_QOS_UTILITY, 0)
        elif sys.platform == "linux":
            thread = threading.get_native_id()
            if os.getpriority(os.PRIO_PROCESS, thread) < NICENESS:
                os.setpriority(os.PRIO_PROCESS, thread, NICENESS)


def go_first() -> None:
    """Where memory runs out, the system is to end this process before any other (Linux)."""
    if sys.platform == "linux":
        with contextlib.suppress(OSError):
            Path("/proc/self/oom_score_adj").write_text(_GOES_FIRST)
