"""Whether this runs with rights that a person's own files must not get: on Windows alone.

The standard library alone; asked before anything else is imported.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from pathlib import Path


def is_raised() -> bool:
    """Started as administrator from where everybody's programs are. What any program of the
    person may write, such as a fetched version, would then run as administrator."""
    return is_administrator() and not _is_a_persons(Path(sys.executable), os.environ)


def is_administrator() -> bool:
    """On POSIX who owns a folder is looked at instead."""
    if os.name != "nt":
        return False
    import ctypes

    windows = getattr(ctypes, "windll")  # noqa: B009 - absent from the stubs elsewhere
    return bool(windows.shell32.IsUserAnAdmin())


def _is_a_persons(program: Path, environment: Mapping[str, str]) -> bool:
    """Whether the program itself is where the person may write."""
    own = environment.get("LOCALAPPDATA", "")
    return bool(own) and program.is_relative_to(own)
