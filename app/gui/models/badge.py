"""How well a model runs, in a word or two with a mark before it. GUI thread."""

from __future__ import annotations

from typing import cast

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QHBoxLayout, QWidget

from app.gui import icons, theme
from app.gui.models.words import Verdict, verdict_words
from app.gui.widgets.plain import LabelRole, PlainLabel

_FACES: dict[Verdict, tuple[str, LabelRole]] = {
    "well": ("check", "good"),
    "slowish": ("info", "warning"),
    "slow": ("info", "warning"),
    "tight": ("triangle-alert", "warning"),
    "no": ("x", "danger"),
}


class Badge(QWidget):
    """Says the same in word, mark and colour."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._verdict: Verdict = "well"
        self._mark = PlainLabel(wrap=False)
        self._word = PlainLabel(wrap=False)
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(theme.SPACE_4)
        row.addWidget(self._mark)
        row.addWidget(self._word)
        row.addStretch(1)
        self.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)
        theme.current().changed.connect(self._recolour)
        self.show_verdict("well")

    @property
    def text(self) -> str:
        return self._word.text()

    def show_verdict(self, verdict: Verdict, words: str = "") -> None:
        """Show another word; `words` in place of the verdict's own."""
        self._verdict = verdict
        self._word.setText(words or verdict_words(verdict))
        self._word.set_role(_FACES[verdict][1])
        self._recolour()

    def _recolour(self) -> None:
        icon, role = _FACES[self._verdict]
        colour = cast(str, getattr(theme.current().tokens, role))
        self._mark.setPixmap(icons.pixmap(icon, colour, theme.ICON_PX, self.devicePixelRatioF()))
