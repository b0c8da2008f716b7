"""The downloads for the window: what is under way now, and who hears when that changes.

GUI thread. What the downloader says on its own threads arrives here at most four times a second;
what is asked of it is done in turn on another thread. Knows no widget.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future, wait
from dataclasses import replace
from functools import partial
from typing import Any, Protocol

from PySide6.QtCore import QElapsedTimer, QObject, QTimer, Signal

from app.gui.aside import InTurn
from app.gui.bridge import Bridge
from app.gui.downloads.leaving import Leaving
from app.models.wanted import ENDED, Progress, Wanted

REFRESH_MS = 250
_CLOSE_S = 0.3
UNDO_MS = 10_000
"""How long a cancelled download can be brought back with all that is here of it."""


class Downloader(Protocol):
    """What the window needs of `app.models.download`. Every call may wait for a disk."""

    def states(self) -> tuple[Progress, ...]: ...

    def add(self, wanted: Wanted) -> str: ...

    def pause(self, key: str) -> None: ...

    def resume(self, key: str) -> None: ...

    def cancel(self, key: str) -> None: ...

    def clear(self, key: str) -> None: ...

    def try_now(self) -> None: ...

    def listen(self, callback: Callable[[str], None], /) -> Callable[[], None]: ...


class DownloadsModel(QObject):
    """One for the whole window. `states()` is what was last heard, and never waits.

    `changed(key)` follows each change of one download, its going included; `finished` and
    `failed` only what ended while the window was open. `refreshed` follows a round of changes.
    A cancelled one is out of the list at once, and `leaving` until `undo` is too late.
    """

    changed = Signal(str)
    finished = Signal(str)
    failed = Signal(str)
    cancelled = Signal(str)
    refreshed = Signal()

    def __init__(
        self,
        build: Callable[[], Downloader] | None,
        bridge: Bridge,
        on_error: Callable[[BaseException], None],
        parent: QObject | None = None,
    ) -> None:
        """`build` may take a moment and is called on another thread; None: nothing downloads."""
        super().__init__(parent)
        self._build = build
        self._bridge = bridge
        self._on_error = on_error
        self._turn = InTurn()
        self._downloader: Downloader | None = None
        self._unlisten: Callable[[], None] | None = None
        self._known: dict[str, Progress] = {}
        self._asked: dict[str, Progress] = {}
        self.leaving = Leaving(self._leave, self)
        self._is_open = self._is_closed = self._is_asking = self._is_stale = False
        self._has_looked = False
        self.undo_ms = UNDO_MS
        self._told = bridge.mailbox(self._hear)
        self._since = QElapsedTimer()
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.timeout.connect(self._refresh)

    @property
    def is_available(self) -> bool:
        """Whether anything can be downloaded at all."""
        return self._build is not None

    def open(self) -> None:
        """Begin: go on with what an earlier start left. After the first paint."""
        build = self._build
        if build is None or self._is_open:
            return
        self._is_open = True

        def work() -> Downloader:
            self._downloader = build()
            return self._downloader

        self._bridge.watch(self._turn.do(work), self._built, self._on_error)

    def close(self) -> None:
        """Hear nothing more; what was cancelled can no longer be brought back."""
        gone = self.leaving.end_now()
        self._is_closed = True
        self._timer.stop()
        wait([each for each in gone if isinstance(each, Future)], timeout=_CLOSE_S)
        if self._unlisten is not None:
            self._unlisten()
            self._unlisten = None

    def states(self) -> tuple[Progress, ...]:
        """Every download in the list, in the order it was asked for."""
        listed = {**self._known, **self._asked}
        return tuple(each for key, each in listed.items() if not self.leaving.hides(key))

    def of(self, wanted: Wanted) -> Progress | None:
        """How far this one has come; None if it is not in the list."""
        return self.at(wanted.key)

    def at(self, key: str) -> Progress | None:
        """The same by its key."""
        if self.leaving.hides(key):
            return None
        return self._asked.get(key) or self._known.get(key)

    def add(self, wanted: Wanted) -> None:
        """Download this; shown as waiting at once."""
        if self._build is None:
            return
        self.open()
        if self.leaving.at(wanted.key) is not None:
            self.undo(wanted.key)
            return
        self.leaving.forget(wanted.key)
        at = self.of(wanted)
        if at is None or at.state in ENDED:
            self._asked[wanted.key] = Progress(
                wanted.key, wanted, "queued", total_bytes=wanted.bytes
            )
            self._say(wanted.key)
        self._do(lambda downloader: downloader.add(wanted), wanted.key)

    def pause(self, key: str) -> None:
        """Stop for now; what is there is kept."""
        at = self.at(key)
        if at is not None and at.state not in ENDED:
            self._asked[key] = replace(at, state="paused", bytes_per_s=0.0, left_s=None, note="")
            self._say(key)
        self._do(lambda downloader: downloader.pause(key), key)

    def resume(self, key: str) -> None:
        """Go on, or try again what failed."""
        at = self.at(key)
        if at is not None and at.state in ("paused", "failed", "waiting"):
            self._asked[key] = replace(at, state="queued", error=None, note="")
            self._say(key)
        self._do(lambda downloader: downloader.resume(key), key)

    def cancel(self, key: str) -> None:
        """Stop it, and a little later forget what is here of it."""
        at = self.at(key)
        if at is None:
            return
        self.leaving.begin(at, self.undo_ms)
        if at.state not in ENDED:
            self._do(lambda downloader: downloader.pause(key), key)
        self._say(key)
        self.cancelled.emit(key)

    def undo(self, key: str) -> None:
        """Bring back what was cancelled, as it was."""
        before = self.leaving.take_back(key)
        if before is None:
            return
        self._say(key)
        if before.state not in (*ENDED, "paused"):
            self.resume(key)

    def clear(self, key: str) -> None:
        """Take what has ended out of the list."""
        self._do(lambda downloader: downloader.clear(key), key)

    def try_now(self) -> None:
        """Something changed that those which wait may wait for, such as the offline switch."""
        if self._is_open:
            self._do(lambda downloader: downloader.try_now(), "")

    def _leave(self, key: str) -> Future[object]:
        self._say(key)
        return self._do(lambda downloader: downloader.cancel(key), key)

    def _built(self, downloader: Downloader) -> None:
        if self._is_closed:
            return
        self._unlisten = downloader.listen(self._told.append)
        self._refresh()

    def _do(self, act: Callable[[Downloader], object], key: str) -> Future[Any]:
        """In turn, after it was built. What was shown meanwhile gives way to what came of it."""

        def work() -> tuple[Progress, ...] | None:
            downloader = self._downloader
            if downloader is None:
                return None
            act(downloader)
            return downloader.states()

        done = self._turn.do(work)
        self._bridge.watch(done, partial(self._acted, key), partial(self._not_acted, key))
        return done

    def _acted(self, key: str, states: tuple[Progress, ...] | None) -> None:
        self._asked.pop(key, None)
        self.leaving.forget(key)
        if states is not None:
            self._take(states)

    def _not_acted(self, key: str, error: BaseException) -> None:
        self._asked.pop(key, None)
        self.leaving.forget(key)
        self._say(key)
        self._on_error(error)

    def _hear(self, _told: list[str]) -> None:
        """Something changed: look at all of it, but not more often than eyes can follow."""
        if self._is_closed or self._timer.isActive():
            return
        since_ms = self._since.elapsed() if self._since.isValid() else REFRESH_MS
        self._timer.start(max(0, REFRESH_MS - since_ms))

    def _refresh(self) -> None:
        if self._downloader is None or self._is_closed:
            return
        if self._is_asking:
            self._is_stale = True
            return
        self._is_asking = True
        self._since.start()
        self._bridge.watch(self._turn.do(self._downloader.states), self._looked, self._not_looked)

    def _looked(self, states: tuple[Progress, ...]) -> None:
        self._is_asking = False
        self._take(states)
        if self._is_stale:
            self._is_stale = False
            self._hear([])

    def _not_looked(self, error: BaseException) -> None:
        self._is_asking = False
        self._on_error(error)

    def _take(self, states: tuple[Progress, ...]) -> None:
        """Make these the known ones, and tell what differs."""
        if self._is_closed:
            return
        before, self._known = self._known, {each.key: each for each in states}
        is_first, self._has_looked = not self._has_looked, True
        told = [key for key in before if key not in self._known]
        told += [each.key for each in states if before.get(each.key) != each]
        for key in told:
            self.changed.emit(key)
            old, new = before.get(key), self._known.get(key)
            if new is None or is_first or (old is not None and old.state == new.state):
                continue
            if new.state == "done":
                self.finished.emit(key)
            elif new.state == "failed":
                self.failed.emit(key)
        if told:
            self.refreshed.emit()

    def _say(self, key: str) -> None:
        self.changed.emit(key)
        self.refreshed.emit()
