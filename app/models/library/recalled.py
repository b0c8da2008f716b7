"""What a look found, seen together with what is remembered: verified or not, where from, and what
is gone. Pure.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from app.models.library.assemble import Model
from app.models.library.index import Memory
from app.models.library.kept import Kept
from app.models.library.names import shown
from app.models.library.scan import Look
from app.models.library.verifying import verified


def present_of(model: Model, memory: Memory, now_s: float) -> Model:
    """A model that is there, with what is known of its files."""
    kept = model.kept
    origin = memory.origins.get(str(kept.path))
    checked = memory.checked.get(str(kept.path))
    state = verified(model.files, memory)
    if origin is not None:
        kept = replace(
            kept,
            name=shown(origin.name) or kept.name,
            repo=origin.repo or kept.repo,
            revision=origin.revision or kept.revision,
            sha256=origin.sha256 or kept.sha256,
        )
    if not kept.sha256 and checked is not None and state == "yes":
        kept = replace(kept, sha256=checked.sha256)
    # The folder may be one that another program uses too: what that put there is not ours.
    is_ours = kept.source == "hearth" and (origin is not None or not model.is_shared)
    kept = replace(kept, verified=state, seen_at=now_s, is_ours=is_ours)
    if state == "failed" and kept.state == "ready":
        kept = replace(
            kept,
            state="damaged",
            problem="Its content is not what it should be. Download it again.",
        )
    elif state != "failed" and kept.problem.startswith("Its content is not what it should be"):
        kept = replace(kept, state="ready", problem="")
    return replace(model, kept=kept)


def gone_of(memory: Memory, look: Look, present: Iterable[Kept]) -> tuple[Kept, ...]:
    """What was there once, in a place that was looked at, and is not found now."""
    ids = {kept.id for kept in present}
    paths = {path for kept in present for path in (kept.path, *kept.also_at)}
    gone: list[Kept] = []
    for kept in memory.known.values():
        if kept.id in ids or kept.id in memory.hidden or kept.path in paths:
            continue
        place = look.place_of(kept.source, kept.path)
        if place is None:
            continue
        gone.append(replace(kept, state="gone", problem=_why(look.ended[place], str(place.path))))
    return tuple(sorted(gone, key=lambda kept: (kept.name.lower(), kept.id)))


def _why(ended: str, place: str) -> str:
    if ended == "absent":
        return f"The folder {place} is not there. Connect its disk, or forget the model."
    if ended == "silent":
        return f"{place} does not answer. Check the disk or network, and look again."
    if ended in ("slow", "cancelled"):
        return f"{place} was not looked at to its end. Look again."
    return "Its file was moved or removed. Forget the model, or put the file back."
