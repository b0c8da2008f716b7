"""The row of actions under a message: copy, edit, answer again, continue, versions. GUI thread.

One row for the whole transcript; it stands under the message that the pointer or the keyboard
is on, always in the same place. Only says what was asked for.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from PySide6.QtCore import QTimer, Signal, SignalInstance
from PySide6.QtWidgets import QApplication, QHBoxLayout, QWidget

from app.gui.chat.transcript import Transcript
from app.gui.widgets.buttons import IconButton
from app.gui.widgets.plain import PlainLabel

_COPIED_MS = 1_500


@dataclass(frozen=True, slots=True)
class Offer:
    """What can be done with a message now. `version` counts from 1."""

    can_edit: bool = False
    can_regenerate: bool = False
    can_continue: bool = False
    version: int = 1
    n_versions: int = 1
    is_quiet: bool = False  # nothing at all, while it is being written


class MessageActions(QWidget):
    """`offer_for` tells what a message, by its number, can have done to it."""

    edit_asked = Signal(int)
    regenerate_asked = Signal(int)
    continue_asked = Signal(int)
    version_asked = Signal(int, int)  # message, step

    def __init__(self, transcript: Transcript, offer_for: Callable[[int], Offer]) -> None:
        super().__init__(transcript.viewport())
        self._view = transcript
        self._offer_for = offer_for
        self._row = QHBoxLayout(self)
        self._hovered = -1
        self.number = -1
        self._shown: Offer | None = None
        self._copy = IconButton("copy", self.tr("Copy"))
        self._edit = IconButton("pencil", self.tr("Edit and send again"))
        self._again = IconButton("refresh-cw", self.tr("Answer again"))
        self._on = IconButton("play", self.tr("Continue"))
        self._older = IconButton("chevron-left", self.tr("Earlier version"))
        self._which = PlainLabel(role="secondary", wrap=False)
        self._newer = IconButton("chevron-right", self.tr("Later version"))
        self._copied = QTimer(self)
        self._copied.setSingleShot(True)
        self._copied.setInterval(_COPIED_MS)
        self._copied.timeout.connect(self._show_copy)
        self._arrange()
        self._copy.clicked.connect(self._copy_message)
        self._edit.clicked.connect(partial(self._ask, self.edit_asked))
        self._again.clicked.connect(partial(self._ask, self.regenerate_asked))
        self._on.clicked.connect(partial(self._ask, self.continue_asked))
        self._older.clicked.connect(partial(self._step, -1))
        self._newer.clicked.connect(partial(self._step, 1))
        transcript.laid_out.connect(self.place)
        transcript.hovered.connect(self._hover)
        transcript.message_cursor.moved.connect(self.place)
        self.hide()

    def _arrange(self) -> None:
        row = self._row
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(0)
        for widget in (
            *(self._copy, self._edit, self._again, self._on),
            *(self._older, self._which, self._newer),
        ):
            row.addWidget(widget)

    def _ask(self, signal: SignalInstance) -> None:
        signal.emit(self.number)

    def _step(self, by: int) -> None:
        self.version_asked.emit(self.number, by)

    def _hover(self, number: int) -> None:
        if number != self._hovered:
            self._hovered = number
            self.place()

    def _wanted(self) -> int:
        """The message to stand under: where the keyboard is, else the pointer, else the last."""
        count = len(self._view.messages)
        focused = QApplication.focusWidget()
        if focused is not None and self.isAncestorOf(focused) and self.number < count:
            return self.number
        if 0 <= self._hovered < count:
            return self._hovered
        if self._view.has_keyboard and 0 <= self._view.message_cursor.at < count:
            return self._view.message_cursor.at
        return count - 1

    def place(self) -> None:
        """Stand under the right message and offer what it can have."""
        wanted = self._wanted()
        column = self._view.column
        for number, message, top in self._view.flow.visible():
            if number != wanted:
                continue
            offer = self._offer_for(number)
            if offer.is_quiet:
                break
            if number != self.number:
                self._copied.stop()
                self._show_copy()
            self.number = number
            self._show(offer)
            size = self.sizeHint()
            x = column.right() + 1 - size.width() if message.is_user else column.left() - 6
            y = top + message.actions_top + (message.actions_px - size.height()) // 2
            self.setGeometry(x, y, size.width(), size.height())
            self.show()
            return
        self.hide()

    def _show(self, offer: Offer) -> None:
        if offer == self._shown:
            return
        self._shown = offer
        self._edit.setVisible(offer.can_edit)
        self._again.setVisible(offer.can_regenerate)
        self._on.setVisible(offer.can_continue)
        has_versions = offer.n_versions > 1
        for widget in (self._older, self._which, self._newer):
            widget.setVisible(has_versions)
        self._older.setEnabled(offer.version > 1)
        self._newer.setEnabled(offer.version < offer.n_versions)
        self._which.setText(f"{offer.version}/{offer.n_versions}")
        self._which.setAccessibleName(
            self.tr("Version %1 of %2")
            .replace("%1", str(offer.version))
            .replace("%2", str(offer.n_versions))
        )
        self._row.activate()

    def _copy_message(self) -> None:
        if 0 <= self.number < len(self._view.messages):
            QApplication.clipboard().setText(self._view.messages[self.number].body.text)
            self._copy.set_face("check", self.tr("Copied"))
            self._copied.start()

    def _show_copy(self) -> None:
        self._copy.set_face("copy", self.tr("Copy"))
