"""What else is to be said of a repository, in sentences. Pure."""

from __future__ import annotations

from PySide6.QtCore import QCoreApplication

from app.foundation.units import bytes_text
from app.gui.models.hub.words import foreign_words
from app.gui.safe_text import one_line
from app.models.offered import RepositoryInfo

translate = QCoreApplication.translate
_N_NAMED = 2


def notes_of(info: RepositoryInfo) -> list[str]:
    """Projectors, formats that cannot be loaded, split models with a part missing, and the rest."""
    found = []
    if info.groups and info.projectors:
        size = info.projectors[0].bytes
        found.append(
            translate(
                "Models", "With each comes the part that sees pictures (projector{size})."
            ).format(size=f", {bytes_text(size)}" if size else "")
        )
    if info.groups and info.foreign:
        found.append(
            translate("Models", "It also holds {formats}, which Hearth does not load.").format(
                formats=foreign_words(info.foreign)
            )
        )
    if info.incomplete:
        names = ", ".join(one_line(name, 60) for name in info.incomplete[:_N_NAMED])
        found.append(
            translate(
                "Models", "A part is missing of {names}: that cannot be used, and is left out."
            ).format(names=names)
        )
    if info.n_unlisted:
        found.append(
            translate("Models", "It holds {n} more files, which were not looked at.").format(
                n=info.n_unlisted
            )
        )
    return found


def none_words(info: RepositoryInfo) -> str:
    """Why nothing in a repository can be used."""
    if not info.foreign:
        return translate("Models", "There is no model file in it.")
    return translate(
        "Models",
        "It holds the model as {formats}. Hearth loads GGUF files, which are the same models "
        "stored for computers like this one.",
    ).format(formats=foreign_words(info.foreign))
