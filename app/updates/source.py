"""Asks for the signed file, at most once a day by itself, and never believes an older one again.

Any thread but the window's; `ask` blocks on the network. Keeps one small file beside the versions.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from app.foundation.atomic import write_atomically
from app.foundation.errors import NotPossibleHere, Offline, UpdateRefused
from app.network.client import Client
from app.network.signed import Errand, NotSigned, SignedSource, fetch
from app.updates.files import make_folder, storage_error
from app.updates.offer import MOST_FILE_BYTES, Offer, offer_of, platform_name

_DAY_S: Final = 86_400.0
_ERRAND: Final = Errand(
    "news of a newer Hearth",
    "Hearth could not ask for newer versions.",
    "Try again later; the version you have goes on working.",
)


@dataclass(frozen=True, slots=True)
class Seen:
    """The highest serial that was believed, and when somebody was asked last; 0: never."""

    serial: int = 0
    asked_s: float = 0.0


class Source:
    """One source, for one folder of versions. Thread-safe."""

    def __init__(
        self,
        folder: Path,
        client: Callable[[], Client],
        source: SignedSource,
        platform: str | None = None,
    ) -> None:
        self._folder = folder
        self._file = folder / "seen.json"
        self._client = client
        self._source = source
        self._platform = platform or platform_name()

    @property
    def is_configured(self) -> bool:
        return self._source.is_configured

    def seen(self) -> Seen:
        """What is remembered; nothing where that cannot be read."""
        try:
            with self._file.open("rb") as file:
                said = json.loads(file.read(4096))
            serial, asked_s = said["serial"], said["asked_s"]
            if type(serial) is not int or not isinstance(asked_s, int | float):
                return Seen()
            return Seen(serial, float(asked_s))
        except (OSError, ValueError, KeyError, TypeError):
            return Seen()

    def is_due(self, now_s: float) -> bool:
        """Whether a day has passed since somebody was asked; so it has when the clock was put
        back."""
        return not 0 <= now_s - self.seen().asked_s < _DAY_S

    def ask(self) -> Offer:
        """What is offered now.

        Raises NotPossibleHere where no source is configured, Offline, NetworkError and kin,
        UpdateRefused for what is not signed, older than what was seen, or wrong, StorageError.
        """
        if not self._source.is_configured:
            raise NotPossibleHere(
                "No update source is configured.",
                "This build of Hearth names no place to ask for newer versions.",
                "Get newer versions from where you got this one.",
            )
        client, before = self._client(), self.seen()
        # Before it is asked: a far end that is down is not asked more often than one that is up.
        self._remember(Seen(before.serial, time.time()))
        try:
            content = fetch(client, self._source, _ERRAND, MOST_FILE_BYTES)
        except Offline:
            self._remember(before)  # nobody was asked
            raise
        except NotSigned as error:
            raise UpdateRefused(
                "What came about newer versions is not signed by those who make Hearth.",
                str(error),
                "Nothing was changed; the version you have goes on working.",
            ) from None
        offer = offer_of(content, self._source.address, self._platform)
        if offer.serial < before.serial:
            raise UpdateRefused(
                "What came about newer versions is older than what came before.",
                f"It is number {offer.serial:,}; number {before.serial:,} was here already. "
                "Somebody may want to keep you from a newer version.",
                "Nothing was changed. Try again later, or over another connection.",
            )
        if offer.serial > before.serial:
            self._remember(Seen(offer.serial, self.seen().asked_s))
        return offer

    def _remember(self, seen: Seen) -> None:
        said = json.dumps({"serial": seen.serial, "asked_s": seen.asked_s})
        make_folder(self._folder)
        try:
            write_atomically(self._file, said.encode("ascii") + b"\n")
        except OSError as error:
            raise storage_error(error, self._folder) from error
