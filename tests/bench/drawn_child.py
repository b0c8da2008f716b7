"""The engine's speed in a window: answers drawn in a chat, and answers that nobody draws, in turn.

    python -m tests.bench.drawn_child PROFILE MODEL ROUNDS

A process of its own. Prints JSON: tokens per second of both, one entry a round.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

from PySide6.QtCore import QObject, QTimer, Signal

from app.bootstrap.window import WindowServices
from app.conversations.records import ConversationOptions
from app.foundation.paths import open_profile
from app.gui import application
from app.gui.main_window import MainWindow
from app.protocol.chat import Message
from app.protocol.generation import (
    Event,
    Failed,
    Finished,
    GenerationRequest,
    SamplingParams,
)
from app.protocol.model_ref import ModelRef
from app.settings.schema import CONTEXT, MODEL_PATH, TEMPERATURE

N_TOKENS = 64
QUESTION = "Tell me everything."


class Rounds(QObject):
    """Alternates between both kinds of answer until the rounds are done; then quits."""

    _heard = Signal(object)

    def __init__(self, services: WindowServices, window: MainWindow, rounds: int) -> None:
        super().__init__()
        self._services = services
        self._window = window
        self.drawn: list[float] = []
        self.unseen: list[float] = []
        self._heard.connect(self._on_heard)
        self._timer = QTimer(self)
        self._timer.timeout.connect(self._look)
        self._steps = self._all(rounds)
        self._wait_for: Callable[[], bool] = self._is_loaded
        self._timer.start(20)

    def _all(self, rounds: int) -> Iterator[Callable[[], bool]]:
        for number in range(rounds + 1):
            self._ask_unseen()
            count = len(self.unseen)
            yield lambda count=count: len(self.unseen) > count
            conversation = self._services.repository.create(
                "", ConversationOptions(max_tokens=N_TOKENS)
            ).result()
            self._window.chat_page.open_conversation(conversation.id)
            yield self._is_open
            self._window.chat_page.composer.sent.emit(QUESTION)
            yield self._is_answered
            if number:
                self.drawn.append(self._last_speed())
            else:
                self.unseen.clear()  # the first round only warms up

    def _look(self) -> None:
        if not self._wait_for():
            return
        try:
            self._wait_for = next(self._steps)
        except StopIteration:
            self._timer.stop()
            self._window.close()

    def _is_loaded(self) -> bool:
        return self._services.gui.inference.snapshot().model is not None

    def _is_open(self) -> bool:
        return self._window.chat_page.composer.isEnabled() and not self._turns()

    def _is_answered(self) -> bool:
        turns = self._turns()
        return len(turns) == 2 and turns[-1] is not None and turns[-1].timings is not None

    def _turns(self):  # type: ignore[no-untyped-def]
        return self._window.chat_page.path.turns

    def _last_speed(self) -> float:
        return float(self._turns()[-1].timings.generated_tokens_per_second)

    def _ask_unseen(self) -> None:
        settings = self._services.runtime.settings
        request = GenerationRequest(
            (Message("user", QUESTION),),
            ModelRef(settings.get(MODEL_PATH)),
            SamplingParams(temperature=settings.get(TEMPERATURE)),
            max_tokens=N_TOKENS,
        )
        self._services.gui.inference.generate(request, self._sink)

    def _sink(self, event: Event) -> None:
        if isinstance(event, Finished | Failed):
            self._heard.emit(event)

    def _on_heard(self, event: Event) -> None:
        if isinstance(event, Failed):
            raise event.error
        assert isinstance(event, Finished)
        self.unseen.append(event.timings.generated_tokens_per_second)


def main() -> None:
    """Open the window on the model and measure."""
    profile, model, rounds = open_profile(sys.argv[1]), sys.argv[2], int(sys.argv[3])
    application.application()
    services = WindowServices(profile, None, ask_safe_mode=False)
    services.runtime.settings.set(MODEL_PATH, str(Path(model).absolute()))
    services.runtime.settings.set(CONTEXT, 2048)
    kept: list[Rounds] = []
    proceed = services.gui.after_first_paint

    def painted() -> None:
        proceed()
        windows = application.application().topLevelWidgets()
        window = next(widget for widget in windows if isinstance(widget, MainWindow))
        kept.append(Rounds(services, window, rounds))

    services.gui.after_first_paint = painted
    application.run(services.gui)
    print(json.dumps({"drawn": kept[0].drawn, "unseen": kept[0].unseen}))


if __name__ == "__main__":
    main()
