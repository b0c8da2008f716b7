"""One download from its first question to the files in their place. Runs on a thread of its own.

Raises what happened and decides nothing about it: when to try again is `patience`'s to say, and
what is kept between two runs lies in the partial files and in the entry.
"""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Protocol

from app.foundation.errors import HearthError, ModelFileInvalid, Unreachable
from app.models.download.asking import Asking
from app.models.download.claim import Claim
from app.models.download.entry import Entry, Run
from app.models.download.install import check_header, put
from app.models.download.pace import Limit
from app.models.download.partial import Expected, Partial, part_bytes
from app.models.download.patience import Elsewhere, Patience, Stopped
from app.models.download.places import file_names, inside, workshop
from app.models.download.queue_file import leave_note
from app.models.download.space import check_room, make_folder, refusal, spare_for
from app.models.download.transfer import MAGIC, NoParts, Transfer
from app.models.wanted import Locate, State
from app.network.client import Client
from app.network.deadline import cut_by

_TAKEN_TRIES: Final = 3
_ROUNDS: Final = 2
"""From zero once more where all of it came and was wrong."""
_HOPELESS: Final = 3
"""So often a far end may send the whole file for a part of it before that is borne."""


@dataclass(frozen=True, slots=True)
class Tools:
    """What all downloads share."""

    folder: Callable[[], Path]
    locate: Locate
    client: Callable[[], Client]
    limit: Limit
    patience: Patience
    spare_bytes: int


class Desk(Protocol):
    """Where a run says how far it is, and hears what others are about to write."""

    def report(self, entry: Entry, run: Run, state: State) -> None: ...

    def elsewhere_bytes(self, entry: Entry) -> int: ...


@dataclass(frozen=True, slots=True)
class Installed:
    """What is in its place now; in the order of the parts."""

    paths: tuple[Path, ...]
    sha256s: tuple[str, ...]


class Job:
    """One run of one download."""

    def __init__(self, entry: Entry, run: Run, tools: Tools, desk: Desk) -> None:
        self._entry = entry
        self._run = run
        self._tools = tools
        self._desk = desk
        self._wanted = entry.wanted
        self._names = file_names(entry.wanted.parts)
        self._folder = Path()
        self._shop = Path()
        self._asking = Asking(entry, tools.locate)
        self._settled_bytes = 0
        self._looked_s = 0.0

    def work(self) -> Installed:
        """All of it. Raises Stopped when the run was stopped, or a HearthError."""
        try:
            self._choose_folder()
            found = self._all_here()
            if found is not None:
                self._clear_away()
                return found
            with self._claimed(), cut_by(self._run.wire):
                return self._bring_all()
        except OSError as error:
            self._check_stop()
            left = self._entry.total_bytes - self._entry.done_bytes
            raise refusal(error, self._folder, wanted_bytes=max(0, left)) from error
        except HearthError:
            self._check_stop()
            raise

    def _choose_folder(self) -> None:
        """The folder of the settings; the one it was begun in while its partial files are there."""
        folder, before = self._tools.folder(), self._entry.folder
        if before and Path(before) != folder and workshop(Path(before), self._entry.key).is_dir():
            folder = Path(before)
        self._folder = folder
        make_folder(folder, was_there=before == str(folder))
        self._shop = inside(folder, workshop(folder, self._entry.key))

    def _all_here(self) -> Installed | None:
        """Files that are in their place already need no question."""
        if any(not part.sha256 or not part.bytes for part in self._wanted.parts):
            return None
        expected = [Expected(part.sha256, part.bytes) for part in self._wanted.parts]
        home, present = self._home(expected)
        return self._installed(home, expected) if all(present) else None

    def _clear_away(self) -> None:
        """What a process left that was killed when all was in its place already."""
        if self._shop.is_dir() or self._lock.exists():
            with suppress(Elsewhere), self._claimed():
                pass

    @property
    def _lock(self) -> Path:
        return self._shop.with_suffix(".lock")

    @contextmanager
    def _claimed(self) -> Iterator[None]:
        self._shop.mkdir(parents=True, exist_ok=True)
        claim = Claim.take(self._lock)
        if claim is None:
            self._entry.done_bytes = part_bytes(self._shop)
            raise Elsewhere(
                "Another Hearth is downloading this model.",
                "It is waited for.",
                "Or stop it there.",
            )
        is_over = False
        try:
            self._entry.folder = str(self._folder)
            leave_note(self._shop, self._entry)
            yield
            is_over = True
        finally:
            for partial in self._entry.partials.values():
                partial.close()
            if is_over:
                shutil.rmtree(self._shop, ignore_errors=True)
            claim.release(remove=is_over)

    def _bring_all(self) -> Installed:
        self._report("asking")
        expected = self._asking.expect_all(self._check_stop)
        self._entry.total_bytes = sum(one.bytes for one in expected)
        for _ in range(_TAKEN_TRIES):
            home, present = self._home(expected)
            missing = [index for index, here in enumerate(present) if not here]
            self._take_partials(missing, expected)
            self._count()
            self._check_room(self._desk.elsewhere_bytes(self._entry))
            for index in missing:
                self._bring(index)
            if all(self._entry.partials[index].is_sound() for index in missing):
                with suppress(FileExistsError):
                    self._put(home, missing)
                    return self._installed(home, expected)
        raise refusal(OSError(0, "another program writes files of the same names"), self._folder)

    def _put(self, home: Path, missing: list[int]) -> None:
        self._check_stop()
        pairs = [
            (self._entry.partials[index].path, inside(self._folder, home / self._names[index]))
            for index in missing
        ]
        put(pairs)

    def _installed(self, home: Path, expected: list[Expected]) -> Installed:
        self._entry.total_bytes = self._entry.done_bytes = sum(one.bytes for one in expected)
        return Installed(
            tuple(home / name for name in self._names), tuple(one.sha256 for one in expected)
        )

    def _home(self, expected: list[Expected]) -> tuple[Path, tuple[bool, ...]]:
        total = max(1, sum(one.bytes for one in expected))

        def tick(done: int) -> None:
            self._check_stop()
            if self._entry.state != "checking":
                self._report("checking", "Checking a file that is there already")
            self._entry.checked = min(1.0, done / total)

        files = list(zip(self._names, expected, strict=True))
        return self._entry.shelf.home(self._folder, self._wanted.repo, files, tick)

    def _take_partials(self, missing: list[int], expected: list[Expected]) -> None:
        """One for each file that is still to come; those that we know go on being trusted."""
        known = self._entry.partials
        self._entry.partials = {}
        for index in missing:
            partial = known.get(index)
            if (
                partial is None
                or partial.expected != expected[index]
                or (partial.path.parent != self._shop)
            ):
                partial = Partial(self._shop, index, expected[index])
            self._entry.partials[index] = partial
        there = set(range(len(expected))) - set(missing)
        self._settled_bytes = sum(expected[index].bytes for index in there)

    def _bring(self, index: int) -> None:
        """One file, whole and checked, in its partial place."""
        partial = self._entry.partials[index]
        while not partial.is_sound():
            if partial.path.exists():
                self._report("checking", "Checking what is here already")
            partial.open(self._ticking(partial))
            self._count()
            if not partial.is_whole:
                self._fetch(index, partial)
            partial.close()
            self._check(index, partial)

    def _fetch(self, index: int, partial: Partial) -> None:
        located = self._asking.locate(index)
        self._report("downloading")
        self._entry.meter.begin()
        transfer = Transfer(
            self._tools.client(),
            self._run.stop,
            limit=self._tools.limit,
            drip=self._tools.patience.drip,
            arrived=self._arrived,
        )
        name = self._wanted.parts[index].name
        magic = b"" if self._is_archive(index) else MAGIC
        while not partial.is_whole:
            self._check_stop()
            before = partial.done_bytes
            try:
                is_borne = self._entry.whole_answers >= _HOPELESS
                transfer.fetch(located, name, partial, whole=is_borne, magic=magic)
            except NoParts:
                self._entry.whole_answers += 1
                raise
            except Unreachable:
                if partial.done_bytes == before:
                    raise
                self._run.stop.wait(self._tools.patience.again_s)
        self._check_stop()

    def _check(self, index: int, partial: Partial) -> None:
        """Throws away what is wrong; raises ModelFileInvalid the second time."""
        self._report("checking", "Checking what arrived")
        if partial.digest(self._ticking(partial)) == partial.expected.sha256:
            try:
                if not self._is_archive(index):
                    check_header(partial.path, self._names[index])
            except ModelFileInvalid:
                partial.discard()
                raise
            partial.vouch()
            return
        partial.discard()
        self._count()
        self._entry.rounds += 1
        if self._entry.rounds >= _ROUNDS:
            self._entry.rounds = 0
            raise ModelFileInvalid(
                f"{self._names[index]} arrived damaged, twice.",
                "What came is not what the hub says it should be (SHA-256); it was thrown away.",
                "Try again later, or over another connection.",
            )

    def _is_archive(self, index: int) -> bool:
        return self._wanted.parts[index].role == "archive"

    def _arrived(self, n_bytes: int) -> None:
        entry = self._entry
        entry.done_bytes += n_bytes
        entry.meter.add(n_bytes)
        now = time.monotonic()
        if now - self._looked_s >= self._tools.patience.look_s:
            self._looked_s = now
            self._look()

    def _look(self) -> None:
        """Whether the disk is still there, and has room for the rest."""
        for partial in self._entry.partials.values():
            if partial.is_open and not partial.is_in_place():
                raise OSError(0, "the partial file was removed")
        self._check_room(0, spare=self._spare() // 2)

    def _check_room(self, elsewhere_bytes: int, spare: int | None = None) -> None:
        left = self._entry.total_bytes - self._entry.done_bytes
        room = self._spare() if spare is None else spare
        if left > 0:
            check_room(self._folder, left + elsewhere_bytes, room)

    def _spare(self) -> int:
        return spare_for(self._entry.total_bytes, self._tools.spare_bytes)

    def _count(self) -> None:
        """How much is here, from what is known of each file."""
        partials = self._entry.partials.values()
        self._entry.done_bytes = self._settled_bytes + sum(one.here_bytes() for one in partials)

    def _ticking(self, partial: Partial) -> Callable[[int], None]:
        total = max(1, partial.expected.bytes)

        def tick(done: int) -> None:
            self._check_stop()
            self._entry.checked = min(1.0, done / total)

        return tick

    def _check_stop(self) -> None:
        if self._run.stop.is_set:
            raise Stopped

    def _report(self, state: State, checking: str = "") -> None:
        self._entry.checked, self._entry.checking = 0.0, checking
        self._desk.report(self._entry, self._run, state)
