"""Whether this start was told to stay offline: by `--offline` or by the environment.

Asked by `policy` for every address, on any thread. Knows no settings: the switch there is its own.
"""

from __future__ import annotations

import os
from typing import Final

VARIABLE: Final = "HEARTH_OFFLINE"
"""Children read it too, and `--offline` sets it for them."""
_HUB_LIBRARY: Final = "HF_HUB_OFFLINE"
_OFF: Final = frozenset({"", "0", "false", "no", "off"})
_BY_OPTION: Final = "--offline"


def is_forced() -> bool:
    """Whether nothing may be asked until the next start, whatever the settings say."""
    return os.environ.get(VARIABLE, "").strip().lower() not in _OFF


def forced_by() -> str:
    """What a person would have to leave out to be online again; "" where nothing forces it."""
    if not is_forced():
        return ""
    return _BY_OPTION if os.environ[VARIABLE] == _BY_OPTION else VARIABLE


def settle(asked: bool) -> None:
    """Before anything else starts: hold what `--offline` or the environment says from now on.

    The hub library has a switch of its own and reads it once, when it is imported.
    """
    if asked and not is_forced():
        os.environ[VARIABLE] = _BY_OPTION
    if is_forced():
        os.environ[_HUB_LIBRARY] = "1"
