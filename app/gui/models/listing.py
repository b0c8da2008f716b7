"""The place “For this computer”: what suits it best, everything else of the catalogue.

GUI thread. Shows what it is told; `details_asked` carries what was chosen.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QGridLayout, QLineEdit, QVBoxLayout, QWidget

from app.foundation.errors import HearthError
from app.gui import icons, theme
from app.gui.downloads.model import DownloadsModel
from app.gui.models.entries import BestCard, EntryRow, searched_words, shown_words
from app.gui.models.feed import FIRST, Feed
from app.gui.models.situation import Situation
from app.gui.models.subjects import Outlook, Suited
from app.gui.models.words import machine_words
from app.gui.widgets.cards import FoldingRow
from app.gui.widgets.plain import PlainLabel
from app.gui.widgets.switch import Switch

_CARD_PX = 184
PlaceOf = Callable[[Outlook], str]


class Listing(QWidget):
    """`details_asked(outlook)`, `chat_asked(path)` for what is here, `again_asked` after errors."""

    details_asked = Signal(object)
    chat_asked = Signal(str)
    again_asked = Signal()

    def __init__(self, downloads: DownloadsModel | None, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setProperty("kind", "column")
        self._downloads = downloads
        self.cards: list[BestCard] = []
        self.suited: Suited | None = None
        self._searched: list[str] = []
        self._machine = PlainLabel(role="muted")
        self._notes = PlainLabel(role="warning")
        self.situation = Situation()
        self.situation.acted.connect(self.again_asked)
        self._best = QWidget()
        self._grid = QGridLayout(self._best)
        self._best_title = PlainLabel(self.tr("Suits this computer best"), "heading")
        self._others = QWidget()
        self.feed = Feed(self.tr("Everything else"))
        self.search = QLineEdit()
        self.only_fitting = Switch(self.tr("Only what runs here"))
        self._nothing = PlainLabel(self.tr("No model of the list is like this."), "muted")
        self._arrange()
        self.situation.show_busy(self.tr("Looking at this computer…"))

    @property
    def rows(self) -> list[EntryRow]:
        """The rows that exist: those that came into view."""
        return [row for row in self.feed.made.values() if isinstance(row, EntryRow)]

    def show_suited(self, suited: Suited, place_of: PlaceOf, notes: Sequence[str] = ()) -> None:
        """The catalogue as it does on this computer; `place_of` says what is here already."""
        if suited == self.suited:
            self.show_places(place_of)
            return
        focused = self._focused()
        before, self.suited = self.suited, suited
        self.situation.hide()
        self._machine.setText(machine_words(suited.machine))
        self._notes.setText(" ".join(notes))
        self._notes.setVisible(bool(notes))
        # Free memory is never twice the same: only what would look otherwise is made anew.
        cards, rows = list(self.cards), self.rows
        if before is not None and _looks_like(before.best, suited.best):
            for card, outlook in zip(self.cards, suited.best, strict=True):
                card.show_memory(outlook)
        else:
            self._show_best(suited.best, place_of)
        if before is None or not _looks_like(before.others, suited.others):
            self._show_others(suited.others, before.others if before else (), place_of)
            if focused:
                names = [outlook.model.name for outlook in suited.others]
                at = names.index(focused) if focused in names else 0
                self.feed.show_up_to(max(at, FIRST - 1))
        self.show_places(place_of)
        if not self.cards:
            self._show_none(bool(suited.others))
        if (cards, rows) != (self.cards, self.rows):
            self._focus(focused)

    def _show_best(self, best: Sequence[Outlook], place_of: PlaceOf) -> None:
        for card in self.cards:
            card.hide()
            card.deleteLater()
        self.cards = []
        for outlook in best:
            card = BestCard(outlook, self._downloads, place_of(outlook), is_first=not self.cards)
            card.details_asked.connect(partial(self.details_asked.emit, outlook))
            card.chat_asked.connect(self.chat_asked)
            self.cards.append(card)
        for each in (self._best, self._best_title):
            each.setVisible(bool(self.cards))
        self._reflow()

    def _show_others(
        self, others: Sequence[Outlook], before: Sequence[Outlook], place_of: PlaceOf
    ) -> None:
        """Rows of models that were listed before stay where a person has scrolled to."""
        self._searched = [searched_words(outlook) for outlook in others]
        at_before = {outlook.model.name: at for at, outlook in enumerate(before)}
        kept = {
            at: at_before.pop(outlook.model.name)
            for at, outlook in enumerate(others)
            if outlook.model.name in at_before
        }
        changed = [
            at for at, then in kept.items() if shown_words(others[at]) != shown_words(before[then])
        ]
        self.feed.show_rows([partial(self._row, each, place_of) for each in others], kept, changed)
        self._others.setVisible(bool(others))
        self._filter(is_as_long=bool(kept))

    def _focused(self) -> str:
        """The model that the keyboard is at."""
        at = self.window().focusWidget()
        every: list[BestCard | EntryRow] = [*self.cards, *self.rows]
        found = (each for each in every if at is not None and each.isAncestorOf(at))
        return next((each.outlook.model.name for each in found), "")

    def _focus(self, name: str) -> None:
        """Leave the keyboard where it was, though the rows are new ones."""
        reason = Qt.FocusReason.OtherFocusReason
        for card in self.cards:
            if card.outlook.model.name == name:
                card.details.setFocus(reason)
        for row in self.rows:
            if row.outlook.model.name == name:
                row.tile.setFocus(reason)

    def show_places(self, place_of: PlaceOf) -> None:
        """Other models may be here by now: show what may be done with each."""
        for card in self.cards:
            card.offer.show_model(card.outlook.variant.wanted, place_of(card.outlook))
        for row in self.rows:
            row.show_place(place_of(row.outlook))

    def show_failed(self, error: HearthError) -> None:
        """Say why there is nothing to recommend."""
        self.situation.show_error(error, self.tr("Look again"))

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._reflow()

    def _show_none(self, has_others: bool) -> None:
        if has_others:
            self.situation.show_words(
                "cpu",
                self.tr("None of these fits into what is free here now."),
                self.tr(
                    "Close other programs and look again. The Guide, which is built in, runs "
                    "all the same."
                ),
                self.tr("Look again"),
            )
        else:
            self.situation.show_words(
                "box",
                self.tr("There is no catalogue of models."),
                self.tr("Search Hugging Face for one, or open a file that you have."),
            )

    def _row(self, outlook: Outlook, place_of: PlaceOf) -> QWidget:
        row = EntryRow(outlook, self._downloads, place_of(outlook))
        row.details_asked.connect(partial(self.details_asked.emit, outlook))
        row.chat_asked.connect(self.chat_asked)
        return row

    def _arrange(self) -> None:
        self._grid.setContentsMargins(0, 0, 0, 0)
        self._grid.setSpacing(theme.SPACE_12)
        column = QVBoxLayout(self)
        column.setContentsMargins(theme.SPACE_24, theme.SPACE_4, theme.SPACE_24, theme.SPACE_32)
        column.setSpacing(theme.SPACE_8)
        column.addWidget(self._best_title)
        column.addWidget(self._machine)
        column.addWidget(self._notes)
        column.addWidget(self.situation)
        column.addWidget(self._best)
        column.addWidget(self._others)
        column.addStretch(1)
        for each in (self._best, self._best_title, self._notes):
            each.hide()
        self._arrange_others()

    def _arrange_others(self) -> None:
        self.search.setPlaceholderText(self.tr("Filter by name, quant or use"))
        self.search.setAccessibleName(self.tr("Filter the models"))
        self.search.setProperty("kind", "search")
        icons.lead(self.search, "search")
        self.search.textChanged.connect(self._filter)
        self.only_fitting.toggled.connect(self._filter)
        title = PlainLabel(self.tr("Everything else"), "heading")
        title.setContentsMargins(0, theme.SPACE_16, 0, 0)
        tools = FoldingRow(tight=True)
        tools.words.addWidget(self.search)
        tools.side.addWidget(PlainLabel(self.tr("Only what runs here"), wrap=False))
        tools.side.addWidget(self.only_fitting)
        column = QVBoxLayout(self._others)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(theme.SPACE_8)
        column.addWidget(title)
        column.addWidget(tools)
        column.addWidget(self.feed)
        column.addWidget(self._nothing)
        self._nothing.hide()
        self._others.hide()

    def _filter(self, *_: object, is_as_long: bool = False) -> None:
        if self.suited is None:
            return
        words = self.search.text().casefold().split()
        others, only_fitting = self.suited.others, self.only_fitting.isChecked()

        def is_wanted(at: int) -> bool:
            fits = others[at].plan.fits != "no" or not only_fitting
            return fits and all(word in self._searched[at] for word in words)

        n_wanted = self.feed.narrow(is_wanted, is_as_long=is_as_long)
        self._nothing.setVisible(n_wanted == 0)

    def _reflow(self) -> None:
        """As many cards beside each other as have room, at any text size."""
        least = round(_CARD_PX * theme.current().text_percent / 100)
        room = self.width() - 2 * theme.SPACE_24 + theme.SPACE_12
        n_columns = max(1, min(len(self.cards), room // (least + theme.SPACE_12)))
        if n_columns == 2 and len(self.cards) == 3:
            n_columns = 1
        for at, card in enumerate(self.cards):
            self._grid.addWidget(card, at // n_columns, at % n_columns)
        for column in range(3):
            self._grid.setColumnStretch(column, 1 if column < n_columns else 0)


def _looks_like(before: Sequence[Outlook], now: Sequence[Outlook]) -> bool:
    return [shown_words(each) for each in before] == [shown_words(each) for each in now]
