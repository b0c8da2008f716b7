"""What the chat service tells about answers, a frame's worth at a time. GUI thread.

Keeps every answer under way up to date, and shows those of the open conversation.
"""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import QObject, Signal

from app.chat.events import (
    AnswerGrew,
    AnswerLoading,
    AnswerOpened,
    AnswerReading,
    AnswerStored,
    ChatEvent,
    TurnRefused,
    TurnStored,
)
from app.gui.chat.live import Live
from app.gui.chat.path import Path
from app.gui.chat.turn_words import loading_words, reading_words, waiting_words


class Hearing(QObject):
    """`ended` follows each terminal event, `stored` each change that a list of chats may show."""

    changed = Signal()
    stored = Signal(object)
    refused = Signal(str, object, str)
    ended = Signal(str)

    def __init__(
        self, path: Path, open_id: Callable[[], str | None], parent: QObject | None = None
    ) -> None:
        super().__init__(parent)
        self._path = path
        self._open_id = open_id
        self.live: dict[str, Live] = {}

    def arrived(self, events: list[ChatEvent]) -> None:
        """Take what came since the last frame; text that grew is shown once."""
        grown: dict[str, list[str]] = {}
        for event in events:
            if isinstance(event, AnswerGrew):
                grown.setdefault(event.conversation_id, []).append(event.text)
                continue
            self._show_growth(grown)
            self._one(event)
        self._show_growth(grown)

    def show(self, live: Live) -> None:
        """Put an answer that is under way on the screen, whatever the disk had of it."""
        path = self._path
        if live.answer is not None:
            if path.index_of(live.answer.id) < 0:
                path.cut_after(live.answer.parent_id)
                path.add(live.answer)
            path.cut_after(live.answer.id)
            path.open_last(live.answer, live.text)
            return
        path.cut_after(live.parent_id)
        if live.question:
            path.add_pending(live.question)
        path.add_waiting(live.progress or waiting_words())

    def _show_growth(self, grown: dict[str, list[str]]) -> None:
        for conversation_id, texts in grown.items():
            live = self.live.get(conversation_id)
            if live is None or live.answer is None:
                continue
            text = "".join(texts)
            live.grow(text)
            if self._shows(conversation_id, live):
                last = self._path.messages[-1]
                if last.note and not live.is_stopped:
                    last.note = ""
                self._path.view.grow_last(text)
        grown.clear()

    def _shows(self, conversation_id: str, live: Live) -> bool:
        """True if the answer stands at the end of what is on the screen."""
        messages = self._path.messages
        return (
            conversation_id == self._open_id()
            and live.answer is not None
            and bool(messages)
            and messages[-1].turn_id == live.answer.id
        )

    def _one(self, event: ChatEvent) -> None:
        if isinstance(event, TurnStored):
            self._turn_stored(event)
        elif isinstance(event, AnswerOpened):
            self._answer_opened(event)
        elif isinstance(event, AnswerLoading):
            words = loading_words(event.fraction, event.sentence)
            self._progress(event.conversation_id, words)
        elif isinstance(event, AnswerReading):
            self._progress(event.conversation_id, reading_words(event.read, event.total))
        elif isinstance(event, AnswerStored):
            self._answer_stored(event)
        elif isinstance(event, TurnRefused):
            self._turn_refused(event)

    def _turn_stored(self, event: TurnStored) -> None:
        turn = event.turn
        live = self.live.get(turn.conversation_id)
        if live is None:
            return
        live.question, live.parent_id = "", turn.id
        path = self._path
        if turn.conversation_id == self._open_id():
            waiting = path.messages[-1].note if path.is_waiting else waiting_words()
            path.cut_after(turn.parent_id)
            path.add(turn)
            path.add_waiting(waiting)
        self.stored.emit(turn.conversation_id)

    def _answer_opened(self, event: AnswerOpened) -> None:
        turn = event.turn
        live = self.live.get(turn.conversation_id)
        if live is None:
            return
        live.begin(turn)
        if turn.conversation_id != self._open_id():
            return
        path = self._path
        if path.index_of(turn.id) >= 0 or path.is_waiting:
            path.open_last(turn, live.text)
            if live.is_stopped:
                path.say(self.tr("Stopped"))
        else:
            self.show(live)
        self.changed.emit()

    def _progress(self, conversation_id: str, words: str) -> None:
        live = self.live.get(conversation_id)
        if live is None or live.is_stopped:
            return
        live.progress = words
        waits = live.answer is None or not live.text
        if conversation_id == self._open_id() and waits and self._path.messages:
            self._path.say(words)

    def _answer_stored(self, event: AnswerStored) -> None:
        turn = event.turn
        live = self.live.pop(turn.conversation_id, None)
        path = self._path
        if turn.conversation_id == self._open_id():
            if path.index_of(turn.id) >= 0:
                path.cut_after(turn.id)
                path.settle_last(turn)
            elif live is not None and path.is_waiting:
                path.settle_last(turn)
        self._end(turn.conversation_id)

    def _turn_refused(self, event: TurnRefused) -> None:
        self.live.pop(event.conversation_id, None)
        self.refused.emit(event.conversation_id, event.error, event.text)
        self._end(event.conversation_id)

    def _end(self, conversation_id: str) -> None:
        self.stored.emit(conversation_id)
        self.changed.emit()
        self.ended.emit(conversation_id)
