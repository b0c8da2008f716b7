"""A start that could not be, told to someone who double-clicked and sees no terminal.

Main thread, before or instead of the window. Knows no services.
"""

from __future__ import annotations

import datetime as dt
import os
import stat
import sys
from typing import Final

from PySide6.QtCore import QDate, QEventLoop, QLocale, Qt, Signal
from PySide6.QtGui import QCloseEvent, QGuiApplication, QKeyEvent
from PySide6.QtWidgets import QHBoxLayout, QVBoxLayout, QWidget

from app.foundation.errors import HearthError, NoDisplay
from app.gui import application, theme
from app.gui.widgets.buttons import TextButton
from app.gui.widgets.plain import PlainLabel

_WIDTH_PX: Final = 480


class Refusal(QWidget):
    """The sentence in a small window; `closed` once nobody looks at it any more.

    With a `choice` there is a second button of that name; `is_chosen` once it was pressed.
    """

    closed = Signal()

    def __init__(self, error: HearthError, choice: str = "") -> None:
        super().__init__()
        self.is_chosen = False
        self.setProperty("kind", "page")
        self.setWindowTitle("Hearth")
        self.setAccessibleName(error.title)
        column = QVBoxLayout(self)
        column.setContentsMargins(theme.SPACE_24, theme.SPACE_24, theme.SPACE_24, theme.SPACE_16)
        column.setSpacing(theme.SPACE_8)
        column.addWidget(PlainLabel(error.title, "heading", selectable=True))
        for part in (error.detail, error.remedy):
            if part:
                column.addWidget(PlainLabel(part, selectable=True))
        self.close_button = TextButton(self.tr("Close"), "primary")
        self.close_button.clicked.connect(self.close)
        row = QHBoxLayout()
        row.setContentsMargins(0, theme.SPACE_16, 0, 0)
        row.addStretch(1)
        self.choice_button = TextButton(choice)
        if not choice:
            self.choice_button.hide()
        self.choice_button.clicked.connect(self._choose)
        row.addWidget(self.choice_button)
        row.addWidget(self.close_button)
        column.addStretch(1)
        column.addLayout(row)
        self.resize(_WIDTH_PX, column.heightForWidth(_WIDTH_PX))
        self.close_button.setFocus(Qt.FocusReason.OtherFocusReason)

    def _choose(self) -> None:
        self.is_chosen = True
        self.close()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() == Qt.Key.Key_Escape:
            self.close()
            return
        super().keyPressEvent(event)

    def closeEvent(self, event: QCloseEvent) -> None:
        super().closeEvent(event)
        self.closed.emit()


def show_refused(error: HearthError, choice: str = "") -> bool:
    """Show the sentence and wait until it is closed; nothing where no window can be opened.

    True where there was a choice, and it was made.
    """
    if isinstance(error, NoDisplay) or is_read():
        return False
    try:
        application.application()
    except HearthError:
        return False
    if not is_seen():
        return False
    theme.current()
    shown, loop = Refusal(error, choice), QEventLoop()
    shown.closed.connect(loop.quit)
    shown.show()
    loop.exec()
    return shown.is_chosen


def day_in_words(day: dt.date) -> str:
    """As people here write it."""
    moment = QDate(day.year, day.month, day.day)
    return QLocale().toString(moment, QLocale.FormatType.LongFormat)


def is_seen() -> bool:
    """Whether windows are shown to anybody: they are not on platforms made for tests."""
    return QGuiApplication.platformName() not in ("offscreen", "minimal")


def is_read() -> bool:
    """Whether somebody reads what is written to standard error: a terminal, or a program.

    Desktops give nothing, the null device, a file or the system's journal.
    """
    if sys.stderr is None:
        return False
    try:
        number = sys.stderr.fileno()
        return os.isatty(number) or stat.S_ISFIFO(os.fstat(number).st_mode)
    except (OSError, ValueError):
        return False
