"""A start that could not be, told to someone who double-clicked and sees no terminal.

Main thread, before or instead of the window. Knows no services.
"""

from __future__ import annotations

import os
import stat
import sys

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QMessageBox

from app.foundation.errors import HearthError, NoDisplay
from app.gui import application


def show_refused(error: HearthError) -> None:
    """Show the sentence and wait until it is closed; nothing where no window can be opened."""
    if isinstance(error, NoDisplay) or is_read():
        return
    try:
        application.application()
    except HearthError:
        return
    box = QMessageBox()
    box.setWindowTitle("Hearth")
    box.setIcon(QMessageBox.Icon.Warning)
    # What stands there may name files: nothing in it is read as HTML.
    box.setTextFormat(Qt.TextFormat.PlainText)
    box.setText(error.title)
    box.setInformativeText("\n".join(part for part in (error.detail, error.remedy) if part))
    box.setStandardButtons(QMessageBox.StandardButton.Close)
    box.exec()


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
