"""Runs of downloads: how many at once, on a thread each, and what becomes of one when it ended.

Methods want the list's lock held, but for those that a run's own thread calls.
"""

from __future__ import annotations

import logging
import shutil
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

from app.foundation.errors import HearthError
from app.models.download.claim import Claim
from app.models.download.entry import RUNNING, Entry, Run
from app.models.download.herald import Herald
from app.models.download.job import Installed, Job, Tools
from app.models.download.patience import Stopped, verdict
from app.models.download.places import workshop
from app.models.download.queue_file import item_of
from app.models.wanted import State, Wanted

log = logging.getLogger(__name__)

Finished = Callable[[Wanted, tuple[Path, ...], tuple[str, ...]], None]
_TICK_S: Final = 0.25
_WAITING_TICK_S: Final = 1.0


class Crew:
    """Works on `entries`. `leaving` are those that were cancelled and whose files are not yet
    gone; one of the same key begins behind them. `held` are the reasons why nothing may run."""

    def __init__(
        self,
        changed: threading.Condition,
        herald: Herald,
        tools: Tools,
        at_once: Callable[[], int],
        installed: Finished | None,
    ) -> None:
        self.entries: dict[str, Entry] = {}
        self.leaving: dict[str, Entry] = {}
        self.held: list[str] = []
        self.is_closed = False
        self._changed = changed
        self._herald = herald
        self._tools = tools
        self._at_once = at_once
        self._installed = installed

    def step(self) -> float | None:
        """Start what is due. Seconds until something is to be looked at; None: nothing is."""
        now_s = time.monotonic()
        if not self.is_closed:
            if not self.held:
                self._start_some(now_s)
            self._note_moving(now_s)
        return self._pause_s(now_s)

    def set(self, entry: Entry, state: State, error: HearthError | None = None) -> None:
        """Say so, to the list on disk and to whoever listens."""
        entry.state, entry.error, entry.note = state, error, ""
        self.keep(entry.key)
        self._herald.note(entry.key)

    def keep(self, key: str) -> None:
        """Have it in the list on disk, or no more."""
        entry = self.entries.get(key)
        self._herald.keep(key, None if entry is None else item_of(entry))

    def interrupt(self, entry: Entry) -> None:
        """Stop its run, so that another one may follow."""
        if entry.run is not None and entry.state in RUNNING:
            self.set(entry, "queued")
            entry.run.stop.cancel()

    def leave(self, entry: Entry) -> None:
        """It is in the list no more: stop it, and throw away what is not whole."""
        if entry.key in self.leaving:
            return  # it waited behind another one of its key, and has nothing on disk
        self.leaving[entry.key] = entry
        if entry.run is None:
            self._start(entry, self._discard)
        else:
            entry.run.stop.cancel()

    def is_idle(self) -> bool:
        return not self.leaving and all(entry.run is None for entry in self.entries.values())

    def report(self, entry: Entry, run: Run, state: State) -> None:
        """How far a run is, from its own thread."""
        with self._changed:
            if entry.run is run and not run.stop.is_set:
                self.set(entry, state)

    def elsewhere_bytes(self, entry: Entry) -> int:
        """What other runs are still going to write. From a run's own thread."""
        with self._changed:
            others = [one for one in self.entries.values() if one.run and one is not entry]
            return sum(max(0, one.total_bytes - one.done_bytes) for one in others)

    def _start_some(self, now_s: float) -> None:
        n_running = sum(entry.run is not None for entry in self.entries.values())
        for entry in self.entries.values():
            if entry.run is not None or entry.key in self.leaving:
                continue
            if entry.state == "waiting" and entry.due_s <= now_s:
                self.set(entry, "queued")
            if entry.state == "queued" and n_running < max(1, self._at_once()):
                n_running += 1
                self.set(entry, "asking")
                self._start(entry, self._work)

    def _start(self, entry: Entry, work: Callable[[Entry, Run], None]) -> None:
        run = entry.run = Run()
        name = f"download-{entry.key[:6]}"
        threading.Thread(target=work, args=(entry, run), name=name, daemon=True).start()

    def _work(self, entry: Entry, run: Run) -> None:
        result: Installed | HearthError | None
        try:
            result = Job(entry, run, self._tools, self).work()
            self._tell_installed(entry.wanted, result)
        except Stopped:
            result = None
        except HearthError as error:
            result = error
        except Exception:
            log.exception("downloads: a run failed")
            result = HearthError("The download failed in an unforeseen way.", "", "Try again.")
        with self._changed:
            entry.run = None
            self._conclude(entry, run, result)
            self._herald.note(entry.key)

    def _tell_installed(self, wanted: Wanted, result: Installed) -> None:
        if self._installed is None:
            return
        try:
            self._installed(wanted, result.paths, result.sha256s)
        except Exception:
            # The files are in their place; whoever looks there finds them.
            log.exception("downloads: an installed model was not recorded")

    def _conclude(self, entry: Entry, run: Run, result: Installed | HearthError | None) -> None:
        if self.leaving.get(entry.key) is entry:
            self._start(entry, self._discard)
        elif isinstance(result, Installed):
            entry.path = result.paths[0]
            self.set(entry, "done")
        elif isinstance(result, HearthError) and not run.stop.is_set:
            self._judge(entry, result)
        else:
            self.keep(entry.key)

    def _judge(self, entry: Entry, error: HearthError) -> None:
        if entry.done_bytes > entry.tried_bytes:
            entry.tries = 0
        entry.tries, entry.tried_bytes = entry.tries + 1, entry.done_bytes
        found = verdict(error, entry.tries, self._tools.patience)
        log.info("downloads: %s: %s: %s", found.state, entry.wanted.repo, error)
        if found.state == "waiting":
            entry.due_s = time.monotonic() + found.after_s
            self.set(entry, "waiting")
            entry.note = f"{error.title} {error.detail}".strip()
        else:
            self.set(entry, found.state, found.error)

    def _discard(self, entry: Entry, _run: Run) -> None:
        try:
            if entry.folder:
                _throw_away(Path(entry.folder), entry.key)
        except OSError as error:
            log.warning("downloads: partial files were left: %s", error)
        with self._changed:
            entry.run = None
            del self.leaving[entry.key]
            self._herald.wake()

    def _note_moving(self, now_s: float) -> None:
        for entry in self.entries.values():
            every_s = _TICK_S if entry.state in RUNNING else _WAITING_TICK_S
            is_moving = entry.state in RUNNING or entry.state == "waiting"
            if is_moving and now_s - entry.told_s >= every_s:
                entry.told_s = now_s
                self._herald.note(entry.key)

    def _pause_s(self, now_s: float) -> float | None:
        if self.is_closed:
            return None if self.is_idle() else _WAITING_TICK_S
        states = {entry.state for entry in self.entries.values()}
        if states & RUNNING:
            return _TICK_S
        due = [entry.due_s for entry in self.entries.values() if entry.state == "waiting"]
        if due:
            return min(_WAITING_TICK_S, max(0.01, min(due) - now_s))
        is_busy = "queued" in states or not self.is_idle()
        return _WAITING_TICK_S if is_busy else None


def _throw_away(folder: Path, key: str) -> None:
    """The partial files of a download, unless another Hearth is at them. Raises OSError."""
    shop = workshop(folder, key)
    if not shop.is_dir():
        return
    claim = Claim.take(shop.with_suffix(".lock"))
    if claim is not None:
        shutil.rmtree(shop, ignore_errors=True)
        claim.release(remove=True)
