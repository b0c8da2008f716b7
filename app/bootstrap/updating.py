"""Builds what updates Hearth, when it is first asked for. Nothing is connected before that."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from app import __version__
from app.foundation.build import build
from app.foundation.launcher import first_version
from app.foundation.paths import program_folder
from app.foundation.runtimes import own_runtime

if TYPE_CHECKING:
    from app.network.client import Client
    from app.network.signed import SignedSource
    from app.updates.updates import Updates


def updates(
    client: Callable[[], Client],
    most_bytes_per_s: Callable[[], int],
    source: SignedSource | None = None,
) -> Updates:
    """For this user's folder of versions. Raises RuntimeError where nobody's home is."""
    from app.updates.fetching import Fetching
    from app.updates.golden import check_runtime
    from app.updates.program import Program
    from app.updates.runtime import RuntimeUpdates
    from app.updates.source import Source
    from app.updates.sources import program_source
    from app.updates.updates import Updates

    folder = program_folder()
    executable = Path(sys.executable) if getattr(sys, "frozen", False) else None
    return Updates(
        Source(folder, client, source or program_source()),
        Fetching(folder, client, most_bytes_per_s),
        Program(folder, __version__, executable, first_version()),
        RuntimeUpdates(folder, own_runtime(), _bindings(), check_runtime),
    )


def _bindings() -> str:
    """The version of llama-cpp-python inside: a runtime is bound to it by the layout of C."""
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version("llama-cpp-python")
    except PackageNotFoundError:  # a bundle comes without the package's metadata
        known = build()
        return known.llama_cpp if known is not None else ""
