"""Reasons as sentences, one under the other. GUI thread."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtWidgets import QVBoxLayout

from app.gui import theme
from app.gui.widgets.cards import Card
from app.gui.widgets.plain import PlainLabel
from app.planner.explain import sentence
from app.planner.plan import Reason


class Sentences(Card):
    """Those of one plan."""

    def __init__(self) -> None:
        super().__init__()
        self._labels: list[PlainLabel] = []
        self._texts = QVBoxLayout()
        self._texts.setContentsMargins(0, theme.SPACE_12, 0, theme.SPACE_12)
        self._texts.setSpacing(theme.SPACE_8)
        self.add_layout(self._texts)

    @property
    def text(self) -> str:
        return "\n".join(label.text() for label in self._labels if not label.isHidden())

    def show_reasons(self, reasons: Sequence[Reason]) -> None:
        """Labels are kept: a slider that moves must not make the page flicker."""
        while len(self._labels) < len(reasons):
            label = PlainLabel(selectable=True)
            self._labels.append(label)
            self._texts.addWidget(label)
        for at, label in enumerate(self._labels):
            label.setVisible(at < len(reasons))
            if at < len(reasons):
                label.setText(sentence(reasons[at]))
