"""What only Windows tells: the processor's name and its kinds of cores."""

from __future__ import annotations

import struct
import sys

from app.hardware.profile import Unknown

_RELATION_PROCESSOR_CORE = 0
_KEY = r"HARDWARE\DESCRIPTION\System\CentralProcessor\0"


def processor_model() -> str | Unknown:
    """`ProcessorNameString` under HKEY_LOCAL_MACHINE."""
    if sys.platform == "win32":
        import winreg

        try:
            with winreg.OpenKey(winreg.HKEY_LOCAL_MACHINE, _KEY) as key:
                return str(winreg.QueryValueEx(key, "ProcessorNameString")[0]).strip()
        except OSError as error:
            return Unknown(f"the registry cannot be read ({error.strerror})")
    else:
        return Unknown("this is not Windows")


def core_kinds() -> tuple[int, int] | None:
    """Physical cores of the fast kinds and of the slowest one, by
    GetLogicalProcessorInformationEx; None where all are alike."""
    if sys.platform == "win32":
        import ctypes

        ask = ctypes.WinDLL("kernel32", use_last_error=True).GetLogicalProcessorInformationEx
        size = ctypes.c_ulong(0)
        ask(_RELATION_PROCESSOR_CORE, None, ctypes.byref(size))
        buffer = ctypes.create_string_buffer(size.value)
        if not ask(_RELATION_PROCESSOR_CORE, buffer, ctypes.byref(size)):
            return None
        return kinds_of(buffer.raw[: size.value])
    else:
        return None


def kinds_of(records: bytes) -> tuple[int, int] | None:
    """Cores by efficiency class, which is higher for faster kinds; the lowest is the slow one.

    `records` are SYSTEM_LOGICAL_PROCESSOR_INFORMATION_EX of cores: relation and size of the
    record (4 bytes each), flags, and the class (1 byte each). None where all are alike.
    """
    classes = []
    offset = 0
    while offset + 10 <= len(records):
        relation, size, _flags, efficiency = struct.unpack_from("<IIBB", records, offset)
        if size == 0:
            break
        if relation == _RELATION_PROCESSOR_CORE:
            classes.append(efficiency)
        offset += size
    if len(set(classes)) < 2:
        return None
    n_slow = classes.count(min(classes))
    return len(classes) - n_slow, n_slow
