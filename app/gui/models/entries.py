"""A model of the catalogue: a card among the recommended, or a row of all others. GUI thread."""

from __future__ import annotations

from PySide6.QtCore import QSize, Qt, Signal
from PySide6.QtGui import QMouseEvent
from PySide6.QtWidgets import QFrame, QHBoxLayout, QSizePolicy, QVBoxLayout, QWidget

from app.foundation.units import bytes_text
from app.gui import theme
from app.gui.downloads.model import DownloadsModel
from app.gui.models.badge import Badge
from app.gui.models.marks import Marks, capability_words
from app.gui.models.offer import Offer
from app.gui.models.speed_picture import SpeedPicture
from app.gui.models.subjects import Outlook
from app.gui.models.tile import Tile
from app.gui.models.words import capital, memory_words, verdict_of, verdict_words
from app.gui.plan_words import speed_words
from app.gui.widgets.buttons import TextButton
from app.gui.widgets.cards import FoldingRow
from app.gui.widgets.plain import PlainLabel


class BestCard(QFrame):
    """One of the few that suit this computer best. A click beside its buttons shows more too."""

    details_asked = Signal()
    chat_asked = Signal(str)

    def __init__(
        self,
        outlook: Outlook,
        downloads: DownloadsModel | None,
        choice: str = "",
        *,
        is_first: bool = False,
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self.setProperty("kind", "card")
        self.outlook = outlook
        plan, model = outlook.plan, outlook.model
        rate = plan.expected.generated_tokens_per_second
        badge = Badge()
        badge.show_verdict(verdict_of(plan))
        picture = SpeedPicture(labels=False)
        picture.show_rate(rate)
        self._memory = PlainLabel(role="secondary")
        self.offer = Offer(downloads, "primary" if is_first else "plain")
        self.offer.show_model(outlook.variant.wanted, choice)
        self.offer.chat_asked.connect(self.chat_asked)
        self.details = TextButton(self.tr("Details"), "quiet")
        self.details.setAccessibleName(self.tr("Details of {name}").format(name=model.name))
        self.details.clicked.connect(self.details_asked)
        column = QVBoxLayout(self)
        column.setContentsMargins(*(theme.SPACE_16,) * 4)
        column.setSpacing(theme.SPACE_8)
        column.addWidget(PlainLabel(model.name, "strong"))
        column.addWidget(badge)
        if model.sentence:
            column.addWidget(PlainLabel(model.sentence, "secondary"))
        column.addWidget(Marks(model.capabilities))
        column.addStretch(1)
        column.addWidget(picture)
        column.addWidget(PlainLabel(f"{capital(speed_words(rate))}.", "secondary"))
        column.addWidget(self._memory)
        column.addWidget(PlainLabel(file_words(outlook), "secondary"))
        column.addSpacing(theme.SPACE_4)
        column.addWidget(self.offer)
        column.addWidget(self.details)
        self.setCursor(Qt.CursorShape.PointingHandCursor)
        self.show_memory(outlook)

    def show_memory(self, outlook: Outlook) -> None:
        """The same model with another plan that differs in what is free."""
        self.outlook = outlook
        model, plan = outlook.model, outlook.plan
        memory = memory_words(plan)
        self._memory.setText(f"{capital(memory)}.")
        spoken = [
            verdict_words(verdict_of(plan)),
            model.sentence,
            capability_words(model.capabilities),
            speed_words(plan.expected.generated_tokens_per_second),
            memory,
            file_words(outlook),
        ]
        said = ", ".join(part for part in spoken if part)
        self.setAccessibleName(f"{model.name}: {said}")
        self.details.setAccessibleDescription(said)

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        if event.button() == Qt.MouseButton.LeftButton and self.rect().contains(event.pos()):
            self.details_asked.emit()
        super().mouseReleaseEvent(event)


class EntryRow(FoldingRow):
    """One line of the list: pressed for the details, with its main button at the right."""

    details_asked = Signal()
    chat_asked = Signal(str)

    def __init__(
        self,
        outlook: Outlook,
        downloads: DownloadsModel | None,
        choice: str = "",
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent, tight=True)
        self.outlook = outlook
        plan, model = outlook.plan, outlook.model
        badge = Badge()
        badge.show_verdict(verdict_of(plan))
        self.tile = Tile("row")
        about = [file_words(outlook)]
        if plan.fits != "no":
            about.append(speed_words(plan.expected.generated_tokens_per_second))
        words = QVBoxLayout()
        words.setSpacing(2)
        words.addWidget(self.tile.label(model.name, "strong"))
        words.addWidget(self.tile.label(" · ".join(about), "secondary"))
        row = QHBoxLayout(self.tile)
        row.setContentsMargins(*(theme.SPACE_8,) * 4)
        row.setSpacing(theme.SPACE_16)
        row.addLayout(words, 1)
        row.addWidget(badge, 0, Qt.AlignmentFlag.AlignVCenter)
        self.tile.clicked.connect(self.details_asked)
        spoken = [model.name, badge.text, *about, capability_words(model.capabilities)]
        self.tile.setAccessibleName(", ".join(part for part in spoken if part))
        self.offer = RowOffer(downloads)
        self.show_place(choice)
        self.offer.chat_asked.connect(self.chat_asked)
        self.words.addWidget(self.tile)
        self.side.addWidget(self.offer)

    def show_place(self, choice: str) -> None:
        """Where it is on this computer, or ""."""
        # Nobody is led to what does not fit; its details say what may be done all the same.
        fits = self.outlook.plan.fits != "no"
        self.offer.show_model(self.outlook.variant.wanted if fits else None, choice)


class RowOffer(Offer):
    """As wide in every row of a list, so that badges and buttons stand under each other."""

    def __init__(self, downloads: DownloadsModel | None, parent: QWidget | None = None) -> None:
        super().__init__(downloads, "quiet", with_size=False, parent=parent)
        self.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Preferred)

    def sizeHint(self) -> QSize:
        metrics = self.button.fontMetrics()
        least = metrics.horizontalAdvance(self.tr("Download")) + 2 * theme.SPACE_16
        hint = super().sizeHint()
        return QSize(max(least, hint.width()), hint.height())


def shown_words(outlook: Outlook) -> tuple[str, ...]:
    """All that a row shows, and a card but for the memory: what is alike looks alike."""
    wanted = outlook.variant.wanted
    return (
        outlook.model.name,
        verdict_of(outlook.plan),
        searched_words(outlook),
        wanted.key if wanted is not None else "",
    )


def searched_words(outlook: Outlook) -> str:
    """All that a filter looks at."""
    model, plan = outlook.model, outlook.plan
    speed = speed_words(plan.expected.generated_tokens_per_second) if plan.fits != "no" else ""
    parts = (model.name, model.sentence, file_words(outlook), speed, *model.uses)
    return " ".join((*parts, capability_words(model.capabilities))).casefold()


def file_words(outlook: Outlook) -> str:
    """Size of all that is downloaded, quant and licence: "4.9 GB · Q4_K_M · Apache-2.0"."""
    wanted = outlook.variant.wanted
    n_bytes = max(outlook.plan.file_bytes, wanted.bytes if wanted is not None else 0)
    parts = [bytes_text(n_bytes), outlook.plan.quant, outlook.model.licence]
    return " · ".join(part for part in parts if part)
