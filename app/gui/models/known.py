"""The catalogue as the page's models. Any thread but the window's: reading it takes a moment."""

from __future__ import annotations

from functools import lru_cache

from app.foundation.paths import Profile
from app.gui.models.subjects import Model, Variant
from app.inference.catalogue_planning import subject_of
from app.models.catalog import Catalogue, Entry, File, catalogue, load, wanted_of
from app.models.facts import facts_of
from app.network.policy import HUB
from app.planner.quality import quality_of, tier_of


def catalogue_models(profile: Profile | None = None) -> tuple[Model, ...]:
    """Every chat model that can be planned for, its files from small to large; of the catalogue
    that a profile sees, or of the one that ships."""
    return _models(catalogue(profile) if profile is not None else load())


def catalogue_notes(profile: Profile) -> tuple[str, ...]:
    """What was wrong with a catalogue of the person's own, or one that was fetched."""
    return tuple(f"{each.title} {each.detail}" for each in catalogue(profile).problems)


@lru_cache(maxsize=2)
def _models(found: Catalogue) -> tuple[Model, ...]:
    return tuple(_model(entry) for entry in found.entries if entry.can_chat and entry.header)


def _model(entry: Entry) -> Model:
    files = sorted(entry.files, key=lambda file: file.bytes)
    return Model(
        name=entry.name,
        variants=tuple(_variant(entry, file) for file in files),
        sentence=entry.sentence,
        licence=entry.licence,
        licence_note=entry.licence_note,
        rank=entry.rank,
        uses=(*entry.capabilities, entry.family, entry.publisher),
        capabilities=entry.capabilities,
        repo=entry.default_file.repo,
    )


def _variant(entry: Entry, file: File) -> Variant:
    facts = facts_of(entry, file)
    override = tier_of(file.tier) if file.tier else None
    quality = quality_of(file.quant, n_params=facts.n_params, override=override)
    return Variant(
        facts,
        quality,
        file_name=file.name,
        address=address_of(file.repo, file.revision, file.name),
        wanted=wanted_of(entry, file),
        subject=subject_of(entry, file),
    )


def address_of(repo: str, revision: str, name: str) -> str:
    """Where a browser finds a file of the hub."""
    return f"https://{HUB}/{repo}/resolve/{revision or 'main'}/{name}"
