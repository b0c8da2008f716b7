"""The catalogue as the page's models. Any thread but the window's: reading it takes a moment."""

from __future__ import annotations

from functools import cache

from app.gui.models.subjects import Model, Variant
from app.models.catalog import Entry, File, load
from app.models.facts import facts_of
from app.planner.quality import quality_of, tier_of


@cache
def catalogue_models() -> tuple[Model, ...]:
    """Every entry that can be planned for, its files from small to large."""
    return tuple(_model(entry) for entry in load().entries if entry.header is not None)


def _model(entry: Entry) -> Model:
    files = sorted(entry.files, key=lambda file: file.bytes)
    return Model(
        name=entry.name,
        variants=tuple(_variant(entry, file) for file in files),
        sentence=entry.sentence,
        licence=entry.licence,
        rank=entry.rank,
        uses=(*entry.capabilities, entry.family, entry.publisher),
    )


def _variant(entry: Entry, file: File) -> Variant:
    facts = facts_of(entry, file)
    override = tier_of(file.tier) if file.tier else None
    quality = quality_of(file.quant, n_params=facts.n_params, override=override)
    revision = file.revision or "main"
    return Variant(
        facts,
        quality,
        file_name=file.name,
        address=f"https://huggingface.co/{file.repo}/resolve/{revision}/{file.name}",
        entry=(entry, file),
    )
