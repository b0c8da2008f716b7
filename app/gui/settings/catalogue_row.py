"""The list of models on the settings page: which is in use, a newer one, and the way back.

GUI thread; the work runs elsewhere. Nobody is asked before the button is pressed.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from PySide6.QtCore import QCoreApplication
from PySide6.QtGui import QShowEvent
from PySide6.QtWidgets import QWidget

from app.foundation.errors import HearthError
from app.foundation.paths import Profile
from app.gui.aside import aside
from app.gui.bridge import Bridge
from app.gui.notify import Notifier
from app.gui.safe_text import one_line
from app.gui.widgets.buttons import TextButton
from app.gui.widgets.cards import FoldingRow
from app.gui.widgets.focus import held
from app.gui.widgets.plain import PlainLabel

if TYPE_CHECKING:
    from app.models.catalogue_update import CatalogueUpdates, Update, UpdateState

translate = QCoreApplication.translate
_NAMED = 5
"""So many models are named; of the others only the number is said."""


@dataclass(frozen=True, slots=True)
class Listed:
    """What is in use, and what came of what was asked for; `update` where that was a newer one."""

    state: UpdateState
    n_models: int
    update: Update | None = None


class CatalogueRow(FoldingRow):
    """One quiet line, with a button only where there is something to press it for."""

    def __init__(
        self,
        updates: Callable[[], CatalogueUpdates],
        profile: Profile,
        bridge: Bridge,
        notify: Notifier,
        parent: QWidget | None = None,
    ) -> None:
        """`updates` may take a moment."""
        super().__init__(parent)
        self._updates = updates
        self._profile = profile
        self._bridge = bridge
        self._notify = notify
        self._is_busy = False
        self.listed: Listed | None = None
        self.state = PlainLabel(role="secondary")
        self.problem = PlainLabel(role="problem", selectable=True)
        self.fetch_button = TextButton(self.tr("Look for a newer list"))
        self.undo_button = TextButton(self.tr("Take it back"), "quiet")
        self.undo_button.setAccessibleName(self.tr("Take the newer list of models back"))
        for label in (PlainLabel(self.tr("The list of models")), self.state, self.problem):
            self.words.addWidget(label)
        self._buttons = (self.fetch_button, self.undo_button)
        for button in (self.undo_button, self.fetch_button):
            self.side.addWidget(button)
            button.hide()
        self.problem.hide()
        self.fetch_button.clicked.connect(partial(self._do, _fetch, self.tr("Asking…")))
        self.undo_button.clicked.connect(partial(self._do, _undo, self.tr("Taking it back…")))

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        if not self._is_busy:
            self._do(_look, "")

    def _do(
        self, work: Callable[[CatalogueUpdates, Profile], Listed], words: str, *_: object
    ) -> None:
        if self._is_busy:
            return
        self._is_busy = True
        if words:
            self.state.setText(words)
            self.problem.hide()
        with held(self, self._buttons):
            for button in self._buttons:
                button.setEnabled(False)
        done = aside(partial(_work, work, self._updates, self._profile))
        self._bridge.watch(done, self._done, self._failed)

    def _done(self, listed: Listed) -> None:
        self.listed = listed
        self._settle()

    def _failed(self, error: BaseException) -> None:
        if isinstance(error, HearthError):
            self.problem.setText(str(error))
            self.problem.show()
        else:
            self._notify.error(error)
        self._settle()

    def _settle(self) -> None:
        self._is_busy = False
        listed = self.listed
        self.state.setText("" if listed is None else words_of(listed))
        with held(self, self._buttons):
            self.fetch_button.setVisible(listed is not None and listed.state.is_configured)
            self.undo_button.setVisible(listed is not None and listed.state.is_fetched)
            for button in self._buttons:
                button.setEnabled(True)


def words_of(listed: Listed) -> str:
    """What is in use, and what is new in it."""
    state, update = listed.state, listed.update
    said = [
        translate("Settings", "Number {n}, with {models} models.").format(
            n=state.serial, models=listed.n_models
        )
    ]
    if not state.is_configured:
        said.append(
            translate(
                "Settings",
                "This Hearth knows no place to ask for a newer list: a newer Hearth brings it.",
            )
        )
    if update is None:
        return " ".join(said)
    if not update.is_new:
        said.append(translate("Settings", "It is the newest there is."))
    if update.added:
        said.append(translate("Settings", "New in it: {names}.").format(names=_names(update.added)))
    if update.removed:
        said.append(
            translate("Settings", "No longer in it: {names}.").format(names=_names(update.removed))
        )
    return " ".join(said)


def _names(names: tuple[str, ...]) -> str:
    shown = ", ".join(one_line(name, 60) for name in names[:_NAMED])
    left = len(names) - _NAMED
    if left <= 0:
        return shown
    return translate("Settings", "{names} and {n} more").format(names=shown, n=left)


def _work(
    work: Callable[[CatalogueUpdates, Profile], Listed],
    updates: Callable[[], CatalogueUpdates],
    profile: Profile,
) -> Listed:
    return work(updates(), profile)


def _look(updates: CatalogueUpdates, profile: Profile, update: Update | None = None) -> Listed:
    from app.models.catalog import catalogue

    return Listed(updates.state(), len(catalogue(profile).entries), update)


def _fetch(updates: CatalogueUpdates, profile: Profile) -> Listed:
    return _look(updates, profile, updates.fetch())


def _undo(updates: CatalogueUpdates, profile: Profile) -> Listed:
    updates.undo()
    return _look(updates, profile)
