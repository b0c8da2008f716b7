"""Labels and tooltips that never interpret what they show. GUI thread.

Qt's labels, tooltips and message boxes guess at rich text, and then open files that the text
names; so text goes through here. Knows nothing of what the text is.
"""

from __future__ import annotations

from typing import Literal

from PySide6.QtCore import Qt
from PySide6.QtGui import QFontMetrics, QResizeEvent
from PySide6.QtWidgets import QLabel, QSizePolicy, QWidget

LabelRole = Literal[
    "body",
    "strong",
    "secondary",
    "muted",
    "heading",
    "title",
    "mono",
    "good",
    "warning",
    "danger",
    "problem",
    "small good",
    "small warning",
]


class PlainLabel(QLabel):
    """A label that shows its text as it is. Wraps unless told otherwise."""

    def __init__(
        self,
        text: str = "",
        role: LabelRole = "body",
        *,
        wrap: bool = True,
        selectable: bool = False,
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self.setTextFormat(Qt.TextFormat.PlainText)
        self.setProperty("role", role)
        self.setWordWrap(wrap)
        if selectable:
            self.setTextInteractionFlags(
                Qt.TextInteractionFlag.TextSelectableByMouse
                | Qt.TextInteractionFlag.TextSelectableByKeyboard
            )
        self.setText(text)

    def set_role(self, role: LabelRole) -> None:
        """Change the look, for example from secondary to danger."""
        if self.property("role") != role:
            self.setProperty("role", role)
            self.style().unpolish(self)
            self.style().polish(self)


class ElidedLabel(PlainLabel):
    """One line that ends in … where it does not fit; the whole text is in the tooltip."""

    def __init__(
        self, text: str = "", role: LabelRole = "body", parent: QWidget | None = None
    ) -> None:
        self._whole = ""
        super().__init__("", role, wrap=False, parent=parent)
        self.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
        self.set_whole(text)

    @property
    def whole(self) -> str:
        return self._whole

    def set_whole(self, text: str) -> None:
        """Show `text`, shortened to the width there is."""
        self._whole = " ".join(text.split())
        self._fit()

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._fit()

    def _fit(self) -> None:
        metrics = QFontMetrics(self.font())
        shown = metrics.elidedText(self._whole, Qt.TextElideMode.ElideRight, self.width())
        self.setText(shown)
        set_tooltip(self, self._whole if shown != self._whole else "")


def plain_tooltip(text: str) -> str:
    """`text` so that a tooltip shows it as it is. Marked as rich text, all of it escaped."""
    safe = text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return f"<span>{safe}</span>" if text else ""


def set_tooltip(widget: QWidget, text: str) -> None:
    """Give a widget a tooltip that may hold any text."""
    widget.setToolTip(plain_tooltip(text))
