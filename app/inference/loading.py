"""One model from its file into memory: checked, placed, tried in a child, loaded, looked at.

Called on pool threads by the host, which owns the engine and says when. Steps down and loads
again where too little memory is left. Knows no leases.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Hashable, Mapping
from contextlib import AbstractContextManager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple

from app.engine.messages import LoadCancelled, LoadedModel, LoadSettings
from app.foundation.cancellation import Cancellation
from app.foundation.errors import EngineDead, ModelUnsupported, NotEnoughMemory
from app.foundation.units import bytes_text
from app.inference.placement import Aftermath, Placement, Placing, Preflight

if TYPE_CHECKING:
    from app.engine.client import EngineClient
    from app.gguf.header import Header

OnProgress = Callable[[float | None, str], None]
Guard = Callable[[str], AbstractContextManager[None]]

MAX_RUNGS: Final = 3
"""So many times a load may be made again with less; then it stays as it is."""
_LOOK_S = 5.0
_WARNING = "To try it anyway may make the computer slow, or end other programs."

_log = logging.getLogger(__name__)


class InMemory(NamedTuple):
    """The model, how it was placed, and the terms that this holds for."""

    model: LoadedModel
    placement: Placement
    terms: Hashable


class Loader:
    """Loads one model at a time into the engine it is given."""

    def __init__(
        self, placing: Placing, preflight: Preflight, aftermath: Aftermath, guard: Guard
    ) -> None:
        self._placing = placing
        self._preflight = preflight
        self._aftermath = aftermath
        self._guard = guard

    def load(
        self,
        engine: EngineClient,
        path: Path,
        header: Header,
        on_progress: OnProgress,
        cancellation: Cancellation,
        *,
        is_trusted: bool = False,
        anyway: bool = False,
    ) -> InMemory:
        """Load the checked file into the empty engine.

        A file that `is_trusted` needs no trial. `anyway` loads what does not fit too.
        """
        for rung in range(MAX_RUNGS + 1):
            if rung == 0:
                on_progress(None, "Finding the best settings for this computer")
                self._placing.step_up(path)
            terms = self._placing.terms(path)
            placement = self._placing.place(path, header, cancellation)
            check_memory(path, placement, anyway)
            _check(cancellation)
            settings = placement.settings
            if not is_trusted:
                on_progress(None, "Trying the model in a helper process first")
                tried = self._preflight.check(
                    settings, cancellation, tune_threads=placement.tunes_threads
                )
                settings = tried.settings
                if tried.measured:
                    self._aftermath.tried(placement, tried.measured)
            _check(cancellation)
            self._aftermath.begins(placement)
            model = self._loaded(engine, settings, on_progress, cancellation)
            is_current = self._placing.terms(path) == terms
            free = _free_bytes(engine, settings)
            words = self._aftermath.loaded(placement, free, may_step_down=not anyway)
            if is_current:
                terms = self._placing.terms(path)  # stepped down, which holds for this load
            if words is None or rung == MAX_RUNGS:
                break
            on_progress(None, words)
            engine.unload().result()
        return InMemory(model, replace(placement, settings=settings), terms)

    def _loaded(
        self,
        engine: EngineClient,
        settings: LoadSettings,
        on_progress: OnProgress,
        cancellation: Cancellation,
    ) -> LoadedModel:
        def progress(fraction: float) -> None:
            on_progress(fraction, "Loading the model")

        with self._guard(settings.path):
            return engine.load(settings, on_progress=progress, cancellation=cancellation).result()


def _check(cancellation: Cancellation) -> None:
    if cancellation.is_set:
        raise LoadCancelled()


def _free_bytes(engine: EngineClient, settings: LoadSettings) -> Mapping[str, int]:
    """What is free on the devices in use; nothing where none is, or its driver does not say."""
    if not settings.uses_gpu:
        return {}
    try:
        return engine.device_memory().result(_LOOK_S)
    except EngineDead:
        raise
    except Exception as error:  # noqa: BLE001 - a driver that does not say is no failed load
        _log.warning("what is free on the graphics card is not known: %s", error)
        return {}


def checked_header(path: Path) -> Header:
    """The header of a file that native code may see. Raises the error that says why not."""
    # Not needed before a model is: the window's first paint does not wait for them.
    from app.gguf.check import check_model
    from app.gguf.facts import facts_of
    from app.gguf.split import read_model

    header = read_model(path)
    check_model(header)
    kind = facts_of(header).kind
    if kind != "chat":
        what = {
            "embedding": "It turns text into numbers for searching; it writes none.",
            "vocabulary": "It holds a vocabulary only, no model.",
            "projector": "It is the part of a model that reads pictures, not the model itself.",
            "adapter": "It changes another model and is nothing by itself.",
        }.get(kind, "It is not a language model.")
        raise ModelUnsupported(
            f"{path.name} cannot be used for a chat.", what, "Choose another file of the model."
        )
    return header


def check_memory(path: Path, placement: Placement, anyway: bool) -> None:
    """Raise NotEnoughMemory for what does not fit, unless the person wants it anyway."""
    if placement.fits != "no" or anyway:
        return
    sizes = (
        f"It needs {bytes_text(placement.needed_bytes)}; "
        f"{bytes_text(placement.free_bytes)} are free."
    )
    if placement.pinned:
        raise NotEnoughMemory(
            f"{path.name} does not fit with what you set.",
            f"It needs more {placement.short_of} than is free. {sizes}",
            "Set a smaller context or fewer layers on the graphics card, or leave them on "
            f"automatic. {_WARNING}",
        )
    raise NotEnoughMemory(
        f"{path.name} needs more {placement.short_of} than is free.",
        sizes,
        f"Close other programs, or choose a smaller model or a smaller context. {_WARNING}",
    )
