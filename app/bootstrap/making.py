"""Builds what makes smaller files of models, and lets the library know what came of it."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from app.foundation.errors import HearthError

if TYPE_CHECKING:
    from app.bootstrap.runtime import Runtime
    from app.inference.quantizing import Made, Quantizing

_log = logging.getLogger(__name__)


def quantizing(runtime: Runtime) -> Quantizing:
    """One profile's: it writes into the models folder of the settings."""
    from app.inference.quantizing import Quantizing
    from app.models.wanted import Part, Wanted

    def record(made: Made) -> None:
        part = Part(made.path.name, made.bytes, made.sha256)
        wanted = Wanted("", "", (part,), made.name, made.quant)
        try:
            runtime.library.record_download(wanted, (made.path,), (made.sha256,))
        except HearthError as error:  # the file is there; only that it was checked is not known
            _log.warning("a smaller file was made and could not be recorded: %s", error)

    return Quantizing(runtime.models_folder, record)
