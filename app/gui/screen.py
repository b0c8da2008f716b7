"""Whether a window can be opened here, found out before Qt is asked: Qt ends the process if not.

Linux alone; on the main thread, in a few milliseconds. Knows no window.
"""

from __future__ import annotations

import ctypes
import os
import socket
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path

from PySide6.QtCore import QLibraryInfo

from app.foundation.errors import NoDisplay
from app.foundation.libraries import missing_library

_TITLE = "There is no screen to open a window on."
_REMEDY = "Start Hearth from a desktop session, or ask in the terminal: hearth ask “…”."
_PATIENCE_S = 2.0


def require_screen() -> Callable[[], None]:
    """What lets go of the screen again, once Qt has it: an X server with nobody left begins anew,
    and takes no one meanwhile. Raises NoDisplay, or NotPossibleHere where a library is missing."""
    if not sys.platform.startswith("linux") or _is_of_another_kind():
        return _nothing
    display, wayland = os.environ.get("DISPLAY"), os.environ.get("WAYLAND_DISPLAY")
    if not display and not wayland:
        raise NoDisplay(_TITLE, "Neither DISPLAY nor WAYLAND_DISPLAY is set.", _REMEDY)
    if os.environ.get("WAYLAND_SOCKET") or (wayland and _compositor_answers(wayland)):
        return _nothing
    if not display:
        raise NoDisplay(_TITLE, f"Nothing answers at WAYLAND_DISPLAY, “{wayland}”.", _REMEDY)
    _require_libraries()
    release = _connected_to_x()
    if release is None:
        detail = f"The display “{display}” does not answer, or does not take this user’s windows."
        raise NoDisplay(_TITLE, detail, _REMEDY)
    return release


def _nothing() -> None:
    """Nothing is held."""


def _is_of_another_kind() -> bool:
    """A person or a test named a platform that needs neither X nor Wayland."""
    named = os.environ.get("QT_QPA_PLATFORM", "")
    return bool(named) and not any(kind in named for kind in ("xcb", "wayland"))


def _compositor_answers(name: str) -> bool:
    """An absolute path, or a name in the folder of the session, as libwayland reads it."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as asked:
        asked.settimeout(_PATIENCE_S)
        try:
            asked.connect(str(Path(os.environ.get("XDG_RUNTIME_DIR", ""), name)))
        except OSError:
            return False
    return True


def _require_libraries() -> None:
    """Load the plug-in that Qt is about to load; the loader says which library is missing."""
    plugins = Path(QLibraryInfo.path(QLibraryInfo.LibraryPath.PluginsPath))
    plugin = plugins / "platforms" / "libqxcb.so"
    if not plugin.is_file():
        return
    try:
        ctypes.CDLL(str(plugin))
    except OSError as error:
        missing = missing_library(error)
        if missing is not None:
            raise missing from error


def _connected_to_x() -> Callable[[], None] | None:
    """What ends the connection; None where there is none to be had."""
    try:
        xcb = ctypes.CDLL("libxcb.so.1")
    except OSError:
        return _nothing  # whatever Qt was built with then, it is for Qt to say
    xcb.xcb_connect.restype = ctypes.c_void_p
    xcb.xcb_connection_has_error.argtypes = [ctypes.c_void_p]
    xcb.xcb_disconnect.argtypes = [ctypes.c_void_p]
    connection = xcb.xcb_connect(None, None)
    if not xcb.xcb_connection_has_error(connection):
        return partial(xcb.xcb_disconnect, connection)
    xcb.xcb_disconnect(connection)
    return None
