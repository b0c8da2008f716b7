"""What MODEL means where it need not be here: a file, an entry of the catalogue, a repository."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from app.cli.commands.models import model_path
from app.cli.services import CliServices
from app.foundation.errors import ModelNotFound
from app.foundation.paths import person_path

if TYPE_CHECKING:
    from app.cli.services import Reach
    from app.hardware.profile import MachineProfile
    from app.inference.catalogue_planning import Subject
    from app.models.catalog import Catalogue
    from app.planner.wish import Wish

_REPOSITORY = re.compile(r"([^/:\\ ]+/[^/:\\ ]+)(?::(.+))?\Z")


@dataclass(frozen=True, slots=True)
class Named:
    """A file that is here, or one that is not: exactly one of them."""

    path: Path | None = None
    word: str = ""


def named(word: str, services: CliServices) -> Named:
    """A path first, then a name that is known here; everything else is somewhere else."""
    if os.path.exists(person_path(word)):
        return Named(path=model_path(word, services))
    try:
        return Named(path=model_path(word, services))
    except ModelNotFound:
        from app.models.catalog import load

        model = word.partition(":")[0]
        if load().find(model) is None and not _REPOSITORY.match(word):
            raise ModelNotFound(
                f"There is no model “{word}”.",
                "It is neither a file, nor the name of a model that Hearth knows, nor owner/name.",
                "See `hearth models list --all`, or give the path of a .gguf file.",
            ) from None
        return Named(word=word)


def subject_for(word: str, reach: Reach, wish: Wish, machine: MachineProfile | None) -> Subject:
    """What a word means that names nothing here: `id[:quant]`, or `owner/repo[:file]`.

    May ask the hub which files a repository has. Raises ModelNotFound, NetworkError and kin.
    """
    from app.inference.catalogue_planning import Subject, subject_of
    from app.models.catalog import load
    from app.models.remote_header import Place
    from app.models.repository import best_of, quant_in

    catalogue = load()
    model, _, detail = word.partition(":")
    entry = catalogue.find(model)
    if entry is not None:
        quant = detail or wish.quant
        if quant:
            return subject_of(entry, entry.file_of(quant))
        return subject_of(entry, reach.planning.chosen_file(entry, wish, machine=machine))
    known = _in_catalogue(catalogue, model, detail, wish.quant)
    if known is not None:
        return known
    if not detail:
        file = best_of(reach.hub.files(model), wish.quant)
        return Subject(Place(model, file.name), file.quant)
    if not detail.lower().endswith(".gguf"):
        file = best_of(reach.hub.files(model), detail)
        return Subject(Place(model, file.name), file.quant)
    return Subject(Place(model, detail), quant_in(detail))


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
