"""What can be done with the messages on the page: actions, links, code, versions. GUI thread.

Places the overlays of a transcript and turns what they ask into calls of the exchange.
"""

from __future__ import annotations

from functools import partial
from pathlib import Path as FilePath

from PySide6.QtCore import QObject, QPoint, Qt, Signal

from app.conversations.records import Turn
from app.foundation.errors import HearthError
from app.gui.aside import aside
from app.gui.bridge import Bridge
from app.gui.chat.code_tools import CodeToolsLayer, write_text
from app.gui.chat.exchange import Exchange
from app.gui.chat.link_bar import LinkBar
from app.gui.chat.message_actions import MessageActions, Offer
from app.gui.chat.message_menu import MessageMenu
from app.gui.chat.turn_words import can_continue
from app.gui.chat.versions import Versions
from app.gui.notify import Notifier
from app.gui.services import GuiServices


class Handling(QObject):
    """`edit_asked` carries a turn that is to be changed and sent again."""

    edit_asked = Signal(object)

    def __init__(
        self, services: GuiServices, bridge: Bridge, notify: Notifier, exchange: Exchange
    ) -> None:
        transcript = exchange.path.view
        super().__init__(transcript)
        self._view = transcript
        self._exchange = exchange
        self._versions = Versions(services, bridge, exchange, self)
        self._bridge = bridge
        self._notify = notify
        self.actions = MessageActions(transcript, self.offer_for)
        self.code_tools = CodeToolsLayer(transcript)
        self.link_bar = LinkBar(transcript.viewport())
        self.menu = MessageMenu(transcript, self.offer_for)
        for source in (self.actions, self.menu):
            source.edit_asked.connect(self._edit)
            source.regenerate_asked.connect(self._regenerate)
            source.continue_asked.connect(self._continue)
            source.version_asked.connect(self._step_version)
        self.menu.link_chosen.connect(self._ask_about_link)
        transcript.link_chosen.connect(self._ask_about_link)
        self.code_tools.save_asked.connect(self._save_code)
        self.link_bar.closed.connect(self._link_closed)

    def offer_for(self, number: int) -> Offer:
        """What a message can have done to it now."""
        turn = self._turn(number)
        if turn is None or turn.state == "writing":
            return Offer(is_quiet=True)
        is_last = number == len(self._exchange.path.turns) - 1
        is_free = not self._exchange.is_answering
        is_user = turn.role == "user"
        return Offer(
            can_edit=is_user and is_free,
            can_regenerate=is_free and (not is_user or is_last),
            can_continue=is_free and is_last and can_continue(turn),
            version=turn.sibling_index + 1,
            n_versions=turn.n_siblings if is_free else 1,
        )

    def _turn(self, number: int) -> Turn | None:
        turns = self._exchange.path.turns
        return turns[number] if 0 <= number < len(turns) else None

    def _edit(self, number: int) -> None:
        turn = self._turn(number)
        if turn is not None and turn.role == "user":
            self.edit_asked.emit(turn)

    def _regenerate(self, number: int) -> None:
        turn = self._turn(number)
        if turn is not None:
            self._exchange.regenerate(turn.id)

    def _continue(self, number: int) -> None:
        turn = self._turn(number)
        if turn is not None:
            self._exchange.resume(turn.id)

    def _step_version(self, number: int, by: int) -> None:
        turn = self._turn(number)
        if turn is not None:
            self._versions.step(turn, by)

    def _ask_about_link(self, target: str, point: QPoint) -> None:
        self.link_bar.ask(target, point)

    def _link_closed(self) -> None:
        self._view.setFocus(Qt.FocusReason.OtherFocusReason)

    def _save_code(self, name: str, text: str) -> None:
        from PySide6.QtWidgets import QFileDialog  # with a cost of its own: when asked for

        dialog = QFileDialog(self._view, self.tr("Save the code"), str(FilePath.home()))
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        dialog.setAcceptMode(QFileDialog.AcceptMode.AcceptSave)
        dialog.selectFile(name)
        dialog.fileSelected.connect(partial(self._write_code, text))
        dialog.open()

    def _write_code(self, text: str, path: str) -> None:
        future = aside(partial(write_text, FilePath(path), text))
        self._bridge.watch(future, partial(self._saved, path), self._not_saved)

    def _saved(self, path: str, _nothing: None) -> None:
        self._notify.tell(self.tr("Saved as %1").replace("%1", FilePath(path).name))

    def _not_saved(self, error: BaseException) -> None:
        words = self.tr("The file could not be written.")
        self._notify.error(HearthError(words, str(error), self.tr("Choose another folder.")))
