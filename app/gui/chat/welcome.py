"""What an empty chat shows: at the first start what was found here, later one sentence.

GUI thread. A question that is clicked goes to the page by `asked`; nothing here stands between
the person and the composer.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QFontMetrics, QResizeEvent
from PySide6.QtWidgets import QFrame, QGridLayout, QHBoxLayout, QScrollArea, QVBoxLayout, QWidget

from app.conversations.records import Conversation
from app.gui import icons, theme
from app.gui.aside import aside
from app.gui.bridge import Bridge
from app.gui.services import Fact, GuiServices
from app.gui.widgets.buttons import TextButton
from app.gui.widgets.plain import ElidedLabel, PlainLabel
from app.network import offline
from app.protocol.model_ref import ModelRef
from app.settings.schema import MODEL_PATH, OFFLINE

if TYPE_CHECKING:
    from app.gui.chat.first_look import AlreadyHere, Recommended
    from app.gui.chat.first_offer import FirstOffer
    from app.gui.downloads.model import DownloadsModel

_FLAME_PX = 36
_CARD_PX = 600
_N_FACTS = 4
_LOW_PX = 560


class Welcome(QWidget):
    """Centred above the composer while a conversation is empty."""

    asked = Signal(str)
    use_asked = Signal(str)
    guide_asked = Signal()
    models_asked = Signal()

    def __init__(
        self,
        services: GuiServices,
        bridge: Bridge,
        parent: QWidget | None = None,
        *,
        downloads: DownloadsModel | None = None,
    ) -> None:
        super().__init__(parent)
        self._services = services
        self._bridge = bridge
        self._downloads = downloads
        self.offer: FirstOffer | None = None
        self._chose_guide = False
        self._flame = PlainLabel(wrap=False)
        self._title = PlainLabel(role="title", wrap=False)
        self._sentence = PlainLabel(role="muted")
        self._found_title = PlainLabel(self.tr("Found on this computer"), "strong")
        self._found = QFrame()
        self._facts = QGridLayout()
        self._fact_labels: list[QWidget] = []
        self._start = PlainLabel(role="muted")
        self._questions = QWidget()
        self._looked = False
        self._arrange()
        theme.current().changed.connect(self._draw_flame)
        self._draw_flame()
        self._show_later()
        self.refresh()

    def refresh(self) -> None:
        """Say what fits now: there may be chats since, or another model."""
        self._bridge.watch(self._services.repository.list(), self._listed)

    def resizeEvent(self, event: QResizeEvent) -> None:
        """A low window has room for what is to be read, and none for the picture."""
        super().resizeEvent(event)
        is_low = self.height() < _LOW_PX
        self._flame.setVisible(not is_low)
        self._column.setSpacing(theme.SPACE_8 if is_low else theme.SPACE_12)

    @property
    def is_first_start(self) -> bool:
        """Whether the long form is shown."""
        return self._found.isVisibleTo(self)

    def _listed(self, conversations: Sequence[Conversation]) -> None:
        if conversations or self._chose_guide or not self._is_guide:
            self._show_later()
        else:
            self._show_first()

    def _show_first(self) -> None:
        self._title.setText(self.tr("Welcome to Hearth"))
        self._sentence.setText(
            self.tr("A language model on your own computer. What you write stays here.")
        )
        self._found.show()
        self._start.setText(
            self.tr(
                "You can start right away with the built-in guide: a small model that knows how "
                "to use Hearth. For everything else, open a model file (Ctrl+O)."
            )
        )
        offers = self._services.reaching is not None
        self._start.setVisible(not offers)
        self._questions.setVisible(not offers and self._is_guide)
        ask = self._services.machine_facts
        if ask is None:
            self._found.hide()
        elif not self._looked:
            self._looked = True
            self._show_looking()
            self._bridge.watch(ask(), self._found_machine, self._facts_failed)
        if offers:
            self._show_offer()

    def _show_offer(self) -> None:
        """What is recommended comes by itself, once it is known what this computer is."""
        if self.offer is None:
            from app.gui.chat.first_offer import FirstOffer

            self.offer = FirstOffer(self._downloads, self)
            self.offer.show_looking()
            self.offer.use_asked.connect(self.use_asked)
            self.offer.models_asked.connect(self.models_asked)
            self.offer.guide_asked.connect(self._start_with_guide)
            self._column.insertWidget(self._column.indexOf(self._start), self.offer)
            if self._services.machine_facts is None:
                self._look_for_offer()
        self.offer.set_offline(self._is_offline)
        self.offer.show()

    def _look_for_offer(self) -> None:
        from app.gui.chat.first_look import already_here, recommended

        look = aside(partial(recommended, self._services))
        self._bridge.watch(look, self._recommended, self._not_recommended)
        if self._services.library is not None:
            here = aside(partial(already_here, self._services))
            self._bridge.watch(here, self._already_here, self._not_here)

    def _recommended(self, offer: Recommended | None) -> None:
        if self.offer is not None:
            self.offer.show_offer(offer)

    def _not_recommended(self, _error: BaseException) -> None:
        # The page of models says why; here the guide must not wait for it.
        if self.offer is not None:
            self.offer.hide()
        if self.is_first_start:
            self._start.show()
            self._show_questions()

    def _already_here(self, here: AlreadyHere | None) -> None:
        if self.offer is not None:
            self.offer.show_here(here)

    def _not_here(self, _error: BaseException) -> None:
        """The page of models lists them, and says what could not be looked at."""

    def _start_with_guide(self) -> None:
        self._chose_guide = True
        self._show_later()
        self.guide_asked.emit()

    @property
    def _is_offline(self) -> bool:
        return offline.is_forced() or self._services.settings.get(OFFLINE)

    def _show_later(self) -> None:
        self._found.hide()
        self._start.hide()
        if self.offer is not None:
            self.offer.hide()
        self._title.setText(self.tr("What would you like to know?"))
        if self._is_guide:
            self._sentence.setText(
                self.tr("The built-in guide answers: it knows how to use Hearth.")
            )
        else:
            self._sentence.setText(self.tr("The answer is made on this computer."))
        self._show_questions()

    @property
    def _is_guide(self) -> bool:
        return ModelRef(self._services.settings.get(MODEL_PATH)).is_built_in

    def _show_questions(self) -> None:
        self._questions.setVisible(self._is_guide)

    def _show_looking(self) -> None:
        """Room for what will be found, so that nothing moves when it comes."""
        self._show_facts([Fact(self.tr("Looking…"), "")])
        line_px = QFontMetrics(theme.current().font()).height()
        self._found.setMinimumHeight(
            (_N_FACTS + 1) * (line_px + theme.SPACE_4) + 2 * theme.SPACE_12 + theme.SPACE_8
        )

    def _show_facts(self, facts: Sequence[Fact]) -> None:
        for label in self._fact_labels:
            label.hide()
            label.deleteLater()
        self._fact_labels.clear()
        brief = [fact for fact in facts if fact.in_brief] or facts
        for row, fact in enumerate(brief[:_N_FACTS]):
            name = PlainLabel(fact.label, "muted", wrap=False)
            text = ElidedLabel(fact.text)
            self._facts.addWidget(name, row, 0)
            self._facts.addWidget(text, row, 1)
            self._fact_labels += [name, text]

    def _found_machine(self, facts: Sequence[Fact]) -> None:
        self._found.setMinimumHeight(0)
        self._show_facts(facts)
        if self.offer is not None:
            self._look_for_offer()

    def _facts_failed(self, _error: BaseException) -> None:
        # The settings page says why; here it must not stand in the way.
        self._found.hide()
        if self.offer is not None:
            self._look_for_offer()

    def _draw_flame(self) -> None:
        colour = theme.current().tokens.accent
        ratio = self.devicePixelRatioF()
        self._flame.setPixmap(icons.pixmap("flame", colour, _FLAME_PX, ratio))

    def _arrange(self) -> None:
        centre = Qt.AlignmentFlag.AlignHCenter
        for label in (self._sentence, self._start):
            label.setAlignment(centre)
        self._found.setProperty("kind", "card")
        self._facts.setHorizontalSpacing(theme.SPACE_16)
        self._facts.setVerticalSpacing(theme.SPACE_4)
        self._facts.setColumnStretch(1, 1)
        card = QVBoxLayout(self._found)
        card.setContentsMargins(theme.SPACE_16, theme.SPACE_12, theme.SPACE_16, theme.SPACE_12)
        card.setSpacing(theme.SPACE_8)
        card.addWidget(self._found_title)
        card.addLayout(self._facts)
        card.addStretch(1)
        questions = QVBoxLayout(self._questions)
        questions.setContentsMargins(0, 0, 0, 0)
        questions.setSpacing(theme.SPACE_4)
        for question in self._suggestions():
            button = TextButton(question, "suggestion")
            button.clicked.connect(partial(self.asked.emit, question))
            questions.addWidget(button)
        self._column = column = QVBoxLayout(self._middle())
        column.setContentsMargins(theme.SPACE_16, theme.SPACE_4, theme.SPACE_16, theme.SPACE_4)
        column.setSpacing(theme.SPACE_12)
        column.addStretch(1)
        column.addWidget(self._flame, 0, centre)
        column.addWidget(self._title, 0, centre)
        column.addWidget(self._sentence)
        column.addWidget(self._found)
        column.addWidget(self._start)
        column.addWidget(self._questions)
        column.addStretch(1)

    def _middle(self) -> QWidget:
        """The column in the middle; empty, and in its place already."""
        scroll = QScrollArea(self)
        scroll.setWidgetResizable(True)
        scroll.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        scroll.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        scroll.setAccessibleName(self.tr("Start of the chat"))
        centred = QWidget(scroll)
        centred.setProperty("kind", "column")
        scroll.setWidget(centred)
        whole = QVBoxLayout(self)
        whole.setContentsMargins(0, 0, 0, 0)
        whole.addWidget(scroll)
        inner = QWidget(centred)
        inner.setProperty("kind", "column")
        inner.setMaximumWidth(_CARD_PX)
        middle = QHBoxLayout(centred)
        middle.setContentsMargins(0, 0, 0, 0)
        middle.addWidget(inner, 1)
        return inner

    def _suggestions(self) -> tuple[str, ...]:
        return (
            self.tr("What can you do?"),
            self.tr("How do I add a model?"),
            self.tr("Does anything I write leave this computer?"),
        )
