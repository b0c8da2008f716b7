"""Rows of the settings page. GUI thread; knows options only by declaration."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QGridLayout, QVBoxLayout, QWidget

from app.gui import theme
from app.gui.services import Fact
from app.gui.settings.controls import OptionControl, control_for, words
from app.gui.widgets.buttons import IconButton
from app.gui.widgets.cards import FoldingRow
from app.gui.widgets.plain import PlainLabel
from app.settings.option import Option


class OptionRow(QWidget):
    """Label, help and control of one option; a way back to the default when it was changed."""

    chosen = Signal(object, object)
    reset_asked = Signal(object)

    def __init__(
        self,
        option: Option[Any],
        parent: QWidget | None = None,
        *,
        control: OptionControl | None = None,
    ) -> None:
        """`control` takes the place of the one that options of this kind have."""
        super().__init__(parent)
        self.option = option
        self._is_held = False
        self.control = control or control_for(option)
        self.control.chosen.connect(self._chosen)
        label = words(option.label)
        self.reset_button = IconButton(
            "rotate-ccw", self.tr("Back to the default: {label}").format(label=label)
        )
        self.reset_button.clicked.connect(self._ask_reset)
        keep = self.reset_button.sizePolicy()
        keep.setRetainSizeWhenHidden(True)
        self.reset_button.setSizePolicy(keep)
        self._now = PlainLabel(role="secondary")
        self._now.hide()
        help_text = words(option.help)
        if option.needs_restart:
            help_text += " " + self.tr("Takes effect at the next start.")
        row = FoldingRow()
        row.words.addWidget(PlainLabel(label))
        row.words.addWidget(PlainLabel(help_text, "secondary"))
        row.words.addWidget(self._now)
        row.head.addWidget(self.reset_button, 0, Qt.AlignmentFlag.AlignVCenter)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        column.addWidget(row)
        if self.control.is_wide:
            column.addWidget(self.control)
            column.addSpacing(theme.SPACE_12)
        else:
            row.side.addWidget(self.control)

    def hold(self, value: Any, by: str) -> None:
        """Show a value that this start was given, and that cannot be changed here."""
        self.control.show_value(value)
        self.control.setEnabled(False)
        self.reset_button.hide()
        self._is_held = True
        self.show_in_use(
            self.tr("Until the next start: Hearth was started with {by}.").format(by=by)
        )

    def show_value(self, value: Any) -> None:
        """Show what the option is now."""
        if self._is_held:
            return
        self.control.show_value(value)
        self.reset_button.setVisible(value != self.option.default)

    def show_in_use(self, text: str) -> None:
        """Say below the help what an automatic value came to; nothing for an empty text."""
        self._now.setText(text)
        self._now.setVisible(bool(text))

    def _chosen(self, value: Any) -> None:
        self.chosen.emit(self.option, value)

    def _ask_reset(self) -> None:
        self.reset_asked.emit(self.option)


class FactRows(QWidget):
    """What was found, one line each; a sentence until it is there."""

    def __init__(self, waiting: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._grid = QGridLayout(self)
        self._grid.setContentsMargins(0, theme.SPACE_12, 0, theme.SPACE_12)
        self._grid.setHorizontalSpacing(theme.SPACE_16)
        self._grid.setVerticalSpacing(theme.SPACE_8)
        self._grid.setColumnStretch(1, 1)
        self._labels: list[PlainLabel] = []
        self.show_sentence(waiting)

    def show_sentence(self, text: str) -> None:
        """Show one sentence in place of the lines."""
        self._clear()
        self._add(PlainLabel(text, "muted"), 0, 0, 2)

    def show_facts(self, facts: Sequence[Fact]) -> None:
        """Show these lines."""
        self._clear()
        for row, fact in enumerate(facts):
            self._add(PlainLabel(fact.label, "muted", wrap=False), row, 0)
            self._add(PlainLabel(fact.text, selectable=True), row, 1)

    @property
    def text(self) -> str:
        """All that is shown, a line each."""
        return "\n".join(label.text() for label in self._labels)

    def _add(self, label: PlainLabel, row: int, column: int, span: int = 1) -> None:
        self._labels.append(label)
        self._grid.addWidget(label, row, column, 1, span, Qt.AlignmentFlag.AlignTop)

    def _clear(self) -> None:
        for label in self._labels:
            self._grid.removeWidget(label)
            label.hide()
            label.deleteLater()
        self._labels.clear()
