"""The rows for newer versions: what is so, what is new, and one thing to do next. GUI thread.

Notes are shown as they are written, never as rich text.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

from PySide6.QtCore import QCoreApplication
from PySide6.QtGui import QShowEvent
from PySide6.QtWidgets import QVBoxLayout, QWidget

from app.gui import theme
from app.gui.downloads.bar import ShareBar
from app.gui.settings.updates.desk import UpdatesDesk
from app.gui.settings.updates.words import notes_of, program_words, runtime_words
from app.gui.widgets.buttons import TextButton
from app.gui.widgets.cards import FoldingRow
from app.gui.widgets.focus import held
from app.gui.widgets.plain import PlainLabel

if TYPE_CHECKING:
    from app.updates.updates import Kind

translate = QCoreApplication.translate


class UpdateRow(QWidget):
    """The program's, or the inference runtime's."""

    def __init__(self, kind: Kind, desk: UpdatesDesk, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._kind = kind
        self._desk = desk
        self._title = (
            translate("Updates", "Newer versions of Hearth")
            if kind == "program"
            else translate("Updates", "The part that runs models (runtime)")
        )
        self._words: Callable[[UpdatesDesk], str] = (
            program_words if kind == "program" else runtime_words
        )
        self.state = PlainLabel(role="secondary")
        self.problem = PlainLabel(role="danger", selectable=True)
        self.notes = PlainLabel(selectable=True)
        self.bar = ShareBar()
        self.check = TextButton(translate("Updates", "Look now"))
        # One accent on a page: the runtime's is not the next thing to do.
        self.install = TextButton(
            translate("Updates", "Download"), "primary" if kind == "program" else "plain"
        )
        self.stop = TextButton(translate("Updates", "Stop"))
        self.undo = TextButton(translate("Updates", "Go back"))
        self._arrange()
        desk.changed.connect(self._refresh)
        self._refresh()

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        if self._kind == "program":
            self._desk.look()

    @property
    def has_words(self) -> bool:
        """Whether there is anything to say."""
        return bool(self.state.text())

    def _arrange(self) -> None:
        title = self._title
        row = FoldingRow()
        for label in (PlainLabel(title), self.state, self.problem, self.bar):
            row.words.addWidget(label)
        for button in (self.undo, self.check, self.install, self.stop):
            row.side.addWidget(button)
            button.setAccessibleName(f"{button.text()}: {title}")
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        column.addWidget(row)
        column.addWidget(self.notes)
        self.notes.setContentsMargins(0, 0, 0, theme.SPACE_12)
        self.notes.setAccessibleName(translate("Updates", "What is new"))
        self.check.clicked.connect(self._desk.check)
        self.install.clicked.connect(partial(self._desk.install, self._kind))
        self.stop.clicked.connect(self._desk.stop)
        self.undo.clicked.connect(partial(self._desk.undo, self._kind))

    def _refresh(self) -> None:
        with held(self, (self.install, self.check, self.stop, self.undo)):
            self._show()

    def _show(self) -> None:
        desk, state, is_program = self._desk, self._desk.state, self._kind == "program"
        is_mine, is_idle = desk.busy == self._kind, not desk.busy
        error = desk.error if is_program else None
        _say(self.state, self._words(desk))
        _say(self.problem, "" if error is None else str(error))
        _say(self.notes, notes_of(desk, self._kind))
        step = desk.step
        self.bar.setVisible(is_mine)
        self.bar.show_share(step.done_bytes / step.total_bytes if step and is_mine else None)
        can_install = state is not None and not state.hindrance
        is_offered = self._kind in desk.newer and is_idle and can_install
        self.install.setVisible(is_offered)
        self.stop.setVisible(is_mine)
        is_known = state is not None and state.is_configured
        self.check.setVisible(is_program and is_idle and is_known and not is_offered)
        can_undo = state is not None and (state.can_undo if is_program else state.can_undo_runtime)
        self.undo.setVisible(can_undo and is_idle)
        self._name_way_back(is_program and state is not None and bool(state.staged))

    def _name_way_back(self, is_waiting: bool) -> None:
        text = translate("Updates", "Go back")
        if is_waiting:
            text = translate("Updates", "Do not install")
        self.undo.setText(text)
        self.undo.setAccessibleName(f"{text}: {self._title}")


def _say(label: PlainLabel, text: str) -> None:
    label.setText(text)
    label.setVisible(bool(text))
