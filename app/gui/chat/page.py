"""The chat page: model and options above, transcript or welcome in the middle, composer below.

GUI thread. Places its parts and passes on what they ask; an exchange does the talking.
"""

from __future__ import annotations

from dataclasses import replace
from functools import partial

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QKeyEvent, QResizeEvent
from PySide6.QtWidgets import QHBoxLayout, QStackedWidget, QVBoxLayout, QWidget

from app.conversations.records import ConversationOptions, Turn
from app.foundation.errors import HearthError
from app.gui import theme
from app.gui.bridge import Bridge
from app.gui.chat.composer import Composer
from app.gui.chat.context_meter import Asked, ContextMeter
from app.gui.chat.drafts import Drafts
from app.gui.chat.exchange import Exchange
from app.gui.chat.handling import Handling
from app.gui.chat.model_button import ModelButton
from app.gui.chat.options_panel import OptionsPanel
from app.gui.chat.path import Path
from app.gui.chat.readers import Readers
from app.gui.chat.refusal import Refusal
from app.gui.chat.transcript import SIDE_PX, Transcript
from app.gui.chat.turn_words import quiet_line
from app.gui.chat.welcome import Welcome
from app.gui.downloads.model import DownloadsModel
from app.gui.notify import Notifier
from app.gui.services import GuiServices
from app.gui.widgets.buttons import IconButton
from app.gui.widgets.toast import announce
from app.settings.schema import SHOW_QUIET_LINE


class ChatPage(QWidget):
    """`conversation_changed` carries the id of a conversation whose row in a list may differ."""

    conversation_changed = Signal(object)
    open_model_requested = Signal()
    models_requested = Signal()

    def __init__(
        self,
        services: GuiServices,
        bridge: Bridge,
        notify: Notifier,
        parent: QWidget | None = None,
        *,
        downloads: DownloadsModel | None = None,
    ) -> None:
        super().__init__(parent)
        self._services = services
        self._bridge = bridge
        self._notify = notify
        self.model_button = ModelButton(services, bridge, self)
        self._options_button = IconButton(
            "sliders-horizontal",
            self.tr("Options of this chat"),
            shortcut_text="Ctrl+Shift+O",
            parent=self,
        )
        self._middle = QStackedWidget(self)
        self.welcome = Welcome(services, bridge, self._middle, downloads=downloads)
        self.transcript = Transcript(self._middle)
        self.path = Path(self.transcript)
        self.exchange = Exchange(services, bridge, self.path, self)
        self.refusal = Refusal(notify, self.model_button)
        self.composer = Composer(self)
        self._drafts = Drafts(self.composer)
        self._arrange()
        self.options = OptionsPanel(services.settings, self)
        self._readers = Readers(self.transcript)
        self.handling = Handling(services, bridge, notify, self.exchange)
        self._meter = ContextMeter(services, bridge, self._asked_now, self)
        self._connect()
        self._refresh()

    # What the window asks.

    @property
    def conversation_id(self) -> str | None:
        return self.exchange.conversation_id

    def open_conversation(self, conversation_id: str | None) -> None:
        """Show a conversation; None begins a new one."""
        if conversation_id == self.conversation_id and conversation_id is not None:
            return
        self.options.dismiss()
        self.handling.link_bar.dismiss()
        self.refusal.dismiss()
        self._drafts.change(conversation_id)
        self._meter.clear()
        self.exchange.open(conversation_id)

    def focus_composer(self) -> None:
        self.composer.focus()

    def set_model(self, path: str) -> None:
        """Use a model file from now on, in this chat too."""
        if self.exchange.options.model is not None:
            self._choose_options(replace(self.exchange.options, model=None))
        self.model_button.choose(path)

    open_model = set_model

    def regenerate_last(self) -> None:
        """Have the last answer written again."""
        stored = self.path.stored
        if stored and not self.exchange.is_answering:
            self.exchange.regenerate(stored[-1].id)

    def toggle_options(self) -> None:
        """Open or close the options of this chat."""
        if self.options.isVisible():
            self.options.dismiss()
            return
        self.options.fill(self.exchange.options)
        corner = self._options_button.geometry().bottomRight()
        self.options.show_at(corner.x() + 1, corner.y() + theme.SPACE_4)

    # Writing.

    def _send(self, text: str) -> None:
        editing = self._drafts.editing
        was_taken = self.exchange.edit(editing, text) if editing else self.exchange.send(text)
        if was_taken:
            self.refusal.dismiss()
            self._drafts.sent()
            self._meter.clear()
            self.transcript.scroll_to_end()
        else:
            words = self.tr("The answer is still being written. Esc stops it.")
            self.composer.set_hint(words, False)

    def _ask_question(self, text: str) -> None:
        self.exchange.send(text)
        self.focus_composer()

    def _refused(self, error: BaseException, text: str) -> None:
        """Say why in place, and give back what was written."""
        if not isinstance(error, HearthError):
            self._notify.error(error)
        else:
            self.refusal.tell_error(error, is_stored=not text)
        if text and not self.composer.has_text:
            self.composer.put_text(text)
        self.focus_composer()

    def _asked_now(self) -> Asked:
        """What would be read if what is written were sent, for counting."""
        turns, draft = self.path.turns, self.composer.text
        return Asked(
            draft,
            turns[-1] if turns else None,
            partial(self.exchange.prompt_with, draft),
            self.model_button.ref,
            self.model_button.n_ctx,
        )

    def _edited(self) -> None:
        if self.composer.has_text and not self.exchange.is_answering:
            self._meter.edited()
        else:
            self._meter.clear()

    # Showing.

    def _opened(self) -> None:
        self.options.fill(self.exchange.options)
        self.welcome.refresh()
        self._refresh()

    def _conversation_changed(self, conversation_id: str) -> None:
        if conversation_id == self.conversation_id:
            self._drafts.rename_open(conversation_id)
        self.conversation_changed.emit(conversation_id)

    def _refresh(self) -> None:
        """Everything that depends on what is going on."""
        exchange = self.exchange
        is_empty = self.conversation_id is None and not self.path.turns
        self._middle.setCurrentWidget(self.welcome if is_empty else self.transcript)
        self.composer.set_answering(exchange.is_answering)
        self.model_button.follow(exchange.options.model)
        self._show_quiet_line()
        self.handling.actions.place()

    def _show_quiet_line(self) -> None:
        """Figures under the last answer, and under no other."""
        turns = self.path.turns
        wanted = ""
        last = turns[-1] if turns else None
        is_wanted = self._services.settings.get(SHOW_QUIET_LINE)
        if is_wanted and last is not None and last.state != "writing":
            wanted = quiet_line(last, self.model_button.n_ctx)
        self.path.say_quietly(wanted)

    def _answered(self, conversation_id: str) -> None:
        if conversation_id == self.conversation_id and self.transcript.messages:
            last = self.transcript.messages[-1]
            announce(self.transcript, f"{last.body.text[:4000]} {last.note}")
        self.model_button.refresh()
        self._edited()

    def _choose_options(self, options: ConversationOptions) -> None:
        self.exchange.set_options(options)
        self.model_button.follow(options.model)

    def _edit(self, turn: Turn) -> None:
        self._drafts.begin_edit(turn.id, turn.text)
        self.focus_composer()

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self.composer.fit()
        if self.options.isVisible():
            self.options.dismiss()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Escape stops from wherever the focus is; Alt and arrows move among the messages."""
        if event.key() == Qt.Key.Key_Escape and self.exchange.is_answering:
            self.exchange.stop()
            return
        if event.modifiers() == Qt.KeyboardModifier.AltModifier and event.key() in (
            Qt.Key.Key_Up,
            Qt.Key.Key_Down,
        ):
            self.transcript.message_cursor.press(event.key())
            self._readers.focus_cursor()
            return
        super().keyPressEvent(event)

    def _escaped(self) -> None:
        """Escape among the messages: first it stops, then it leads back to where one writes."""
        if self.exchange.is_answering:
            self.exchange.stop()
        else:
            self.focus_composer()

    def _connect(self) -> None:
        exchange, composer = self.exchange, self.composer
        exchange.opened.connect(self._opened)
        exchange.changed.connect(self._refresh)
        exchange.refused.connect(self._refused)
        exchange.answered.connect(self._answered)
        exchange.conversation_changed.connect(self._conversation_changed)
        composer.sent.connect(self._send)
        composer.stopped.connect(exchange.stop)
        composer.edited.connect(self._edited)
        composer.left_upwards.connect(self._readers.focus_cursor)
        composer.cancelled_edit.connect(self._drafts.cancel_edit)
        self.transcript.escaped.connect(self._escaped)
        self.handling.edit_asked.connect(self._edit)
        self.welcome.asked.connect(self._ask_question)
        self.welcome.use_asked.connect(self.set_model)
        self.welcome.guide_asked.connect(self.focus_composer)
        self.welcome.models_asked.connect(self.models_requested)
        self.model_button.file_asked.connect(self.open_model_requested)
        self.model_button.model_changed.connect(self._model_changed)
        self.refusal.answer_asked.connect(self.regenerate_last)
        self.model_button.failed.connect(self.refusal.tell_not_opened)
        self._options_button.clicked.connect(self.toggle_options)
        self.options.chosen.connect(self._choose_options)
        self.options.closed.connect(self.focus_composer)
        self._meter.told.connect(composer.set_hint)

    def _model_changed(self) -> None:
        self.welcome.refresh()
        self._show_quiet_line()

    def _arrange(self) -> None:
        top = QHBoxLayout()
        top.setContentsMargins(theme.SPACE_12, theme.SPACE_8, theme.SPACE_12, theme.SPACE_4)
        top.addWidget(self.model_button)
        top.addStretch(1)
        top.addWidget(self._options_button)
        self._middle.addWidget(self.welcome)
        self._middle.addWidget(self.transcript)
        below = QVBoxLayout()
        below.setContentsMargins(0, 0, 0, 0)
        below.setSpacing(theme.SPACE_8)
        below.addWidget(self.refusal)
        below.addWidget(self.composer)
        column = QWidget()
        column.setMaximumWidth(theme.COLUMN_PX + 24)
        column.setLayout(below)
        centred = QHBoxLayout()
        centred.setContentsMargins(SIDE_PX - 12, theme.SPACE_4, SIDE_PX - 12, theme.SPACE_16)
        centred.addWidget(column, 1)
        whole = QVBoxLayout(self)
        whole.setContentsMargins(0, 0, 0, 0)
        whole.setSpacing(0)
        whole.addLayout(top)
        whole.addWidget(self._middle, 1)
        whole.addLayout(centred)
