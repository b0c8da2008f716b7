"""The front of a model's details: three words, one sentence, the picture, the one action.

GUI thread. Asks nobody: it shows an outlook and says what was pressed.
"""

from __future__ import annotations

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QFrame, QVBoxLayout, QWidget

from app.foundation.units import bytes_text
from app.gui import theme
from app.gui.downloads.model import DownloadsModel
from app.gui.models.badge import Badge
from app.gui.models.marks import Marks
from app.gui.models.offer import Offer
from app.gui.models.speed_picture import SpeedPicture
from app.gui.models.subjects import Model, Variant
from app.gui.models.words import (
    capital,
    memory_words,
    page_words,
    rate_words,
    sentence_of,
    verdict_of,
)
from app.gui.widgets.cards import FoldingRow
from app.gui.widgets.plain import PlainLabel
from app.planner.plan import Plan


class Summary(QFrame):
    """`use_asked(path)` follows the one action for a model that is here."""

    use_asked = Signal(str)

    def __init__(
        self, model: Model, downloads: DownloadsModel | None, parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        self.setProperty("kind", "card")
        self.badge = Badge()
        self.sentence = PlainLabel()
        self.picture = SpeedPicture()
        self._speed = PlainLabel(role="secondary")
        self._memory = PlainLabel(role="secondary")
        self._quality = PlainLabel(role="secondary")
        self._warning = PlainLabel(role="danger")
        self._marks = Marks(model.capabilities)
        # One accent for the one thing to do; nobody is led to what does not fit.
        self.offer = Offer(downloads, "primary")
        self.anyway = Offer(downloads, "plain")
        for each in (self.offer, self.anyway):
            each.chat_asked.connect(self.use_asked)
        self._arrange()

    def show_plan(self, plan: Plan, quality: str, variant: Variant, choice: str) -> None:
        """Show how this plan does. `quality` is the tier of the quant; `choice` is where it is."""
        fits = plan.fits != "no"
        self.badge.show_verdict(verdict_of(plan))
        self.sentence.setText(sentence_of(plan))
        rate = plan.expected.generated_tokens_per_second
        self.picture.show_rate(rate)
        numbers = rate_words(rate, *plan.expected.generated_range)
        page = page_words(plan.expected.prompt_tokens_per_second, self.locale())
        self._speed.setText(f"{numbers} {page}")
        self._memory.setText(f"{capital(memory_words(plan))}.")
        size = self.tr("File: {size}, {quant}").format(
            size=bytes_text(plan.file_bytes), quant=plan.quant or self.tr("quant unknown")
        )
        self._quality.setText(f"{size}, {quality}." if quality else f"{size}.")
        for each in (self.offer, self.anyway):
            each.show_model(variant.wanted, choice)
        self._warning.setVisible(bool(self.offer.choice) and not fits)
        self.offer.setVisible(fits)
        self.anyway.setVisible(not fits)

    def _arrange(self) -> None:
        self._warning.setText(
            self.tr(
                "You can use it all the same. Save your work in other programs first: while this "
                "model is open the computer may stand still for minutes, and the system may "
                "end programs to get memory back."
            )
        )
        head = FoldingRow(tight=True)
        head.words.addWidget(self.badge)
        for offer in (self.anyway, self.offer):
            head.side.addWidget(offer)
        column = QVBoxLayout(self)
        column.setContentsMargins(*(theme.SPACE_16,) * 4)
        column.setSpacing(theme.SPACE_8)
        column.addWidget(head)
        column.addWidget(self.sentence)
        column.addWidget(self._warning)
        column.addSpacing(theme.SPACE_4)
        column.addWidget(self.picture)
        column.addSpacing(theme.SPACE_4)
        for label in (self._speed, self._memory, self._quality):
            column.addWidget(label)
        column.addWidget(self._marks)
