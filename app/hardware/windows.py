"""What only Windows tells: the registry for the processor's name."""

from __future__ import annotations

import sys

from app.hardware.profile import Unknown

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
