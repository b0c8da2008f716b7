"""What MODEL means where it must be here: a file, the built-in model, or a name in the library."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import TYPE_CHECKING, Final

from app.cli.services import CliServices
from app.foundation.errors import InvalidInput, ModelNotFound
from app.foundation.paths import person_path, resource
from app.protocol.model_ref import BUILT_IN, ModelRef

if TYPE_CHECKING:
    from app.models.entries import Entry
    from app.models.library.kept import Kept

REPOSITORY: Final = re.compile(r"([^/:\\ ]+/[^/:\\ ]+)(?::(.+))?\Z")
_GUIDE_NAMES: Final = frozenset({BUILT_IN, "guide", "guide.gguf"})
_MOST_NAMED: Final = 8


def model_ref(word: str | None, services: CliServices) -> ModelRef:
    """The model that `word` names: a path first, then a name. None is the built-in one.

    Raises ModelNotFound, which says how to get what could be had.
    """
    if word is None:
        return ModelRef()
    path = found_here(word, services)
    if path is None:
        raise not_here(word, services)
    return ModelRef() if path == _guide() else ModelRef(str(path))


def model_path(word: str | None, services: CliServices) -> Path:
    """The file of the model that `word` names."""
    ref = model_ref(word, services)
    return _guide() if ref.is_built_in else Path(ref.name)


def found_here(word: str, services: CliServices) -> Path | None:
    """The file that a word names, or None. Looks into the library only where it must.

    Raises ModelNotFound for a model of the library whose file is gone.
    """
    path = person_path(word)
    # Not Path.exists: that raises where a name is too long or a folder may not be looked into.
    if os.path.exists(path):
        return path.absolute()
    if word.lower() in _GUIDE_NAMES:
        return _guide()
    found = kept_of(word, services)
    if not found:
        return None
    if found[0].state == "gone":
        raise ModelNotFound(
            f"{found[0].name} is gone.",
            f"It was at {found[0].path}.",
            "Bring the file back, or connect the disk it is on.",
        )
    return found[0].path


def kept_of(word: str, services: CliServices) -> tuple[Kept, ...]:
    """The library's models of that name, the best match first: by the library's own names, else
    by an id of the catalogue or a repository that they came from."""
    from app.models.library.use import find

    library = services.library()
    path = person_path(word)
    named = str(path.absolute()) if os.path.exists(path) else word
    best = library.find(named)
    if best is not None:
        others = [kept for kept in library.shelf().models if kept != best and find((kept,), named)]
        return (best, *others)
    return tuple(kept for kept in library.shelf().models if _comes_from(kept, word, services))


def the_one(word: str, services: CliServices, *, doing: str) -> Kept:
    """The one model of the library that a word names, for what must not hit another one.

    Raises ModelNotFound; InvalidInput for the built-in model and for a word that names several.
    """
    if word.lower() in _GUIDE_NAMES and not os.path.exists(person_path(word)):
        raise InvalidInput(
            f"The built-in model cannot be {doing}.",
            "It comes with Hearth and stays with it.",
            "Name another one; see: hearth models list",
        )
    found = kept_of(word, services)
    if not found:
        raise not_here(word, services)
    if len(found) > 1:
        places = ", ".join(str(kept.path) for kept in found[:_MOST_NAMED])
        raise InvalidInput(
            f"“{word}” names {len(found)} models.",
            f"They are {places}{' and others' if len(found) > _MOST_NAMED else ''}.",
            "Give the path of the one that you mean.",
        )
    return found[0]


def not_here(word: str, services: CliServices) -> ModelNotFound:
    """Why there is no such model on this computer, and how to come by it."""
    model, _, detail = word.partition(":")
    entry = _entry(model, services)
    if entry is not None:
        if detail:
            entry.file_of(detail)  # one that there is not is said first
        return ModelNotFound(
            f"{entry.name} is not on this computer yet.",
            f"“{entry.id}” is in the catalogue; nothing was downloaded.",
            f"Get it with: hearth models get {word}",
        )
    if REPOSITORY.match(word):
        return ModelNotFound(
            f"There is no model “{word}” on this computer.",
            "It is no file that is here; it may be a repository on the hub.",
            f"See how it would run: hearth plan {word}. Get it with: hearth models get {word}",
        )
    return ModelNotFound(
        f"There is no model “{word}”.",
        "It is neither a file nor the name of a model that Hearth knows.",
        "Check the path, or see `hearth models list --all`.",
    )


def _guide() -> Path:
    return resource("starter", "guide.gguf")


def _entry(model: str, services: CliServices) -> Entry | None:
    from app.models.catalog import catalogue

    return catalogue(services.profile()).find(model)


def _comes_from(kept: Kept, word: str, services: CliServices) -> bool:
    """Whether a model is what an id of the catalogue or a repository names."""
    if not kept.repo:
        return False
    model, _, detail = word.lower().partition(":")
    entry = _entry(model, services)
    if entry is not None:
        files = [file for file in entry.files if not detail or file.quant.lower() == detail]
        return any(
            file.repo.lower() == kept.repo.lower() and file.quant.lower() == kept.quant.lower()
            for file in files
        )
    if kept.repo.lower() != model:
        return False
    name = detail.rpartition("/")[2]
    return not detail or detail == kept.quant.lower() or name == kept.path.name.lower()
