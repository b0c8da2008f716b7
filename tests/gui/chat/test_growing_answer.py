"""An answer that grows: what is painted of it bit by bit is what painting all of it gives."""

from __future__ import annotations

import random

import pytest
from PySide6.QtCore import QEvent, QObject
from PySide6.QtGui import QImage, QPaintEvent
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from app.gui.chat.message import ACTIONS_PX, Message
from app.gui.chat.readers import Readers
from app.gui.chat.transcript import Transcript

PIECES = (
    *("word and more ", "\n", "\n\n", "\n\n", "\n- item", "\n* item **b", "\n1. one", "  x"),
    *(" **bo", "ld** ", "`co", "de` ", "_it", "al_ ", " wide" * 12, "\n\n> quote", "\n\n# head"),
    *("\n\n```py\n", "x = 1\n", "\n```\n", "\n\n| a | b |\n|---|---|\n", "| c | d |\n"),
    *("https://", "example.org ", "[li", "nk](https://x.org/) ", "\n---\n", "\n\n===\n"),
    *("אבג ", "ก็ที่ ", "W" * 30 + " ", "ǘ̂ "),
)


@pytest.fixture(params=(420, 700))
def view(qtbot: QtBot, request: pytest.FixtureRequest) -> Transcript:
    transcript = Transcript()
    qtbot.addWidget(transcript)
    Readers(transcript)
    transcript.resize(request.param, 500)
    transcript.show()
    qtbot.waitExposed(transcript)
    transcript.append(Message("q", "user", "Hello"))
    transcript.append(Message("a", "assistant", ""))
    return transcript


def on_screen(view: Transcript) -> QImage:
    QApplication.processEvents()
    return view.screen().grabWindow(view.winId()).toImage()


def grow(qtbot: QtBot, view: Transcript, text: str) -> None:
    """Let the text be read as a frame does it, and its code be coloured."""
    with qtbot.waitSignal(view.laid_out):
        view.grow_last(text)
    qtbot.waitUntil(lambda: not view._work._timer.isActive())


@pytest.mark.parametrize("seed", range(8))
def test_painting_what_changed_paints_all_that_changed(
    qtbot: QtBot, view: Transcript, seed: int
) -> None:
    draw = random.Random(seed)
    for _ in range(15):
        grow(qtbot, view, "".join(draw.choices(PIECES, k=draw.randint(1, 3))))
        bit_by_bit = on_screen(view)
        view.viewport().update()
        assert bit_by_bit == on_screen(view), view.messages[-1].body.text


class Painted(QObject):
    """How tall each painting of the viewport was."""

    def __init__(self, view: Transcript) -> None:
        super().__init__(view)
        self.heights: list[int] = []
        view.viewport().installEventFilter(self)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if isinstance(event, QPaintEvent):
            self.heights.append(event.rect().height())
        return super().eventFilter(watched, event)


def test_a_word_more_paints_the_last_lines_once(qtbot: QtBot, view: Transcript) -> None:
    grow(qtbot, view, "# Title\n\n" + "Some words of one long paragraph. " * 12)
    on_screen(view)
    painted = Painted(view)
    grow(qtbot, view, "More")
    on_screen(view)
    below = ACTIONS_PX + view.ink.line_px
    assert len(painted.heights) == 1
    assert painted.heights[0] < 3 * view.ink.line_px + below
