"""What MODEL means where it need not be here: a file, an entry of the catalogue, a repository."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from app.cli.here import REPOSITORY, found_here
from app.cli.services import CliServices
from app.foundation.errors import ModelNotFound

if TYPE_CHECKING:
    from app.cli.services import Reach
    from app.hardware.profile import MachineProfile
    from app.inference.catalogue_planning import Subject
    from app.models.catalog import Catalogue
    from app.planner.wish import Wish


@dataclass(frozen=True, slots=True)
class Named:
    """A file that is here, or one that is not: exactly one of them."""

    path: Path | None = None
    word: str = ""


def named(word: str, services: CliServices) -> Named:
    """A path first, then a name that is known here; everything else is somewhere else."""
    path = found_here(word, services)
    if path is not None:
        return Named(path=path)
    from app.models.catalog import catalogue

    model = word.partition(":")[0]
    if catalogue(services.profile()).find(model) is None and not REPOSITORY.match(word):
        raise ModelNotFound(
            f"There is no model “{word}”.",
            "It is neither a file, nor the name of a model that Hearth knows, nor owner/name.",
            "See `hearth models list --all`, or give the path of a .gguf file.",
        )
    return Named(word=word)


def subject_for(
    word: str, services: CliServices, reach: Reach, wish: Wish, machine: MachineProfile | None
) -> Subject:
    """What a word means that names nothing here: `id[:quant]`, or `owner/repo[:file]`.

    May ask the hub which files a repository has, and read the header of one. Raises
    ModelNotFound, NetworkError and kin.
    """
    from app.inference.catalogue_planning import Subject, subject_of
    from app.inference.repository_planning import best_group
    from app.inference.repository_planning import subject_of as subject_in
    from app.models.answers import without_gguf
    from app.models.catalog import catalogue
    from app.models.remote_header import Place
    from app.models.repository import best_of, quant_in

    known = catalogue(services.profile())
    model, _, detail = word.partition(":")
    entry = known.find(model)
    if entry is not None:
        quant = detail or wish.quant
        if quant:
            return subject_of(entry, entry.file_of(quant))
        return subject_of(entry, reach.planning.chosen_file(entry, wish, machine=machine))
    listed = _in_catalogue(known, model, detail, wish.quant)
    if listed is not None:
        return listed
    if detail.lower().endswith(".gguf"):
        return Subject(Place(model, detail), quant_in(detail))
    info = reach.hub.repository(model)
    if not info.groups:
        raise without_gguf(info)
    if quant := detail or wish.quant:
        return subject_in(info, best_of(info.groups, quant))
    return subject_in(info, best_group(reach.planning, info, wish, machine=machine).group)


def _in_catalogue(
    catalogue: Catalogue, repo: str, detail: str, quant: str | None
) -> Subject | None:
    """A repository or file that the catalogue names: known without asking anybody."""
    from app.inference.catalogue_planning import subject_of

    wanted = detail or quant or ""
    for entry in catalogue.entries:
        for file in entry.files:
            if file.repo.lower() != repo.lower():
                continue
            if wanted in ("", file.name) or wanted.lower() == file.quant.lower():
                return subject_of(entry, file)
    return None
