"""The body of the child "probe": what llama.cpp can compute on here, one stage a child.

Its own process, because drivers and instructions may end it. Knows no ledger and no verdicts:
`hardware.stages` asks, in order, with a deadline for each.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

JsonObject = dict[str, Any]
Progress = Callable[[JsonObject], None]


def answer(request: JsonObject, progress: Progress) -> JsonObject:
    """What the stage named in `request["stage"]` found.

    Progress is `{"step": what comes next}`, so that a death can be placed. Raises
    NotPossibleHere where llama.cpp itself cannot be loaded, ChildFailed where a stage fails.
    """
    from app.engine.probe import devices, folder, processor, tokens

    stages: dict[str, Callable[[JsonObject, Progress], JsonObject]] = {
        "runtime": folder.answer,
        "processor": processor.answer,
        "module": devices.answer,
        "device": tokens.answer,
    }
    return stages[request["stage"]](request, progress)
