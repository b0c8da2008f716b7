"""Whether the system asks for less motion. Asked once, when something first wants to move.

Qt 6.11 has no word for it, so each system is asked in its own. GUI thread; a few tiny reads.
"""

from __future__ import annotations

import sys
from functools import cache
from pathlib import Path

from PySide6.QtCore import QSettings, QStandardPaths

_SPI_GETCLIENTAREAANIMATION = 0x1042


@cache
def motion_allowed() -> bool:
    """False when animations are switched off for the whole system."""
    if sys.platform == "win32":
        return _windows_allows()
    if sys.platform == "darwin":
        path = Path.home() / "Library/Preferences/com.apple.universalaccess.plist"
        settings = QSettings(str(path), QSettings.Format.NativeFormat)
        return not _truth(settings.value("reduceMotion"), default=False)
    return _desktop_allows()


def _windows_allows() -> bool:
    import ctypes

    enabled = ctypes.c_int(1)
    user32 = getattr(ctypes, "windll").user32  # noqa: B009 - absent from the stubs elsewhere
    user32.SystemParametersInfoW(_SPI_GETCLIENTAREAANIMATION, 0, ctypes.byref(enabled), 0)
    return bool(enabled.value)


def _desktop_allows() -> bool:
    """GTK's and KDE's own files, which the desktop's settings dialogs write."""
    place = QStandardPaths.StandardLocation.GenericConfigLocation
    config = Path(QStandardPaths.writableLocation(place))
    for folder in ("gtk-4.0", "gtk-3.0"):
        gtk = QSettings(str(config / folder / "settings.ini"), QSettings.Format.IniFormat)
        if not _truth(gtk.value("Settings/gtk-enable-animations"), default=True):
            return False
    kde = QSettings(str(config / "kdeglobals"), QSettings.Format.IniFormat)
    try:
        return float(str(kde.value("KDE/AnimationDurationFactor", "1"))) > 0
    except ValueError:
        return True


def _truth(value: object, *, default: bool) -> bool:
    if value is None:
        return default
    return str(value).strip().lower() in ("1", "true", "yes")
