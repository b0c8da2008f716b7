"""Long pasted text as cards beside the words typed, so that no field has to lay it out.

GUI thread for the cards; the arithmetic is pure. The message that is sent holds all of it.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QFrame, QHBoxLayout, QVBoxLayout, QWidget

from app.foundation.units import bytes_text
from app.gui import theme
from app.gui.safe_text import one_line
from app.gui.widgets.buttons import IconButton
from app.gui.widgets.plain import ElidedLabel, PlainLabel

LONG_CHARS = 6_000
LONG_LINE_CHARS = 2_000
MAX_TYPED_CHARS = 40_000


@dataclass(frozen=True, slots=True)
class Pasted:
    """A draft: the words typed and the long texts beside them."""

    typed: str
    cards: tuple[str, ...] = ()


def is_long(text: str) -> bool:
    """True for text that the field should not have to lay out."""
    if len(text) > LONG_CHARS:
        return True
    return len(text) > LONG_LINE_CHARS and max(map(len, text.split("\n"))) > LONG_LINE_CHARS


def joined(content: Pasted) -> str:
    """The message a draft makes: typed words first, then each long text, a blank line between."""
    typed = content.typed if not content.cards else content.typed.rstrip()
    return "\n\n".join(part for part in (typed, *content.cards) if part.strip())


def parted(text: str) -> Pasted:
    """The draft that shows a text of any length."""
    return Pasted("", (text,)) if is_long(text) else Pasted(text)


class PastedRow(QWidget):
    """The cards, one under the other."""

    changed = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.texts: tuple[str, ...] = ()
        self.remove_buttons: list[IconButton] = []
        self._cards: list[QWidget] = []
        self._column = QVBoxLayout(self)
        self._column.setContentsMargins(0, 2, theme.SPACE_8, 2)
        self._column.setSpacing(theme.SPACE_4)
        self.hide()

    def add(self, text: str) -> None:
        """One more long text."""
        self.set_texts((*self.texts, text))

    def set_texts(self, texts: tuple[str, ...]) -> None:
        """Show these long texts."""
        if texts == self.texts:
            return
        self.texts = texts
        for card in self._cards:
            self._column.removeWidget(card)
            card.hide()
            card.deleteLater()
        self.remove_buttons = []
        self._cards = [self._card(index, text) for index, text in enumerate(texts)]
        for card in self._cards:
            self._column.addWidget(card)
        self.setVisible(bool(texts))
        self.changed.emit()

    def _remove(self, index: int) -> None:
        self.set_texts(self.texts[:index] + self.texts[index + 1 :])

    def _card(self, index: int, text: str) -> QWidget:
        card = QFrame()
        card.setProperty("kind", "card")
        size = bytes_text(len(text.encode("utf-8", "replace")))
        words = self.tr("Pasted text, %1").replace("%1", size)
        remove = IconButton("x", self.tr("Remove the pasted text"))
        remove.clicked.connect(partial(self._remove, index))
        self.remove_buttons.append(remove)
        row = QHBoxLayout(card)
        row.setContentsMargins(theme.SPACE_12, 2, 2, 2)
        row.addWidget(PlainLabel(words, "strong", wrap=False))
        row.addWidget(ElidedLabel(one_line(text), "secondary"), 1)
        row.addWidget(remove)
        return card
