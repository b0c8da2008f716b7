"""A refused start is told in a window where nobody reads standard error."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest
from PySide6.QtCore import Qt, QTimer
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from app.foundation.errors import NoDisplay, StorageError
from app.gui import refused
from app.gui.refused import Refusal, is_read, show_refused
from app.gui.widgets.plain import PlainLabel

ERROR = StorageError(
    "This profile was made by a <b>newer</b> Hearth.", "Nothing was changed.", "Update."
)


def test_it_is_shown_where_standard_error_leads_nowhere(
    qtbot: QtBot, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "stderr", None)
    show_refused(ERROR)  # nobody sees a window here, and nothing waits for it
    monkeypatch.setattr(refused, "is_seen", lambda: True)
    seen: list[str] = []

    def look() -> None:
        for window in QApplication.topLevelWidgets():
            if isinstance(window, Refusal) and window.isVisible():
                seen.extend(label.text() for label in window.findChildren(PlainLabel))
                window.close_button.click()

    timer = QTimer()
    timer.timeout.connect(look)
    timer.start(10)
    show_refused(ERROR)
    assert seen == [ERROR.title, ERROR.detail, ERROR.remedy]
    show_refused(NoDisplay("There is no screen.", "None.", "Start one."))
    timer.stop()


@pytest.mark.parametrize("choice", ["Go on with the older copy", ""])
def test_a_choice_is_offered_where_there_is_one(qtbot: QtBot, choice: str) -> None:
    shown = Refusal(ERROR, choice)
    qtbot.addWidget(shown)
    shown.show()
    assert shown.choice_button.isVisible() == bool(choice)
    assert shown.close_button.hasFocus() or not shown.isActiveWindow()
    if choice:
        with qtbot.waitSignal(shown.closed):
            qtbot.mouseClick(shown.choice_button, Qt.MouseButton.LeftButton)
        assert shown.is_chosen
    else:
        with qtbot.waitSignal(shown.closed):
            qtbot.keyClick(shown, Qt.Key.Key_Escape)
        assert not shown.is_chosen


def test_a_pipe_is_read_by_a_program_and_a_file_by_nobody(
    qtbot: QtBot, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    reading, writing = os.pipe()
    with os.fdopen(reading), os.fdopen(writing, "w") as pipe, (tmp_path / "log").open("w") as log:
        monkeypatch.setattr(sys, "stderr", pipe)
        assert is_read()
        show_refused(ERROR)
        monkeypatch.setattr(sys, "stderr", log)
        assert not is_read()
