"""What the faces are handed: what is offered, what is installed, and the steps between.

Any thread but the window's; methods wait for the network or the disk. Nothing is asked before a
person said so, and nothing of what runs is ever touched.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Literal

from app.foundation.cancellation import Cancellation
from app.foundation.errors import NotPossibleHere, UpdateRefused
from app.foundation.versions import number
from app.models.wanted import Progress
from app.updates.fetching import Fetching
from app.updates.files import remove
from app.updates.offer import Artefact, Offer
from app.updates.program import Program
from app.updates.runtime import RuntimeUpdates
from app.updates.source import Source

Kind = Literal["program", "runtime"]
KINDS: Final[tuple[Kind, ...]] = ("program", "runtime")


@dataclass(frozen=True, slots=True)
class State:
    """What is so now, without asking anybody. Versions are "" where there is none.

    `next_version` is another one that is started next time, `staged` waits for Hearth to be quit;
    `failed` did not start twice, and was left by itself; `damaged` was installed, and has lost
    something since. `hindrance` says why nothing can be installed here.
    """

    is_configured: bool
    version: str
    next_version: str
    staged: str
    failed: str
    damaged: str
    can_undo: bool
    runtime: str
    can_undo_runtime: bool
    asked_s: float
    hindrance: str


@dataclass(frozen=True, slots=True)
class Step:
    """How far an installation is: bytes of the phase, and what to say beside them."""

    phase: Literal["download", "unpack"]
    done_bytes: int
    total_bytes: int
    note: str = ""
    left_s: float | None = None


class Updates:
    """One folder of versions. Thread-safe: what changes it is done one after the other."""

    def __init__(
        self, source: Source, fetching: Fetching, program: Program, runtime: RuntimeUpdates
    ) -> None:
        self._source = source
        self._fetching = fetching
        self._program = program
        self._runtime = runtime
        self._lock = threading.Lock()
        self._offer: Offer | None = None
        self._running: list[Cancellation] = []

    @property
    def offer(self) -> Offer | None:
        """What was offered the last time somebody asked, in this process."""
        return self._offer

    @property
    def is_configured(self) -> bool:
        return self._source.is_configured

    def state(self) -> State:
        """Reads a few small files."""
        pointer, own = self._program.versions.pointer(), self._program.own
        staged = self._program.staged()
        return State(
            is_configured=self._source.is_configured,
            version=own,
            next_version=self._program.next(),
            staged=staged,
            failed=pointer.failed[-1] if pointer.failed else "",
            damaged=self._program.damaged(),
            can_undo=bool(pointer.version or staged),
            runtime=self._runtime.key(),
            can_undo_runtime=self._runtime.is_later(),
            asked_s=self._source.seen().asked_s,
            hindrance=self._hindrance(),
        )

    def check(self) -> Offer:
        """Ask what is offered. Raises as `Source.ask`."""
        offer = self._source.ask()
        self._offer = offer
        return offer

    def check_daily(self, now_s: float | None = None) -> Offer | None:
        """The same where a day has passed; None where it has not, or nothing new came."""
        if not self.is_configured or not self._source.is_due(now_s or time.time()):
            return None
        offer = self.check()
        failed = self._program.versions.pointer().failed
        is_news = self.is_newer(offer, "program") and offer.version not in failed
        return offer if is_news or self.is_newer(offer, "runtime") else None

    def is_newer(self, offer: Offer, kind: Kind) -> bool:
        """Whether there is something in it for this computer that is not here yet."""
        if kind == "runtime":
            return offer.runtime is not None and self._runtime.is_newer(offer.runtime)
        others = (self._program.next() or "0", self._program.staged() or "0")
        here = max(map(number, (self._program.own, *others)))
        return offer.artefact is not None and number(offer.version) > here

    def install(self, kind: Kind, stop: Cancellation, told: Callable[[Step], None]) -> bool:
        """Fetch, unpack and try what is offered; False where `stop` came first.

        A program waits from then on for `settle`, a runtime for the next start. Raises
        UpdateRefused where nothing newer is there or it does not work here, NotPossibleHere,
        and as `check` and `Fetching.fetch`.
        """
        (self._program if kind == "program" else self._runtime).check_possible()
        offer = self._offer or self.check()
        if not self.is_newer(offer, kind):
            raise UpdateRefused("There is nothing newer.", "What you have is the newest.", "")
        self._running.append(stop)
        try:
            return self._installed(offer, kind, stop, told)
        finally:
            self._running.remove(stop)

    def close(self, deadline_s: float) -> bool:
        """Hearth is being quit: stop what is under way, and have the next start take what waits.
        True if that ended in time."""
        for stop in list(self._running):
            stop.cancel()
        self.settle(deadline_s)
        return not self._running

    def _installed(
        self, offer: Offer, kind: Kind, stop: Cancellation, told: Callable[[Step], None]
    ) -> bool:
        title, artefact = _what(offer, kind)

        def loading(found: Progress) -> None:
            bytes_here = (found.done_bytes, artefact.bytes)
            told(Step("download", *bytes_here, note=found.note, left_s=found.left_s))

        archive = self._fetching.fetch(artefact, title, stop, loading)
        if archive is None or stop.is_set:
            return False

        def unpacking(done_bytes: int) -> None:
            if stop.is_set:
                raise _Stopped
            told(Step("unpack", done_bytes, artefact.unpacked_bytes))

        try:
            with self._lock:
                if kind == "program":
                    self._program.stage(archive, offer.version, artefact, unpacking)
                elif offer.runtime is not None:
                    self._runtime.install(archive, offer.runtime.key, artefact, unpacking)
                    remove(archive)
        except _Stopped:
            return False
        return True

    def settle(self, deadline_s: float = 60.0) -> str:
        """Hearth is being quit: the next start takes what waits. Its version, or "".

        What is still being unpacked by then waits no longer than that. Raises UpdateRefused,
        StorageError; then the version that runs is started again.
        """
        if not self._lock.acquire(timeout=deadline_s):
            return ""
        try:
            return self._program.settle()
        finally:
            self._lock.release()

    def undo(self, kind: Kind) -> str:
        """Back to what was before, from the next start on; its name. Raises as `undo` there."""
        with self._lock:
            if kind == "program":
                return self._program.undo() or self._program.first
            return self._runtime.undo()

    def _hindrance(self) -> str:
        try:
            self._program.check_possible()
        except NotPossibleHere as error:
            return f"{error.title} {error.detail} {error.remedy}"
        return ""


class _Stopped(Exception):
    """Somebody asked for that."""


def _what(offer: Offer, kind: Kind) -> tuple[str, Artefact]:
    artefact = offer.artefact
    title = f"Hearth {offer.version}"
    if kind == "runtime":
        artefact = offer.runtime.artefact if offer.runtime else None
        title = "Inference runtime"
    if artefact is None:
        raise UpdateRefused("There is nothing for this kind of computer.", "", "")
    return title, artefact
