"""How a file is to be placed, as the host needs to know it. Pure; makes no plan itself."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Protocol

from app.engine.messages import LoadSettings
from app.foundation.cancellation import Cancellation

if TYPE_CHECKING:
    from app.gguf.header import Header
    from app.inference.prediction import Prediction
    from app.protocol.generation import Finished

Fit = Literal["well", "tight", "no"]


@dataclass(frozen=True, slots=True)
class Placement:
    """What to load with, and whether it fits.

    `pinned` says that the person chose values that memory depends on. `short_of` names the
    memory that is too small, with its needed and free bytes. `plan` is what faces show
    (`Plan`), `prediction` what is held against measurements, where there is one. With
    `tunes_threads` the trial may choose another number of threads.
    """

    settings: LoadSettings
    fits: Fit = "well"
    pinned: bool = False
    needed_bytes: int = 0
    free_bytes: int = 0
    short_of: str = "memory"
    plan: Any = None
    prediction: Prediction | None = None
    tunes_threads: bool = False


@dataclass(frozen=True, slots=True)
class Tried:
    """What a trial said: `settings` to load with, and what it measured if it ran just now."""

    settings: LoadSettings
    measured: Mapping[str, Any] = field(default_factory=dict)


class Placing(Protocol):
    """Finds the placement of a file. Called on a pool thread, after the file was checked."""

    def terms(self, path: Path) -> Hashable:
        """What a placement of this file depends on beside the file: a loaded model is placed
        anew when this changes. Looks at no file."""
        ...

    def step_up(self, path: Path) -> None:
        """A load begins: let its placement have back what was taken long ago."""
        ...

    def place(self, path: Path, header: Header, cancellation: Cancellation) -> Placement:
        """The placement of a chat model under the present terms and the present free memory.

        Raises LoadCancelled when cancelled."""
        ...


class Preflight(Protocol):
    """Tries what was never tried before in a child process, so that it dies instead of us."""

    def check(
        self, settings: LoadSettings, cancellation: Cancellation, *, tune_threads: bool = False
    ) -> Tried:
        """Return if the model is safe to load; raise the HearthError that says why not."""
        ...


class Aftermath(Protocol):
    """What comes of loads and answers: measured, learnt, and stepped down where too full."""

    def tried(self, placement: Placement, measured: Mapping[str, Any]) -> None:
        """A trial in a child measured this placement."""
        ...

    def begins(self, placement: Placement) -> None:
        """The real load begins now."""
        ...

    def loaded(
        self,
        placement: Placement,
        free_bytes: Mapping[str, int],
        *,
        may_step_down: bool = True,
    ) -> str | None:
        """The real load is done; `free_bytes` are those of devices, by their drivers.

        A sentence if too little is left and there `may_step_down`: the next placement of the
        file takes less, and the model is to be loaded again."""
        ...

    def answered(self, placement: Placement, event: Finished, *, undisturbed: bool) -> None:
        """An answer was written; `undisturbed` if neither another answer nor another program
        took part of the processor meanwhile."""
        ...


class NoAftermath:
    """Nothing is measured and nothing learnt."""

    def tried(self, placement: Placement, measured: Mapping[str, Any]) -> None:
        return None

    def begins(self, placement: Placement) -> None:
        return None

    def loaded(
        self,
        placement: Placement,
        free_bytes: Mapping[str, int],
        *,
        may_step_down: bool = True,
    ) -> str | None:
        return None

    def answered(self, placement: Placement, event: Finished, *, undisturbed: bool) -> None:
        return None
