"""A value that the planner chooses until a person does: a slider, and the way back.

GUI thread. Knows no plan; positions are indices of the values it was given.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QWheelEvent
from PySide6.QtWidgets import QSlider, QVBoxLayout, QWidget

from app.gui import theme
from app.gui.widgets.buttons import IconButton
from app.gui.widgets.cards import FoldingRow
from app.gui.widgets.plain import PlainLabel


class _Slider(QSlider):
    """The wheel scrolls the page over a slider that is not being used."""

    def wheelEvent(self, event: QWheelEvent) -> None:
        if self.hasFocus():
            super().wheelEvent(event)
        else:
            event.ignore()


class ValueSlider(QWidget):
    """`moved(value)` follows each move of a person's, `released()` the wish for automatic."""

    moved = Signal(object)
    released = Signal()

    def __init__(self, name: str, help_text: str, text: Callable[[Any], str]) -> None:
        super().__init__()
        self._name = name
        self._text = text
        self._values: list[Any] = []
        self._is_showing = False
        self.slider = _Slider(Qt.Orientation.Horizontal)
        self.slider.setAccessibleName(name)
        self.slider.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.slider.setPageStep(2)
        self.slider.valueChanged.connect(self._moved)
        self.value_label = PlainLabel(wrap=False)
        self._state = PlainLabel(role="secondary", wrap=False)
        self.release = IconButton(
            "rotate-ccw", self.tr("Back to automatic: {name}").format(name=name)
        )
        self.release.clicked.connect(self.released)
        head = FoldingRow(tight=True)
        head.words.addWidget(PlainLabel(name))
        for part in (self.release, self._state, self.value_label):
            head.side.addWidget(part)
        self._note = PlainLabel(role="secondary")
        self._note.hide()
        column = QVBoxLayout(self)
        column.setContentsMargins(0, theme.SPACE_8, 0, theme.SPACE_8)
        column.setSpacing(theme.SPACE_4)
        column.addWidget(head)
        column.addWidget(self.slider)
        column.addWidget(self._note)
        column.addWidget(PlainLabel(help_text, "secondary"))

    @property
    def values(self) -> list[Any]:
        return self._values

    def set_values(self, values: Sequence[Any]) -> None:
        """The values from left to right; there is nothing to slide with fewer than two."""
        self._is_showing = True
        self._values = list(values)
        self.slider.setRange(0, max(0, len(self._values) - 1))
        self._is_showing = False

    def show_value(self, value: Any, *, pinned: bool, for_all: bool = False) -> None:
        """Show what is used, and whether a person chose it, for this model or `for_all`.

        The handle goes to the nearest position.
        """
        self._is_showing = True
        if self._values:
            self.slider.setValue(self._index_of(value))
        self._is_showing = False
        text = self._text(value)
        self.value_label.setText(text)
        state = self.tr("as in Settings") if for_all else self.tr("automatic")
        if pinned:
            state = self.tr("chosen by you")
        self._state.setText(state)
        self.release.setVisible(pinned)
        if self.slider.property("pinned") != pinned:
            self.slider.setProperty("pinned", pinned)
            self.slider.style().unpolish(self.slider)
            self.slider.style().polish(self.slider)
        self.slider.setAccessibleDescription(f"{text}, {state}")

    def show_note(self, text: str) -> None:
        """Say more about the value, below the slider."""
        self._note.setText(text)
        self._note.setVisible(bool(text))

    def _index_of(self, value: Any) -> int:
        if value in self._values:
            return self._values.index(value)
        if isinstance(value, int):
            return min(range(len(self._values)), key=lambda i: abs(self._values[i] - value))
        return 0

    def _moved(self, position: int) -> None:
        if not self._is_showing and position < len(self._values):
            value = self._values[position]
            self.value_label.setText(self._text(value))
            self.moved.emit(value)
