"""A newer catalogue: fetched when asked for, believed when signed, kept beside the one before.

Any thread but the window's; `fetch` blocks on the network. The catalogue that ships is never
touched, so that undoing always leads back to one that works. Knows no faces and no settings.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from app.foundation.atomic import write_atomically
from app.foundation.errors import CatalogueInvalid, NotPossibleHere
from app.foundation.paths import Profile, storage_error
from app.models.catalog import (
    Catalogue,
    catalogue,
    check_usable,
    fetched,
    fetched_file,
    load,
)
from app.models.catalogue_file import MOST_FILE_BYTES, catalogue_of
from app.models.sources import catalogue_source
from app.network.client import Client
from app.network.signed import Errand, NotSigned, SignedSource
from app.network.signed import fetch as fetch_signed

_ERRAND: Final = Errand(
    "catalogue of models",
    "The catalogue could not be fetched.",
    "Try again later; the catalogue you have goes on working.",
)
_SOURCE: Final = "The catalogue that came"


@dataclass(frozen=True, slots=True)
class UpdateState:
    """What is in use. `is_fetched`: a fetched catalogue, which `undo` would take back."""

    is_configured: bool
    serial: int
    is_fetched: bool


@dataclass(frozen=True, slots=True)
class Update:
    """What came of asking. Names of models, as people read them; `is_new` is False where the one
    in use is the newest."""

    is_new: bool
    serial: int
    added: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()


class CatalogueUpdates:
    """One profile's. Thread-safe: one thing is done at a time."""

    def __init__(
        self, profile: Profile, client: Callable[[], Client], source: SignedSource | None = None
    ) -> None:
        self._profile = profile
        self._client = client
        self._source = catalogue_source() if source is None else source
        self._lock = threading.Lock()

    def state(self) -> UpdateState:
        """What is in use now; asks nobody."""
        found = fetched(self._profile)
        serial = (found or load()).serial
        return UpdateState(self._source.is_configured, serial, found is not None)

    def fetch(self) -> Update:
        """Ask for a newer catalogue, check it, and use it from now on.

        Raises NotPossibleHere where no source is configured, Offline, NetworkError and kin,
        CatalogueInvalid for what is not signed, older, or wrong (what is in use stays in use),
        and StorageError.
        """
        if not self._source.is_configured:
            raise NotPossibleHere(
                "No update source is configured.",
                "This build of Hearth names no place to fetch a catalogue of models from.",
                "A newer Hearth brings a newer catalogue; your own models.toml is used as well.",
            )
        try:
            text = fetch_signed(self._client(), self._source, _ERRAND, MOST_FILE_BYTES)
        except NotSigned as error:
            raise _refused(
                "The catalogue that came is not signed by those who make Hearth.", str(error)
            ) from None
        found = catalogue_of(text, _SOURCE)
        with self._lock:
            return self._taken(found, text)

    def undo(self) -> UpdateState:
        """Go back to the catalogue before the last that was fetched, in the end to the one that
        ships. Raises StorageError."""
        current, before = self._files()
        with self._lock:
            try:
                if before.exists():
                    before.replace(current)
                else:
                    current.unlink(missing_ok=True)
            except OSError as error:
                raise storage_error(error, current) from error
        return self.state()

    def _taken(self, found: Catalogue, text: bytes) -> Update:
        state = self.state()
        if found.serial < state.serial:
            raise _refused(
                "The catalogue that came is older than the one in use.",
                f"It is number {found.serial:,}; number {state.serial:,} is in use.",
            )
        if found.serial == state.serial:
            return Update(False, state.serial)
        check_usable(found, _SOURCE)
        names = {entry.id: entry.name for entry in catalogue(self._profile).entries}
        current, before = self._files()
        try:
            current.parent.mkdir(mode=0o700, exist_ok=True)
            if state.is_fetched:
                write_atomically(before, current.read_bytes())
            else:
                before.unlink(missing_ok=True)
            write_atomically(current, text)
        except OSError as error:
            raise storage_error(error, current) from error
        now = {entry.id: entry.name for entry in catalogue(self._profile).entries}
        return Update(
            True,
            found.serial,
            tuple(name for model, name in now.items() if model not in names),
            tuple(name for model, name in names.items() if model not in now),
        )

    def _files(self) -> tuple[Path, Path]:
        current = fetched_file(self._profile)
        return current, current.with_name("before.toml")


def _refused(title: str, detail: str) -> CatalogueInvalid:
    return CatalogueInvalid(title, detail, "The catalogue you have stays in use. Try again later.")
