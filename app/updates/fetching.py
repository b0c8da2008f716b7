"""Brings one signed file onto the disk with the downloader of models: resumed, checked, limited.

Any thread but the window's; `fetch` returns once the file is there. Knows the claim by heart: what
comes must have the size and checksum that were signed.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Final

from app.foundation.cancellation import Cancellation
from app.foundation.errors import HearthError, StorageFull, UpdateRefused
from app.models.download.downloads import Downloads
from app.models.download.patience import Patience
from app.models.wanted import ENDED, Located, Part, Progress, Wanted
from app.network.client import Client
from app.updates.files import make_folder, storage_error
from app.updates.offer import Artefact

INCOMING: Final = "incoming"
_LOOK_S: Final = 0.2
_CLOSE_S: Final = 10.0
_FOREIGN: Final = "hearth/updates"

Told = Callable[[Progress], None]


class Fetching:
    """For one folder of versions."""

    def __init__(
        self,
        folder: Path,
        client: Callable[[], Client],
        most_bytes_per_s: Callable[[], int] = lambda: 0,
        patience: Patience | None = None,
    ) -> None:
        self._folder = folder
        self._client = client
        self._most_bytes_per_s = most_bytes_per_s
        self._patience = patience

    def fetch(self, artefact: Artefact, title: str, stop: Cancellation, told: Told) -> Path | None:
        """The file, or None where `stop` came first; what is here by then is kept.

        `told` hears how far it is, a few times a second. Raises StorageError, UpdateRefused, and
        what goes wrong on the way for good; a line that is down is waited for.
        """
        make_folder(self._folder)
        incoming = self._folder / INCOMING
        try:
            incoming.mkdir(mode=0o700, exist_ok=True)
        except OSError as error:
            raise storage_error(error, self._folder) from error
        part = Part(artefact.name, artefact.bytes, artefact.sha256, "archive")
        wanted = Wanted(_FOREIGN, artefact.sha256, (part,), title, "")

        def locate(_repo: str, _revision: str, _name: str) -> Located:
            return Located(artefact.url, artefact.bytes, artefact.sha256, "")

        downloads = Downloads(
            lambda: incoming,
            locate,
            self._client,
            incoming,
            at_once=lambda: 1,
            most_bytes_per_s=self._most_bytes_per_s,
            patience=self._patience,
        )
        try:
            return self._waited(downloads, downloads.add(wanted), stop, told)
        finally:
            downloads.close(_CLOSE_S)

    def _waited(
        self, downloads: Downloads, key: str, stop: Cancellation, told: Told
    ) -> Path | None:
        while True:
            if stop.is_set:
                downloads.pause(key)
            found = downloads.wait(key, _LOOK_S)
            if found is None:
                return None
            told(found)
            if found.state == "done" and found.path is not None:
                return found.path
            if found.error is not None and (found.state in ENDED or found.state == "paused"):
                raise _own(found.error)
            if found.state == "paused":
                return None


def _own(error: HearthError) -> HearthError:
    """The downloader's sentences are about models."""
    stays = "What is here is kept; the version you have goes on working."
    if isinstance(error, StorageFull):
        return StorageFull(
            "There is not enough room for the new version.",
            error.detail,
            f"Free some space and try again. {stays}",
        )
    if error.code == "model_file_invalid":
        return UpdateRefused(
            "The new version arrived damaged, twice.",
            "What came is not what was signed (SHA-256); it was thrown away.",
            "Try again later, or over another connection.",
        )
    return error
