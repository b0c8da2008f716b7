"""Asks for newer versions and installs them away from the GUI thread; says when something changed.

GUI thread. Holds what is known at one moment; knows no widgets.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any, Literal

from PySide6.QtCore import QObject, QTimer, Signal

from app.foundation.cancellation import Cancellation
from app.foundation.errors import HearthError
from app.gui.aside import aside
from app.gui.bridge import Bridge
from app.gui.notify import Notifier

if TYPE_CHECKING:
    from app.updates.offer import Offer
    from app.updates.updates import Kind, State, Step, Updates

_LOOK_MS = 250
Busy = Literal["", "check", "program", "runtime", "undo"]


class UpdatesDesk(QObject):
    """One for the page. `changed` after anything below did."""

    changed = Signal()

    def __init__(
        self,
        updates: Callable[[], Updates],
        bridge: Bridge,
        notify: Notifier,
        parent: QObject | None = None,
    ) -> None:
        """`updates` may take a moment."""
        super().__init__(parent)
        self._updates = updates
        self._bridge = bridge
        self._notify = notify
        self._stop = Cancellation()
        self.state: State | None = None
        self.offer: Offer | None = None
        self.newer: frozenset[Kind] = frozenset()
        self.busy: Busy = ""
        self.step: Step | None = None
        self.error: HearthError | None = None
        self._timer = QTimer(self)
        self._timer.setInterval(_LOOK_MS)
        self._timer.timeout.connect(self.changed)

    def look(self) -> None:
        """See what is so now; asks nobody."""
        if not self.busy:
            self._do("", partial(_look, self._updates))

    def check(self) -> None:
        """Ask what is offered."""
        self._do("check", partial(_check, self._updates))

    def install(self, kind: Kind) -> None:
        """Fetch, unpack and try it."""
        self._stop = Cancellation()
        self.step = None
        self._do(kind, partial(_install, self._updates, kind, self._stop, self._note))
        if self.busy == kind:
            self._timer.start()

    def stop(self) -> None:
        """What is here is kept."""
        self._stop.cancel()

    def undo(self, kind: Kind) -> None:
        """Back to what was before."""
        self._do("undo", partial(_undo, self._updates, kind))

    def _note(self, step: Step) -> None:
        """Any thread."""
        self.step = step

    def _do(self, busy: Busy, work: Callable[[], Any]) -> None:
        if self.busy:
            return
        self.busy = busy
        if busy:
            self.error = None
        self._bridge.watch(aside(work), self._done, self._failed)
        self.changed.emit()

    def _done(self, found: tuple[State, Offer | None, frozenset[Kind]]) -> None:
        self.state, offer, newer = found
        if offer is not None:
            self.offer, self.newer = offer, newer
        self._settle()

    def _failed(self, error: BaseException) -> None:
        if isinstance(error, HearthError):
            self.error = error
        else:
            self._notify.error(error)
        self._settle()

    def _settle(self) -> None:
        self._timer.stop()
        was_busy, self.busy, self.step = self.busy, "", None
        self.changed.emit()
        if was_busy and self.error is not None:
            self.look()


def _look(updates: Callable[[], Updates]) -> tuple[State, Offer | None, frozenset[Kind]]:
    made = updates()
    return made.state(), *_newer(made, made.offer)


def _check(updates: Callable[[], Updates]) -> tuple[State, Offer | None, frozenset[Kind]]:
    made = updates()
    offer = made.check()
    return made.state(), *_newer(made, offer)


def _install(
    updates: Callable[[], Updates],
    kind: Kind,
    stop: Cancellation,
    told: Callable[[Step], None],
) -> tuple[State, Offer | None, frozenset[Kind]]:
    updates().install(kind, stop, told)
    return _look(updates)


def _undo(
    updates: Callable[[], Updates], kind: Kind
) -> tuple[State, Offer | None, frozenset[Kind]]:
    updates().undo(kind)
    return _look(updates)


def _newer(made: Updates, offer: Offer | None) -> tuple[Offer | None, frozenset[Kind]]:
    from app.updates.updates import KINDS

    if offer is None:
        return None, frozenset()
    return offer, frozenset(kind for kind in KINDS if made.is_newer(offer, kind))
