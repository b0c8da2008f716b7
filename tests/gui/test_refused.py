"""A refused start is told in a window where nobody reads standard error."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest
from PySide6.QtCore import Qt, QTimer
from PySide6.QtWidgets import QApplication, QMessageBox
from pytestqt.qtbot import QtBot

from app.foundation.errors import NoDisplay, StorageError
from app.gui.refused import is_read, show_refused

ERROR = StorageError(
    "This profile was made by a <b>newer</b> Hearth.", "Nothing was changed.", "Update."
)


def shown_while(show: object, qtbot: QtBot) -> list[QMessageBox]:
    """The boxes that were open, each closed at once."""
    found: list[QMessageBox] = []

    def look() -> None:
        box = QApplication.activeModalWidget()
        if isinstance(box, QMessageBox):
            found.append(box)
            assert box.text() == ERROR.title
            assert box.textFormat() == Qt.TextFormat.PlainText
            assert ERROR.detail in box.informativeText()
            assert ERROR.remedy in box.informativeText()
            box.button(QMessageBox.StandardButton.Close).click()

    timer = QTimer()
    timer.timeout.connect(look)
    timer.start(10)
    assert callable(show)
    show()
    timer.stop()
    return found


def test_it_is_shown_where_standard_error_leads_nowhere(
    qtbot: QtBot, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "stderr", None)
    assert len(shown_while(lambda: show_refused(ERROR), qtbot)) == 1
    show_refused(NoDisplay("There is no screen.", "None.", "Start one."))


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
