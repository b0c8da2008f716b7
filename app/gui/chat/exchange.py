"""The open conversation's side of chatting: asks the service, shows what it tells. GUI thread.

Answers of other conversations go on meanwhile and are kept up to date here. Knows widgets only
through the path; decides nothing about models.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

from PySide6.QtCore import QObject, Signal

from app.conversations.records import Conversation, ConversationOptions, Turn
from app.gui.bridge import Bridge
from app.gui.chat.hearing import Hearing
from app.gui.chat.live import Live
from app.gui.chat.path import Path
from app.gui.chat.turn_words import waiting_words
from app.gui.services import GuiServices
from app.protocol.chat import Message


class Exchange(QObject):
    """`changed` follows whatever a button or a line of words depends on."""

    opened = Signal()
    changed = Signal()
    conversation_changed = Signal(object)
    refused = Signal(object, str)
    answered = Signal(str)

    def __init__(
        self, services: GuiServices, bridge: Bridge, path: Path, parent: QObject | None = None
    ) -> None:
        super().__init__(parent)
        self._services = services
        self._bridge = bridge
        self.path = path
        self.conversation_id: str | None = None
        self.conversation: Conversation | None = None
        self.options = ConversationOptions()
        self._queued: Callable[[], None] | None = None
        self._creating = False
        self.hearing = Hearing(path, lambda: self.conversation_id, self)
        self.hearing.changed.connect(self.changed)
        self.hearing.refused.connect(self._was_refused)
        self.hearing.ended.connect(self._ended)
        self.hearing.stored.connect(self.conversation_changed)
        self._mailbox = bridge.mailbox(self.hearing.arrived)

    # State.

    @property
    def live(self) -> Live | None:
        """The answer under way in the open conversation."""
        return self.hearing.live.get(self.conversation_id or "")

    @property
    def is_answering(self) -> bool:
        """True while Stop makes sense; False as soon as it was pressed."""
        return self._creating or (self.live is not None and not self.live.is_stopped)

    def prompt_with(self, draft: str) -> tuple[Message, ...]:
        """What the model would be given if `draft` were sent now."""
        conversation = self.conversation or Conversation("", "", 0.0, 0.0, self.options)
        return self._services.chat.prompt_for(conversation, self.path.stored, draft)

    # Opening.

    def open(self, conversation_id: str | None) -> None:
        """Show a conversation; None is one that does not exist yet."""
        self.conversation_id = conversation_id
        self.conversation = None
        self.options = ConversationOptions()
        self._queued = None
        self._creating = False
        self.path.show(())
        if conversation_id is not None:
            repository = self._services.repository
            self._bridge.watch(repository.get(conversation_id), self._found)
            self.reload()
        else:
            self.opened.emit()
        self.changed.emit()

    def reload(self) -> None:
        """Show what is stored of the open conversation."""
        if self.conversation_id is not None:
            future = self._services.repository.turns(self.conversation_id)
            self._bridge.watch(future, partial(self._loaded, self.conversation_id))

    def _found(self, conversation: Conversation) -> None:
        if conversation.id == self.conversation_id:
            self.conversation = conversation
            self.options = conversation.options
            self.changed.emit()

    def _loaded(self, conversation_id: str, turns: Sequence[Turn]) -> None:
        if conversation_id != self.conversation_id:
            return
        self.path.show(turns)
        live = self.live
        if live is not None:
            self.hearing.show(live)
        self.opened.emit()
        self.changed.emit()

    # Asking.

    def send(self, text: str) -> bool:
        """Send a new message; False when an answer is being written."""
        return self._ask(partial(self._send, text))

    def edit(self, turn_id: str, text: str) -> bool:
        """Send another version of one's message."""
        return self._ask(partial(self._edit, turn_id, text))

    def regenerate(self, turn_id: str) -> bool:
        """Have another answer written, or one to a question that has none."""
        return self._ask(partial(self._regenerate, turn_id))

    def resume(self, turn_id: str) -> bool:
        """Have an answer continued."""
        return self._ask(partial(self._resume, turn_id))

    def set_options(self, options: ConversationOptions) -> None:
        """Use these options in the open conversation from now on."""
        self.options = options
        if self.conversation_id is not None:
            future = self._services.repository.set_options(self.conversation_id, options)
            self._bridge.watch(future, self._found)

    def stop(self) -> None:
        """Show it as stopped now; the service stores what there is."""
        live = self.live
        if live is None or self.conversation_id is None:
            return
        live.is_stopped = True
        self.path.say(self.tr("Stopped"))
        self._services.chat.stop(self.conversation_id)
        self.changed.emit()

    def _ask(self, ask: Callable[[], None]) -> bool:
        if self.is_answering:
            return False
        if self.live is not None:
            # Stopped, and its last word still to come: what was asked waits for that.
            self._queued = ask
            return True
        ask()
        return True

    def _send(self, text: str) -> None:
        parent_id = self.path.last_id
        self.path.add_pending(text)
        self.path.add_waiting(waiting_words())
        live = Live(question=text, parent_id=parent_id)
        if self.conversation_id is not None:
            self._begin(self.conversation_id, live)
            self._services.chat.send(self.conversation_id, text, self._mailbox.append)
            return
        self._creating = True
        future = self._services.repository.create(options=self.options)
        self._bridge.watch(future, partial(self._created, live), partial(self._not_created, text))
        self.changed.emit()

    def _created(self, live: Live, conversation: Conversation) -> None:
        is_shown = self._creating and self.conversation_id is None
        self._creating = False
        self.hearing.live[conversation.id] = live
        if is_shown:
            self.conversation_id = conversation.id
            self.conversation = conversation
        self.conversation_changed.emit(conversation.id)
        self._services.chat.send(conversation.id, live.question, self._mailbox.append)
        self.changed.emit()

    def _not_created(self, text: str, error: BaseException) -> None:
        self._creating = False
        if self.conversation_id is None:
            self.path.show(())
            self.opened.emit()
        self.refused.emit(error, text)
        self.changed.emit()

    def _edit(self, turn_id: str, text: str) -> None:
        conversation_id, turn = self.conversation_id, self._turn(turn_id)
        if conversation_id is None or turn is None:
            return
        self.path.cut_after(turn.parent_id)
        self.path.add_pending(text)
        self.path.add_waiting(waiting_words())
        self._begin(conversation_id, Live(question=text, parent_id=turn.parent_id))
        self._services.chat.edit(conversation_id, turn_id, text, self._mailbox.append)

    def _regenerate(self, turn_id: str) -> None:
        conversation_id, turn = self.conversation_id, self._turn(turn_id)
        if conversation_id is None or turn is None:
            return
        above = turn.id if turn.role == "user" else turn.parent_id
        self.path.cut_after(above)
        self.path.add_waiting(waiting_words())
        self._begin(conversation_id, Live(parent_id=above))
        self._services.chat.regenerate(conversation_id, turn_id, self._mailbox.append)

    def _resume(self, turn_id: str) -> None:
        conversation_id, turn = self.conversation_id, self._turn(turn_id)
        if conversation_id is None or turn is None:
            return
        live = Live(parent_id=turn.parent_id)
        live.begin(turn)
        self.path.messages[-1].quiet = ""
        self._begin(conversation_id, live)
        self.path.say(waiting_words())
        self._services.chat.resume(conversation_id, turn_id, self._mailbox.append)

    def _begin(self, conversation_id: str, live: Live) -> None:
        self.hearing.live[conversation_id] = live
        self.changed.emit()

    def _turn(self, turn_id: str) -> Turn | None:
        index = self.path.index_of(turn_id)
        return self.path.turns[index] if index >= 0 else None

    def _ended(self, conversation_id: str) -> None:
        queued, self._queued = self._queued, None
        if conversation_id == self.conversation_id and queued is not None:
            queued()
        self.answered.emit(conversation_id)

    def _was_refused(self, conversation_id: str, error: object, text: str) -> None:
        if conversation_id == self.conversation_id:
            self.reload()
            self.refused.emit(error, text)
