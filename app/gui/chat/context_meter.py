"""Whether what is being written still fits into what the model can read. GUI thread.

Counts a moment after the last key, on inference's own threads, and only when it might matter.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass
from functools import partial

from PySide6.QtCore import QObject, QTimer, Signal

from app.chat.context_window import may_exceed
from app.conversations.records import Turn
from app.gui.bridge import Bridge
from app.gui.chat.turn_words import number
from app.gui.services import GuiServices
from app.protocol.chat import Message
from app.protocol.model_ref import ModelRef

_DELAY_MS = 400
_WORTH_SAYING = 0.7
_MAX_COUNTED_CHARS = 2_000_000


@dataclass(frozen=True, slots=True)
class Asked:
    """What is to be counted: the draft, the last turn before it, the whole prompt on demand, and
    the model with its context (None while it is not open)."""

    draft: str
    last: Turn | None
    prompt: Callable[[], tuple[Message, ...]]
    ref: ModelRef
    n_ctx: int | None


class ContextMeter(QObject):
    """`told` carries a sentence (or nothing) and whether it is a warning."""

    told = Signal(str, bool)

    def __init__(
        self,
        services: GuiServices,
        bridge: Bridge,
        ask: Callable[[], Asked],
        parent: QObject | None = None,
    ) -> None:
        super().__init__(parent)
        self._services = services
        self._bridge = bridge
        self._ask = ask
        self._generation = 0
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.setInterval(_DELAY_MS)
        self._timer.timeout.connect(self._count)

    def edited(self) -> None:
        """Something was typed."""
        self._generation += 1
        self._timer.start()

    def clear(self) -> None:
        """Nothing is being written."""
        self._generation += 1
        self._timer.stop()
        self.told.emit("", False)

    def _count(self) -> None:
        asked = self._ask()
        n_ctx = asked.n_ctx
        # With the last answer's own figures a long conversation need not be read again.
        base = _tokens_until(asked.last)
        messages = (Message("user", asked.draft),) if base else asked.prompt()
        if n_ctx is None or not messages or not may_exceed(messages, n_ctx - base):
            self.told.emit("", False)
            return
        n_chars = sum(len(message.text) for message in messages)
        if n_chars > _MAX_COUNTED_CHARS:
            self._too_long(n_chars, n_ctx)
            return
        future: Future[int] = self._services.inference.count_tokens(messages, asked.ref)
        arrived = partial(self._counted, self._generation, base, n_ctx)
        self._bridge.watch(future, arrived, self._failed)

    def _counted(self, generation: int, base: int, n_ctx: int, tokens: int) -> None:
        if generation != self._generation:
            return
        total = base + tokens
        if total >= n_ctx:
            self.told.emit(
                self.tr(
                    "This does not fit: with the conversation it is about %1 tokens, and the model "
                    "reads %2 at once. Shorten it, or start a new chat."
                )
                .replace("%1", number(total))
                .replace("%2", number(n_ctx)),
                True,
            )
        elif total >= _WORTH_SAYING * n_ctx:
            words = self.tr("About %1 of %2 tokens of context with this message.")
            text = words.replace("%1", number(total)).replace("%2", number(n_ctx))
            self.told.emit(text, False)
        else:
            self.told.emit("", False)

    def _too_long(self, n_chars: int, n_ctx: int) -> None:
        words = self.tr(
            "This is %1 characters long, more than a model that reads %2 tokens at once can take. "
            "Shorten it, or start a new chat."
        )
        text = words.replace("%1", number(n_chars)).replace("%2", number(n_ctx))
        self.told.emit(text, True)

    def _failed(self, _error: BaseException) -> None:
        # Sending it says what is wrong; a meter that cannot count has nothing to add.
        self.told.emit("", False)


def _tokens_until(last: Turn | None) -> int:
    """What the conversation took when its last answer was written; 0 if that is not known."""
    if last is None or last.role != "assistant" or last.usage is None:
        return 0
    return last.usage.prompt_tokens + last.usage.completion_tokens
