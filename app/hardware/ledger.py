"""What was tried on this machine, and how it ended: `state/hardware.json`.

An intent is on disk before a risky step; one whose process is gone says what may have ended it,
and twice in a row what did. Bad ends are not tried again for the same runtime and driver. Losing
the file only costs trying again.
"""

from __future__ import annotations

import atexit
import contextlib
import dataclasses
import json
import logging
import os
import threading
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, Literal, get_args

from app.foundation.atomic import write_atomically

FILE: Final = "hardware.json"
_VERSION = 1
_KEPT = 100
_CLOCK_SLACK_S = 2.0
"""By how much the system's answers to when a process began may differ."""

Kind = Literal["runtime", "variant", "module", "device", "choice", "disk"]
Outcome = Literal["good", "died", "hung", "rejected", "failed", "interrupted", "trying"]
BAD: Final = frozenset({"died", "hung", "rejected", "failed"})
_KINDS = frozenset(get_args(Kind))
_OUTCOMES = frozenset(get_args(Outcome))

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Key:
    """What a result holds for. `driver` is "" for what needs none."""

    kind: Kind
    name: str
    runtime: str
    driver: str = ""


@dataclass(frozen=True, slots=True)
class Entry:
    """One thing that was tried. `since_s` is the time of day, in seconds since 1970.

    `is_again` marks an intent whose last one was interrupted.
    """

    key: Key
    outcome: Outcome
    why: str = ""
    since_s: float = 0.0
    found: Mapping[str, Any] = field(default_factory=dict)
    process: tuple[int, float] = (0, 0.0)
    is_again: bool = False

    @property
    def is_bad(self) -> bool:
        return self.outcome in BAD

    @property
    def is_open(self) -> bool:
        """Whether no try of it has come to an end."""
        return self.outcome in ("trying", "interrupted")


class Attempt:
    """A step under way. Without a verdict it is as if it had not been tried."""

    def __init__(self) -> None:
        self.outcome: Outcome | None = None
        self.why = ""
        self.found: Mapping[str, Any] = {}

    def good(self, found: Mapping[str, Any]) -> None:
        self.outcome, self.found = "good", found

    def bad(self, outcome: Outcome, why: str) -> None:
        self.outcome, self.why = outcome, why


class Ledger:
    """The file of one profile; kept in memory too, for where it cannot be written. Thread-safe."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / FILE
        self._lock = threading.Lock()
        self._entries: dict[Key, Entry] = {}
        self._looked_at: set[Key] = set()
        self._is_ours = False  # the file could not be written: memory holds what is true
        self._open: dict[Key, Entry | None] = {}  # intents, and what was known before each
        self._is_closed = False

    def get(self, key: Key) -> Entry | None:
        """How the last try of this ended, if there was one."""
        with self._lock:
            return self._read().get(key)

    def is_first_look(self, key: Key) -> bool:
        """True once in this process."""
        with self._lock:
            is_first = key not in self._looked_at
            self._looked_at.add(key)
            return is_first

    def entries(self) -> list[Entry]:
        """Everything, oldest first."""
        with self._lock:
            return sorted(self._read().values(), key=lambda entry: entry.since_s)

    @contextlib.contextmanager
    def trying(self, key: Key) -> Iterator[Attempt]:
        """Note the intent, then the verdict given to the attempt.

        A block that ends without one, in whatever way, leaves what was known before.
        """
        attempt = Attempt()
        with self._lock:
            before = self._read().get(key)
            if not self._is_closed:
                if not self._open:
                    atexit.register(self.close)
                self._open[key] = before
                self._put(_intent(key, before))
        try:
            yield attempt
        finally:
            with self._lock:
                self._open.pop(key, None)
                if not self._open:
                    atexit.unregister(self.close)
                if self._is_closed:
                    pass  # what ends with the process proves nothing
                elif attempt.outcome is not None:
                    self._put(
                        Entry(key, attempt.outcome, attempt.why, time.time(), dict(attempt.found))
                    )
                else:
                    self._put(before, remove=key)

    def close(self) -> None:
        """An orderly end has begun: whatever is being tried on other threads ends with it, and
        that is no death. Nothing is written any more."""
        atexit.unregister(self.close)
        with self._lock:
            for key, before in self._open.items():
                self._put(before, remove=key)
            self._is_closed = True

    def note(self, key: Key, found: Mapping[str, Any]) -> None:
        """Keep a result that came without risk."""
        with self._lock:
            before = self._read().get(key)
            if before is not None and dict(before.found) == dict(found):
                return
            self._put(Entry(key, "good", since_s=time.time(), found=dict(found)))

    def forget_bad(self) -> list[Entry]:
        """Let everything that ended badly be tried again; returns what that is."""
        with self._lock:
            entries = self._read()
            bad = [entry for entry in entries.values() if entry.is_bad]
            for entry in bad:
                del entries[entry.key]
            if bad:
                self._write(entries)
            return bad

    def _put(self, entry: Entry | None, *, remove: Key | None = None) -> None:
        entries = self._read()
        if remove is not None:
            entries.pop(remove, None)
        if entry is not None:
            entries.pop(entry.key, None)  # the newest stands last
            entries[entry.key] = entry
        self._write(entries)

    def _read(self) -> dict[Key, Entry]:
        """What the file says, judged as of now; one that cannot be read is as good as none."""
        if self._is_ours:
            return dict(self._entries)
        try:
            saved = json.loads(self._path.read_text("utf-8"))
            if saved["version"] != _VERSION:
                return {}
            entries = [_judged(_entry(item)) for item in saved["tried"]]
        except FileNotFoundError:
            return {}
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            _log.warning("the ledger of this machine cannot be read: %s", error)
            return {}
        return {entry.key: entry for entry in entries}

    def _write(self, entries: dict[Key, Entry]) -> None:
        if self._is_closed:
            return
        newest = dict(list(entries.items())[-_KEPT:])
        self._entries = newest
        text = json.dumps(
            {"version": _VERSION, "tried": [dataclasses.asdict(e) for e in newest.values()]},
            indent=1,
        )
        try:
            write_atomically(self._path, text.encode("utf-8"))
            self._is_ours = False
        except OSError as error:
            _log.warning("this machine will be probed again: %s", error)
            self._is_ours = True


def _entry(saved: Mapping[str, Any]) -> Entry:
    key = saved["key"]
    if key["kind"] not in _KINDS or saved["outcome"] not in _OUTCOMES:
        raise ValueError("an unknown kind or outcome")
    pid, began_s = saved["process"]
    return Entry(
        Key(key["kind"], str(key["name"]), str(key["runtime"]), str(key["driver"])),
        saved["outcome"],
        str(saved["why"]),
        float(saved["since_s"]),
        dict(saved["found"]),
        (int(pid), float(began_s)),
        saved.get("is_again") is True,
    )


def _intent(key: Key, before: Entry | None) -> Entry:
    is_again = before is not None and before.outcome == "interrupted"
    return Entry(key, "trying", since_s=time.time(), process=_this_process(), is_again=is_again)


def _judged(entry: Entry) -> Entry:
    """An intent whose process is gone may be a death, of Hearth or of the whole computer; or
    somebody ended Hearth just then, which hardly happens twice in a row."""
    if entry.outcome != "trying" or _is_alive(entry.process):
        return entry
    if not entry.is_again:
        return dataclasses.replace(entry, outcome="interrupted")
    why = "Hearth or the computer ended twice while it was being tried"
    return dataclasses.replace(entry, outcome="died", why=why)


def _this_process() -> tuple[int, float]:
    import psutil

    return os.getpid(), float(psutil.Process().create_time())


def _is_alive(process: tuple[int, float]) -> bool:
    """The number alone does not tell: the system gives numbers again."""
    import psutil

    pid, began_s = process
    try:
        return abs(psutil.Process(pid).create_time() - began_s) < _CLOCK_SLACK_S
    except (psutil.Error, ValueError, OverflowError):
        return False
