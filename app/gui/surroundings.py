"""What Qt is to take from the environment, and what programs that Hearth opens are given of it.

Main thread, around the making of the application. Knows no window.
"""

from __future__ import annotations

import os
import sys
from typing import Final

#: Where the bundle's start keeps what the person had set, before it names its own folders to Qt.
KEPT: Final = "hearth_environment"


def choose_input_method() -> None:
    """Qt's wheels bring no plug-in for Fcitx, without which nobody could write Chinese by it; but
    Fcitx answers as IBus does, for which there is one."""
    wanted = os.environ.get("QT_IM_MODULE", "")
    if wanted.startswith("fcitx") and not os.environ.get("QT_IM_MODULES"):
        os.environ["QT_IM_MODULES"] = f"{wanted};ibus"


def give_back() -> None:
    """Qt has found its plug-ins: a browser or a file manager that is opened must find its own."""
    kept: dict[str, str | None] = getattr(sys, KEPT, {})
    for name, before in kept.items():
        if before is None:
            os.environ.pop(name, None)
        else:
            os.environ[name] = before
