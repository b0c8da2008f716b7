"""Carries out what is asked of one model on this computer, and shows it under its row.

GUI thread; the work runs on others. A row that is gone by then is not told.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path

from PySide6.QtCore import QObject, QProcess, Qt, QUrl, Signal
from PySide6.QtGui import QDesktopServices

from app.engine.messages import LoadCancelled
from app.foundation.cancellation import Cancellation
from app.foundation.errors import HearthError
from app.foundation.units import bytes_text
from app.gui.aside import aside
from app.gui.bridge import Bridge
from app.gui.models.library.row import KeptRow
from app.gui.models.library.stock import Stocking
from app.gui.notify import Notifier
from app.gui.safe_text import one_line


class Deed(QObject):
    """One piece of work on one row; belongs to the row and goes with it. `ended` says whether
    the list has to be looked at anew, `removed(files, was_in_use)` what is in the trash."""

    ended = Signal(bool)
    removed = Signal(list, bool)

    def __init__(self, row: KeptRow, stocking: Stocking, bridge: Bridge, notify: Notifier) -> None:
        super().__init__(row)
        self._row = row
        self._stocking = stocking
        self._bridge = bridge
        self._notify = notify
        self._cancellation = Cancellation()
        self._fractions = bridge.mailbox(self._told)
        self._after: Callable[[bool], None] | None = None
        self.is_running = False

    def begin(self, what: str) -> None:
        """Do it, or ask for the word it needs."""
        if self.is_running:
            return
        {
            "verify": self._verify,
            "reveal": self._reveal,
            "remove": self._ask_remove,
            "forget": self._forget,
        }[what]()

    def stop(self) -> None:
        """Give up what is under way."""
        self._cancellation.cancel()

    def _verify(self) -> None:
        self.is_running = True
        self._cancellation = Cancellation()
        self._row.strip.follow(self.tr("Reading all of it and checking…"), self.stop)
        work = partial(_verified, self._stocking, self._id, self._cancellation, self._report)
        self._bridge.watch(aside(work), self._verified, self._not_verified)

    def _report(self, *so_far: float) -> None:
        """Any thread. A fraction, or what was done of how much."""
        fraction = so_far[0] if len(so_far) == 1 else so_far[0] / max(1.0, so_far[1])
        self._fractions.append(float(fraction))

    def _told(self, fractions: list[float]) -> None:
        if self.is_running:
            self._row.strip.show_fraction(fractions[-1])

    def _verified(self, _: object) -> None:
        self.is_running = False
        self._row.strip.hide()
        self.ended.emit(True)

    def _not_verified(self, error: BaseException) -> None:
        self.is_running = False
        self._row.strip.hide()
        if isinstance(error, LoadCancelled) or self._cancellation.is_set:
            return
        if isinstance(error, HearthError):
            self._row.strip.say(_sentence(error), "danger")
        else:
            self._notify.error(error)
        self.ended.emit(False)

    def _reveal(self) -> None:
        kept = self._row.item.kept
        assert kept is not None
        if not reveal(kept.path):
            self._notify.tell(self.tr("The folder could not be opened."), str(kept.path.parent))

    def _ask_remove(self) -> None:
        kept = self._row.item.kept
        assert kept is not None
        words = self.tr(
            "It moves to the trash. Emptying the trash frees {size}; until then you can bring it "
            "back from there."
        ).format(size=bytes_text(kept.bytes))
        before = {
            "open": self.tr("It is closed first, and the Guide answers from then on."),
            "answering": self.tr(
                "It is writing an answer, which is stopped; the Guide answers from then on."
            ),
        }.get(self._stocking.how_used(kept), "")
        self._row.strip.ask(
            f"{before} {words}".strip(),
            (self.tr("Move to the trash"), self._remove),
            (self.tr("Keep it"), self._keep),
        )

    def _keep(self) -> None:
        self._hold_focus()
        self._row.strip.hide()

    def _remove(self) -> None:
        self._short(self.tr("Moving it to the trash…"), _removed, self._is_removed)

    def _is_removed(self, was_in_use: bool) -> None:
        kept = self._row.item.kept
        assert kept is not None
        detail = self.tr("The Guide answers from now on.") if was_in_use else ""
        name = one_line(self._row.item.name, 60)
        self._notify.tell(self.tr("{name} is in the trash.").format(name=name), detail)
        self.removed.emit([str(path) for path in kept.files], was_in_use)

    def _forget(self) -> None:
        self._short(self.tr("Taking it out of the list…"), _forgotten, None)

    def _hold_focus(self) -> None:
        """The buttons go; who came by keyboard stays at this row."""
        focused = self._row.window().focusWidget()
        if focused is not None and self._row.strip.isAncestorOf(focused):
            self._row.tile.setFocus(Qt.FocusReason.OtherFocusReason)

    def _short(
        self,
        words: str,
        work: Callable[[Stocking, str], bool],
        after: Callable[[bool], None] | None,
    ) -> None:
        self.is_running = True
        self._after = after
        self._hold_focus()
        self._row.strip.follow(words, None)
        done = aside(partial(work, self._stocking, self._id))
        self._bridge.watch(done, self._done, self._not_done)

    def _done(self, result: bool) -> None:
        self.is_running = False
        self._row.strip.hide()
        if self._after is not None:
            self._after(result)
        self.ended.emit(True)

    def _not_done(self, error: BaseException) -> None:
        self.is_running = False
        if isinstance(error, HearthError):
            self._row.strip.say(_sentence(error), "danger")
        else:
            self._row.strip.hide()
            self._notify.error(error)

    @property
    def _id(self) -> str:
        kept = self._row.item.kept
        assert kept is not None
        return kept.id


def reveal(path: Path) -> bool:
    """Show a file in the system's file manager; its folder where that cannot mark a file."""
    if sys.platform == "win32":
        return bool(QProcess.startDetached("explorer", [f"/select,{path}"])[0])
    if sys.platform == "darwin":
        return bool(QProcess.startDetached("open", ["-R", str(path)])[0])
    return QDesktopServices.openUrl(QUrl.fromLocalFile(str(path.parent)))


def _verified(
    stocking: Stocking,
    model_id: str,
    cancellation: Cancellation,
    report: Callable[..., None],
) -> None:
    librarian = stocking.librarian
    if librarian is not None:
        librarian.verify(model_id, cancellation, report)


def _removed(stocking: Stocking, model_id: str) -> bool:
    """Whether it was the model in use."""
    librarian = stocking.librarian
    return librarian is not None and librarian.remove(model_id)


def _forgotten(stocking: Stocking, model_id: str) -> bool:
    librarian = stocking.librarian
    if librarian is not None:
        librarian.forget(model_id)
    return False


def _sentence(error: HearthError) -> str:
    return " ".join(part for part in (error.title, error.detail, error.remedy) if part)
