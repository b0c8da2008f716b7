"""The files of a repository as lines of a list, before and after it is known how they run. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from app.gui.models.files import FileLine
from app.gui.models.hub.asking import Weighed
from app.gui.models.words import quality_words, verdict_of
from app.models.offered import RepositoryInfo
from app.planner.quality import quality_of


def file_lines(
    info: RepositoryInfo, weighed: Weighed | None, here: Sequence[bool]
) -> list[FileLine]:
    """One line a group; `here` says which of them are on this computer."""
    plans = weighed.plans if weighed is not None else ()
    model = weighed.model if weighed is not None else None
    lines = []
    for at, group in enumerate(info.groups):
        n_params = model.variants[at].facts.n_params if model is not None else 0
        quality = quality_of(group.quant, n_params=n_params) if group.quant else None
        lines.append(
            FileLine(
                quant=group.quant,
                n_bytes=group.bytes,
                quality=quality_words(quality.tier) if quality is not None else "",
                verdict=verdict_of(plans[at]) if plans else None,
                n_parts=len(group.parts),
                is_here=here[at],
                name=group.name,
            )
        )
    return lines
