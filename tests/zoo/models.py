"""The catalogue as the planner takes it, and the models that people ask for by name."""

from __future__ import annotations

from functools import cache

from app.models.catalog import load
from app.models.facts import facts_of
from app.planner.choose import Candidate
from app.planner.quality import quality_of, tier_of

WELL_KNOWN = (
    "llama-3.2-1b",
    "qwen3.5-4b",
    "granite-4.1-8b",
    "gpt-oss-20b",
    "qwen3.6-35b-a3b",
    "llama-3.3-70b",
)
"""One of each size that people ask for by name, from a netbook's to a workstation's."""


@cache
def all_candidates() -> tuple[Candidate, ...]:
    """Every file of the catalogue that can be planned."""
    found = []
    for entry in load().entries:
        if entry.header is None:
            continue
        for file in entry.files:
            facts = facts_of(entry, file)
            quality = quality_of(
                file.quant,
                n_params=facts.n_params,
                override=tier_of(file.tier) if file.tier else None,
            )
            found.append(Candidate(entry.name, entry.rank, facts, file.name, quality))
    return tuple(found)


@cache
def files_of(entry: str) -> tuple[Candidate, ...]:
    """The files of one model of the catalogue."""
    found = load().find(entry)
    assert found is not None, f"{entry} is not in the catalogue"
    return tuple(one for one in all_candidates() if one.model == found.name)
