"""What the command line is handed by the composition root.

Each thing is built when first asked for, so that a command pays only for what it uses.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from app.foundation.paths import Profile

if TYPE_CHECKING:
    from app.hardware.profile import MachineProfile
    from app.inference.catalogue_planning import CataloguePlanning
    from app.inference.planning import Planning
    from app.inference.quantizing import Quantizing
    from app.inference.service import InferenceService
    from app.models.catalogue_update import CatalogueUpdates
    from app.models.download.downloads import Downloads
    from app.models.hub import Hub
    from app.models.library.library import Library
    from app.network.connections import Connections
    from app.updates.updates import Updates


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that `doctor` looked at. `remedy` is empty when all is well."""

    name: str
    ok: bool
    detail: str
    remedy: str = ""


@dataclass(frozen=True, slots=True)
class Reach:
    """What may ask the network, for as long as it is held. `folder` is where downloads go."""

    planning: CataloguePlanning
    hub: Hub
    downloads: Callable[[], Downloads]
    folder: Path


@dataclass(frozen=True, slots=True)
class CliServices:
    """Builders of services; each returns the same object every time, but for those that are
    entered: `reach`, `updates` and `catalogue_updates`. `try_again` and `go_back` are acts."""

    profile: Callable[[], Profile]
    inference: Callable[[], InferenceService]
    planning: Callable[[], Planning]
    machine: Callable[[], MachineProfile]
    library: Callable[[], Library]
    quantizing: Callable[[], Quantizing]
    checks: Callable[[], Iterable[Check]]
    try_again: Callable[[], int]
    go_back: Callable[[], list[Path]]
    reach: Callable[[], AbstractContextManager[Reach]]
    connections: Callable[[], Connections]
    updates: Callable[[], AbstractContextManager[Updates]]
    catalogue_updates: Callable[[], AbstractContextManager[CatalogueUpdates]]
