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


def performance_cores() -> int | None:
    """Cores of the fastest kind, by GetLogicalProcessorInformationEx; None where all are alike."""
    if sys.platform == "win32":
        import ctypes

        ask = ctypes.WinDLL("kernel32", use_last_error=True).GetLogicalProcessorInformationEx
        size = ctypes.c_ulong(0)
        ask(_RELATION_PROCESSOR_CORE, None, ctypes.byref(size))
        buffer = ctypes.create_string_buffer(size.value)
        if not ask(_RELATION_PROCESSOR_CORE, buffer, ctypes.byref(size)):
            return None
        return fastest_cores(buffer.raw[: size.value])
    else:
        return None


def fastest_cores(records: bytes) -> int | None:
    """How many cores have the highest efficiency class, which is the fastest kind.

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
    return classes.count(max(classes)) if len(set(classes)) > 1 else None
