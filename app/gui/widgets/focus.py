"""Where the keyboard was, for what lies over it to give it back. GUI thread."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QWidget
from shiboken6 import isValid


def give_back(
    widget: QWidget | None, reason: Qt.FocusReason = Qt.FocusReason.PopupFocusReason
) -> None:
    """Give it the keyboard again, if it can still be seen: a list may have been made anew."""
    if widget is not None and isValid(widget) and widget.isVisible():
        widget.setFocus(reason)
