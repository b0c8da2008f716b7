"""The front of a repository: how the marked file would run, and the one main button. GUI thread."""

from __future__ import annotations

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QFrame, QVBoxLayout, QWidget

from app.foundation.errors import AccessNeeded
from app.foundation.units import bytes_text
from app.gui import theme
from app.gui.downloads.model import DownloadsModel
from app.gui.models.badge import Badge
from app.gui.models.hub.asking import Weighed
from app.gui.models.hub.words import licence_words, owner_and_name
from app.gui.models.offer import Offer
from app.gui.models.speed_picture import SpeedPicture
from app.gui.models.subjects import Outlook
from app.gui.models.words import capital, memory_words, sentence_of, verdict_of
from app.gui.safe_text import one_line
from app.gui.widgets.buttons import TextButton
from app.gui.widgets.cards import FoldingRow
from app.gui.widgets.plain import PlainLabel
from app.models.offered import RepositoryInfo


class Head(QFrame):
    """`chat_asked(path)` follows the button of a file that is here."""

    details_asked = Signal()
    chat_asked = Signal(str)

    def __init__(self, downloads: DownloadsModel | None, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setProperty("kind", "card")
        self.setAccessibleName(self.tr("The file that is marked"))
        self.badge = Badge()
        self.file = PlainLabel(role="strong")
        self.sentence = PlainLabel()
        self.picture = SpeedPicture()
        self._memory = PlainLabel(role="secondary")
        self._about = PlainLabel(role="secondary")
        self.offer = Offer(downloads, "primary")
        self.anyway = Offer(downloads, "plain")
        for each in (self.offer, self.anyway):
            each.chat_asked.connect(self.chat_asked)
        self.details = TextButton(self.tr("Details"), "quiet")
        self.details.clicked.connect(self.details_asked)
        head = FoldingRow(tight=True)
        head.words.addWidget(self.file)
        head.words.addWidget(self.badge)
        for button in (self.details, self.anyway, self.offer):
            head.side.addWidget(button)
        column = QVBoxLayout(self)
        column.setContentsMargins(*(theme.SPACE_16,) * 4)
        column.setSpacing(theme.SPACE_8)
        column.addWidget(head)
        column.addWidget(self.sentence)
        column.addWidget(self.picture)
        column.addWidget(self._memory)
        column.addWidget(self._about)
        self.hide()

    def show_waiting(self, info: RepositoryInfo, at: int, choice: str) -> None:
        """How it runs is not known yet."""
        self._show_plain(info, at, choice)
        self.sentence.setText(
            self.tr("Reading the beginning of one file to see how it would run here…")
        )

    def show_unknown(self, weighed: Weighed, at: int, choice: str) -> None:
        """How it runs could not be found out, or it is of no use at all."""
        self._show_plain(weighed.info, at, choice)
        error = weighed.error
        if error is None:
            self.sentence.setText(self.tr("How it would run here is not known."))
            return
        parts = (error.title, error.detail) if weighed.is_refused else (error.title,)
        why = " ".join(one_line(part, 300) for part in parts if part)
        if weighed.is_refused:
            self.badge.show_verdict("no", self.tr("does not run in Hearth"))
            self.badge.show()
            self.offer.hide()
            self.sentence.setText(why)
            return
        self.sentence.setText(
            self.tr("How it would run here could not be found out: {why}").format(why=why)
        )
        if isinstance(error, AccessNeeded):
            # The one thing to do is said above; a download would be refused as well.
            self.offer.hide()
            self.anyway.show_model(weighed.info.wanted(weighed.info.groups[at]), choice)
            self.anyway.show()

    def show_outlook(self, outlook: Outlook, choice: str) -> None:
        """How the marked file runs here."""
        plan = outlook.plan
        variant = outlook.variant
        fits = plan.fits != "no"
        self.file.setText(_file_words(variant.quant, variant.facts.file_bytes, self.tr("File")))
        self.badge.show_verdict(verdict_of(plan))
        self.badge.show()
        self.sentence.setText(sentence_of(plan))
        self.picture.show_rate(plan.expected.generated_tokens_per_second)
        self.picture.show()
        self._memory.setText(f"{capital(memory_words(plan))}.")
        self._memory.show()
        for each in (self.offer, self.anyway):
            each.show_model(variant.wanted, choice)
        self.offer.setVisible(fits)
        self.anyway.setVisible(not fits)
        self.details.show()
        self.show()

    def _show_plain(self, info: RepositoryInfo, at: int, choice: str) -> None:
        group = info.groups[at]
        self.file.setText(_file_words(group.quant, group.bytes, self.tr("File")))
        for each in (self.badge, self.picture, self._memory, self.anyway, self.details):
            each.hide()
        self.offer.show_model(info.wanted(group), choice)
        self.offer.show()
        owner, _ = owner_and_name(info.id)
        parts = [self.tr("by {owner}").format(owner=owner)]
        licence = licence_words(info.licence)
        if licence:
            parts.append(self.tr("licence: {licence}").format(licence=licence))
        if info.private:
            parts.append(self.tr("private"))
        self._about.setText(" · ".join(parts))
        self.show()


def _file_words(quant: str, n_bytes: int, otherwise: str) -> str:
    parts = [one_line(quant, 40) or otherwise, bytes_text(n_bytes) if n_bytes else ""]
    return " · ".join(part for part in parts if part)
