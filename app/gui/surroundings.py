"""What Qt is to take from the environment, and what programs that Hearth opens are given of it.

Main thread, around the making of the application. Knows no window.
"""

from __future__ import annotations

import os

from app.foundation.own_environment import without_our_own


def choose_input_method() -> None:
    """Qt's wheels bring no plug-in for Fcitx, without which nobody could write Chinese by it; but
    Fcitx answers as IBus does, for which there is one."""
    wanted = os.environ.get("QT_IM_MODULE", "")
    if wanted.startswith("fcitx") and not os.environ.get("QT_IM_MODULES"):
        os.environ["QT_IM_MODULES"] = f"{wanted};ibus"


def give_back() -> None:
    """Qt has found its plug-ins: a browser or a file manager that is opened must find its own."""
    theirs = without_our_own()
    for name in set(os.environ) - set(theirs):
        del os.environ[name]
    os.environ.update(theirs)
