"""The catalogue as the planner takes it, and the models that people ask for by name."""

from __future__ import annotations

from functools import cache

from app.inference.catalogue_planning import candidates
from app.models.catalog import load
from app.planner.choose import Candidate

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
    return candidates(load())


@cache
def files_of(entry: str) -> tuple[Candidate, ...]:
    """The files of one model of the catalogue."""
    found = load().find(entry)
    assert found is not None, f"{entry} is not in the catalogue"
    return tuple(one for one in all_candidates() if one.model == found.name)
