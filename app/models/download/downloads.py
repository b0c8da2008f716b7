"""All downloads of one profile: a queue, a few at a time, one speed limit, one list for all faces.

Any thread may call; only `begin`, `wait`, `held` and `close` wait. Nothing is done on the
caller's thread but bookkeeping.
"""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from app.models.download.asking import check
from app.models.download.crew import Crew, Finished
from app.models.download.entry import RUNNING, Entry
from app.models.download.herald import Callback, Herald
from app.models.download.job import Tools
from app.models.download.pace import Limit
from app.models.download.partial import part_bytes
from app.models.download.patience import Patience
from app.models.download.places import workshop
from app.models.download.queue_file import QueueFile, left_behind
from app.models.download.space import SPARE_BYTES
from app.models.wanted import ENDED, Locate, Progress, Wanted
from app.network.client import Client


class Downloads:
    """The list. What a former start left in it is taken up by `begin`."""

    def __init__(
        self,
        folder: Callable[[], Path],
        locate: Locate,
        client: Callable[[], Client],
        state: Path,
        *,
        at_once: Callable[[], int] = lambda: 2,
        most_bytes_per_s: Callable[[], int] = lambda: 0,
        installed: Finished | None = None,
        patience: Patience | None = None,
        spare_bytes: int = SPARE_BYTES,
    ) -> None:
        """`folder` is where models go, asked for each download; `state` the folder of the list.
        `installed` is called on a worker thread once all files of a download are in place."""
        tools = Tools(
            folder, locate, client, Limit(most_bytes_per_s), patience or Patience(), spare_bytes
        )
        self._folder = folder
        self._changed = threading.Condition()
        self._file = QueueFile(state / "downloads.json")
        self._herald = Herald(self._changed, self._file, self._step)
        self._crew = Crew(self._changed, self._herald, tools, at_once, installed)

    def begin(self) -> None:
        """Take up what a former start left: what was paused stays so, and so does what is on disk
        but not in the list. Waits for the disk."""
        found = self._file.load() + left_behind(self._folder())
        for entry in found:
            if entry.folder:
                entry.done_bytes = part_bytes(workshop(Path(entry.folder), entry.key))
        with self._changed:
            for entry in found:
                if entry.key not in self._crew.entries:
                    self._crew.entries[entry.key] = entry
                    self._herald.note(entry.key)

    def add(self, wanted: Wanted) -> str:
        """Have it on the disk; its key. One that is in the list goes on, or is made again; one that
        is another file now begins anew.

        Raises InvalidInput for what cannot be fetched.
        """
        check(wanted)
        key = wanted.key
        with self._changed:
            entry = self._crew.entries.get(key)
            if entry is not None and entry.state not in RUNNING and entry.is_other(wanted):
                self.cancel(key)  # what is here of it belongs to what it was before
                entry = None
            if entry is None or entry.state == "done":
                self._crew.entries[key] = Entry(wanted)
            self._go_on(key)
        return key

    def pause(self, key: str) -> None:
        """Stop it; what is here is kept."""
        with self._changed:
            entry = self._crew.entries.get(key)
            if entry is not None and entry.state not in (*ENDED, "paused"):
                self._crew.set(entry, "paused")
                if entry.run is not None:
                    entry.run.stop.cancel()

    def resume(self, key: str) -> None:
        """Go on with one that was paused, failed or waits."""
        with self._changed:
            self._go_on(key)

    def cancel(self, key: str) -> None:
        """Take it out of the list, and throw away what is not whole."""
        with self._changed:
            entry = self._crew.entries.pop(key, None)
            if entry is None:
                return
            self._crew.keep(key)
            self._herald.note(key)
            if entry.state != "done":
                self._crew.leave(entry)

    def clear(self, key: str) -> None:
        """Take one that ended out of the list."""
        with self._changed:
            entry = self._crew.entries.get(key)
            if entry is not None and entry.state in ENDED:
                self.cancel(key)

    def try_now(self) -> None:
        """Something changed that those which wait may wait for."""
        with self._changed:
            for entry in self._crew.entries.values():
                entry.due_s = 0.0
            self._herald.wake()

    def state(self, key: str) -> Progress | None:
        """How far one has come; None where it is not in the list."""
        with self._changed:
            entry = self._crew.entries.get(key)
            return None if entry is None else entry.progress(self._why_held())

    def states(self) -> tuple[Progress, ...]:
        """All of the list, in the order of their coming."""
        with self._changed:
            held = self._why_held()
            return tuple(entry.progress(held) for entry in self._crew.entries.values())

    def listen(self, callback: Callback) -> Callable[[], None]:
        """Call with the key of what changed, at most ten times a second each; the result ends it.

        Always on one worker thread; must return soon.
        """
        return self._herald.listen(callback)

    def wait(self, key: str, timeout_s: float | None = None) -> Progress | None:
        """Until it is over or paused, or for so long; then how far it has come."""

        def is_still() -> bool:
            entry = self._crew.entries.get(key)
            if entry is None:
                return key not in self._crew.leaving
            has_stopped = entry.state in (*ENDED, "paused") or self._crew.is_closed
            return has_stopped and entry.run is None

        with self._changed:
            self._changed.wait_for(is_still, timeout_s)
        return self.state(key)

    @contextlib.contextmanager
    def held(self, why: str) -> Iterator[None]:
        """Nothing is written to the models folder within; `why` is a sentence for people."""
        with self._changed:
            self._crew.held.append(why)
            self._interrupt_all()
            self._changed.wait_for(self._crew.is_idle)
        try:
            yield
        finally:
            with self._changed:
                self._crew.held.remove(why)
                self._note_all()

    def close(self, deadline_s: float) -> bool:
        """Stop all; they go on at the next start. True if all of it ended in time."""
        end_s = time.monotonic() + deadline_s
        with self._changed:
            self._crew.is_closed = True
            self._interrupt_all()
            thread = self._herald.close()
            ended = self._changed.wait_for(self._crew.is_idle, deadline_s)
        if thread is not None:
            thread.join(max(0.0, end_s - time.monotonic()))
            ended = ended and not thread.is_alive()
        return ended

    def _step(self) -> float | None:
        return self._crew.step()

    def _go_on(self, key: str) -> None:
        entry = self._crew.entries.get(key)
        if entry is not None and entry.state in ("queued", "paused", "failed", "waiting"):
            entry.tries = entry.rounds = entry.whole_answers = 0
            self._crew.set(entry, "queued")

    def _interrupt_all(self) -> None:
        for entry in self._crew.entries.values():
            self._crew.interrupt(entry)
        self._note_all()

    def _note_all(self) -> None:
        for key in self._crew.entries:
            self._herald.note(key)

    def _why_held(self) -> str:
        return self._crew.held[-1] if self._crew.held else ""
