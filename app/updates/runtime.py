"""A newer inference runtime, apart from the program: unpacked, tried with known answers, used.

Any thread but the window's; one process at a time does anything here. What does not give the
answers that the built-in model is known to give is not used, and is removed again.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from app.foundation.errors import NotPossibleHere, UpdateRefused
from app.foundation.runtimes import RuntimePointer, Runtimes, key_of
from app.updates.files import alone, check_ours, remove, storage_error
from app.updates.offer import Artefact, RuntimeOffer
from app.updates.unpack import Tick, unpack

Gate = Callable[[Path], None]
"""Raises UpdateRefused for the folder of a runtime that does not compute what it must."""


class RuntimeUpdates:
    """`own` is the runtime that came with the program, None where there is none; `bindings` the
    version of llama-cpp-python inside."""

    def __init__(self, folder: Path, own: Path | None, bindings: str, gate: Gate) -> None:
        self.runtimes = Runtimes(folder)
        self._own = own
        self._bindings = bindings
        self._gate = gate

    def key(self) -> str:
        """What the runtime that the next start uses calls itself, or ""."""
        found = self.runtimes.in_use(self._own) or self._own
        return key_of(found) if found is not None else ""

    def is_later(self) -> bool:
        """Whether one is used that was installed later."""
        return self.runtimes.in_use(self._own) is not None

    def is_newer(self, offer: RuntimeOffer) -> bool:
        """Whether it is another one than is used, and fits this program and computer."""
        fits = offer.bindings == self._bindings and offer.artefact is not None
        return self._own is not None and fits and offer.key not in (self.key(), key_of(self._own))

    def check_possible(self) -> None:
        """Raises NotPossibleHere where Hearth brought no runtime that could be replaced."""
        if self._own is None or not key_of(self._own):
            raise NotPossibleHere(
                "The inference runtime of this Hearth is not updated apart.",
                "It runs from its source, with the runtime that was built there.",
                "Update it the way it was installed.",
            )
        check_ours(self.runtimes.folder)

    def install(self, archive: Path, key: str, artefact: Artefact, tick: Tick) -> None:
        """Unpack, try, and use it from the next start on. Raises as `unpack`, and UpdateRefused."""
        self.check_possible()
        assert self._own is not None
        with alone(self.runtimes.folder):
            home, before = self.runtimes.home(key), self.runtimes.pointer()
            if self.key() == key:
                raise UpdateRefused("This runtime is in use already.", "", "Nothing is to be done.")
            remove(home)
            unpack(archive, home, artefact.unpacked_bytes, tick)
            try:
                if key_of(home) != key or not (home / "lib").is_dir():
                    raise UpdateRefused(
                        "The new runtime is not what it was said to be.",
                        "Its own manifest names another one.",
                        "The runtime you have goes on being used.",
                    )
                self._gate(home)
            except BaseException:
                remove(home)
                raise
            used = before.key if self.is_later() else ""
            self._point(RuntimePointer(key, key_of(self._own), used))
            self._tidy({key, used})

    def undo(self) -> str:
        """Back to the one before, from the next start on; its key, "" being the program's own.
        Raises UpdateRefused where there is none before, and StorageError."""
        if not self.is_later():
            raise UpdateRefused(
                "There is no runtime update to take back.",
                "The runtime that came with Hearth is in use.",
                "Nothing is to be done.",
            )
        with alone(self.runtimes.folder):
            pointer = self.runtimes.pointer()
            before = pointer.before if (self.runtimes.home(pointer.before) / "lib").is_dir() else ""
            self._point(RuntimePointer(before, pointer.over if before else "", ""))
            return before

    def _point(self, pointer: RuntimePointer) -> None:
        try:
            self.runtimes.point(pointer)
        except OSError as error:
            raise storage_error(error, self.runtimes.folder) from error

    def _tidy(self, kept: set[str]) -> None:
        for home in self.runtimes.home("x").parent.iterdir():
            if home.name not in kept:
                remove(home)
