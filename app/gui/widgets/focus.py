"""Where the keyboard was, for what lies over it to give it back. GUI thread."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QWidget
from shiboken6 import isValid


def give_back(
    widget: QWidget | None, reason: Qt.FocusReason = Qt.FocusReason.PopupFocusReason
) -> None:
    """Give it the keyboard again, if it can still be seen: a list may have been made anew."""
    if widget is not None and isValid(widget) and widget.isVisible():
        widget.setFocus(reason)


@contextmanager
def held(row: QWidget, buttons: Sequence[QWidget]) -> Iterator[None]:
    """While buttons of a row come, go and are disabled, the keyboard stays with them, or else at
    the row: Qt would lead it to the next thing on the page, which Space then presses."""
    at = row.window().focusWidget()
    is_here = at is row or at in buttons
    if is_here:
        row.setFocus(Qt.FocusReason.OtherFocusReason)
    yield
    free = [each for each in buttons if each.isVisibleTo(row) and each.isEnabled()]
    if is_here and free:
        (at if at in free else free[0]).setFocus(Qt.FocusReason.OtherFocusReason)
