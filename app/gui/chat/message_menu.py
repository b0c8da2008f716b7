"""The menu of a message: everything its row of actions can do, its links and its code. GUI thread.

The keyboard's way to links: each is listed with its target, and choosing one only asks.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from PySide6.QtCore import QObject, QPoint, Signal
from PySide6.QtWidgets import QApplication, QMenu

from app.gui.chat.message_actions import Offer
from app.gui.chat.transcript import Transcript
from app.gui.safe_text import one_line

_MAX_LINKS = 20
_LINK_CHARS = 70


class MessageMenu(QObject):
    """Opens where the transcript asks for it."""

    edit_asked = Signal(int)
    regenerate_asked = Signal(int)
    continue_asked = Signal(int)
    version_asked = Signal(int, int)
    link_chosen = Signal(str, QPoint)

    def __init__(self, transcript: Transcript, offer_for: Callable[[int], Offer]) -> None:
        super().__init__(transcript)
        self._view = transcript
        self._offer_for = offer_for
        transcript.menu_asked.connect(self._open)

    def menu_for(self, number: int, at: QPoint) -> QMenu:
        """The menu of one message; links open near `at`, a point of the screen."""
        menu = QMenu(self._view)
        message = self._view.messages[number]
        if not self._view.selection.is_empty:
            menu.addAction(self.tr("Copy the selection"), self._view.copy)
        copy = partial(QApplication.clipboard().setText, message.body.text)
        menu.addAction(self.tr("Copy the message"), copy)
        offer = self._offer_for(number)
        for is_offered, words, signal in (
            (offer.can_edit, self.tr("Edit and send again"), self.edit_asked),
            (offer.can_regenerate, self.tr("Answer again"), self.regenerate_asked),
            (offer.can_continue, self.tr("Continue"), self.continue_asked),
        ):
            if is_offered:
                menu.addAction(words, partial(signal.emit, number))
        if offer.version > 1:
            back = partial(self.version_asked.emit, number, -1)
            menu.addAction(self.tr("Earlier version"), back)
        if offer.version < offer.n_versions:
            on = partial(self.version_asked.emit, number, 1)
            menu.addAction(self.tr("Later version"), on)
        self._add_links(menu, number, at)
        return menu

    def _add_links(self, menu: QMenu, number: int, at: QPoint) -> None:
        links = self._view.messages[number].body.links()[:_MAX_LINKS]
        if not links:
            return
        menu.addSeparator()
        point = self._view.viewport().mapFromGlobal(at)
        for target in links:
            words = one_line(target, _LINK_CHARS).replace("&", "&&")
            menu.addAction(words, partial(self.link_chosen.emit, target, point))

    def _open(self, number: int, at: QPoint) -> None:
        if 0 <= number < len(self._view.messages):
            menu = self.menu_for(number, at)
            menu.aboutToHide.connect(menu.deleteLater)
            menu.popup(at)
