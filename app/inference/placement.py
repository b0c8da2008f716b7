"""How a file is to be placed, as the host needs to know it. Pure; makes no plan itself."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Protocol

from app.engine.messages import LoadSettings
from app.foundation.cancellation import Cancellation

if TYPE_CHECKING:
    from app.gguf.header import Header

Fit = Literal["well", "tight", "no"]


@dataclass(frozen=True, slots=True)
class Placement:
    """What to load with, and whether it fits.

    `pinned` means that the person chose these values themselves: they are tried even where
    they do not fit. `plan` is what faces show (`Plan`), if there is one.
    """

    settings: LoadSettings
    fits: Fit = "well"
    pinned: bool = False
    needed_bytes: int = 0
    free_bytes: int = 0
    plan: Any = None


class Placing(Protocol):
    """Finds the placement of a file. Called on a pool thread, after the file was checked."""

    def wish(self) -> Hashable:
        """What the person pinned. A loaded model is placed anew when this changes."""
        ...

    def place(self, path: Path, header: Header, cancellation: Cancellation) -> Placement:
        """The placement of a chat model under the present wish and the present free memory.

        Raises LoadCancelled when cancelled."""
        ...


class Preflight(Protocol):
    """Tries what was never tried before in a child process, so that it dies instead of us."""

    def check(self, settings: LoadSettings, cancellation: Cancellation) -> None:
        """Return if the model is safe to load; raise the HearthError that says why not."""
        ...
