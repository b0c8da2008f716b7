"""The body of the child "quantize": a model's file is written anew in a smaller type.

Its own process, because llama.cpp computes for minutes without a way to stop, and aborts on some
files. Whoever asked names the target, checks the result and ends this process to cancel.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

from app.foundation.errors import RequestFailed
from app.foundation.priority import give_way, go_first, has_few_cores

JsonObject = dict[str, Any]

_PROGRESS_S = 0.2


def answer(request: JsonObject, progress: Callable[[JsonObject], None]) -> JsonObject:
    """`request` has `source`, `target`, and `file_type` (a value of enum llama_ftype).

    Progress is `{"bytes": written so far}`; answers `bytes`, the size of the target. Raises
    RequestFailed with what llama.cpp says.
    """
    from app.engine.native import open_library
    from app.engine.native.quantize import quantize

    source, target = Path(request["source"]), Path(request["target"])
    go_first()
    give_way()
    library = open_library()
    library.log.clear()
    with _Watch(target, progress):
        try:
            quantize(library, source, target, int(request["file_type"]), n_threads=_threads())
        except RuntimeError as error:
            raise _failed(library.log.errors()) from error
    return {"bytes": _written(target)}


class _Watch:
    """Tells a few times a second how much has been written."""

    def __init__(self, target: Path, progress: Callable[[JsonObject], None]) -> None:
        self._target = target
        self._progress = progress
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, name="written", daemon=True)

    def __enter__(self) -> None:
        self._thread.start()

    def __exit__(self, *_: object) -> None:
        # Joined before the answer is sent: two threads must not write one line.
        self._ended.set()
        self._thread.join()

    def _run(self) -> None:
        told = -1
        while not self._ended.wait(_PROGRESS_S):
            if (n_bytes := _written(self._target)) != told:
                told = n_bytes
                self._progress({"bytes": n_bytes})


def _written(target: Path) -> int:
    try:
        return target.stat().st_size
    except OSError:
        return 0


def _threads() -> int:
    """One a core that may be used; from six cores up one is left to the person."""
    usable = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    count = usable or 1
    return count if has_few_cores() else max(1, count - 1)


def _failed(reasons: list[str]) -> RequestFailed:
    return RequestFailed(
        "The model could not be made smaller.",
        f"llama.cpp says: {'; '.join(reasons) or 'nothing'}.",
        "Check that the file is complete, or choose another type.",
    )
