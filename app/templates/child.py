"""Body of the resident child "template": renders templates whose hash is not known.

Runs on the main thread of its own process, under the parent's limits on time and memory.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from app.protocol.chat import Message
from app.templates.composition import compose
from app.templates.inspection import remarks


def answer(request: dict[str, Any], progress: Callable[[dict[str, Any]], None]) -> dict[str, Any]:
    """`source`, `messages` as pairs of role and text, `bos`, `eos` → `pieces` and `notes`.

    Raises TemplateFailed, which the parent gets as such.
    """
    messages = [Message(role, text) for role, text in request["messages"]]
    composed = compose(request["source"], messages, request["bos"], request["eos"])
    return {
        "pieces": [[piece.text, piece.is_template] for piece in composed.pieces],
        "notes": [*composed.notes, *remarks(request["source"])],
    }
