"""The front of the page: what is here, what suits this computer, everything else with a filter.

GUI thread. Shows what it is told; `details_asked` carries what was chosen.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from PySide6.QtCore import Signal
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QGridLayout, QLineEdit, QVBoxLayout, QWidget

from app.gui import icons, theme
from app.gui.models.subjects import Broken, Outlook, Suited
from app.gui.models.tile import BestTile, BrokenRow, ModelRow
from app.gui.models.words import machine_words
from app.gui.widgets.buttons import TextButton
from app.gui.widgets.cards import Card, FoldingRow
from app.gui.widgets.plain import PlainLabel
from app.gui.widgets.switch import Switch
from app.hardware.profile import MachineProfile

_TILE_PX = 208


class Listing(QWidget):
    """`details_asked(outlook)`, `file_asked()` for a file of the person's own."""

    details_asked = Signal(object)
    broken_asked = Signal(object)
    file_asked = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setProperty("kind", "column")
        self.tiles: list[BestTile] = []
        self.rows: list[ModelRow] = []
        self.here_rows: list[ModelRow | BrokenRow] = []
        self._machine = PlainLabel(role="muted")
        self._here = QVBoxLayout()
        self._here_card: Card | None = None
        self._looking = PlainLabel(self.tr("Looking at this computer…"), "muted")
        self._best = QWidget()
        self._grid = QGridLayout(self._best)
        self._others = QWidget()
        self._list = QVBoxLayout()
        self._list_card: Card | None = None
        self.search = QLineEdit()
        self.only_fitting = Switch(self.tr("Only what runs here"))
        self._nothing = PlainLabel(self.tr("No model of the list is like this."), "muted")
        self._arrange()

    def show_machine(self, machine: MachineProfile) -> None:
        """Say for what computer all of this is."""
        self._machine.setText(machine_words(machine))

    def show_here(self, found: Sequence[Outlook | Broken], in_use: str) -> None:
        """The models that are on this computer."""
        self.here_rows = []
        card = Card()
        card.setAccessibleName(self.tr("On this computer"))
        for each in found:
            choice = each.choice if isinstance(each, Broken) else each.model.choice
            mark = self.tr("in use") if choice == in_use else ""
            row: ModelRow | BrokenRow
            if isinstance(each, Broken):
                row = BrokenRow(each, mark)
                row.clicked.connect(partial(self.broken_asked.emit, each))
            else:
                row = ModelRow(each, mark)
                row.clicked.connect(partial(self.details_asked.emit, each))
            card.add(row)
            self.here_rows.append(row)
        self._here_card = _replaced(self._here, self._here_card, card)

    def show_suited(self, suited: Suited) -> None:
        """The catalogue as it does on this computer."""
        self._looking.hide()
        for tile in self.tiles:
            tile.hide()
            tile.deleteLater()
        self.tiles = [BestTile(outlook) for outlook in suited.best]
        for tile in self.tiles:
            tile.clicked.connect(partial(self.details_asked.emit, tile.outlook))
        self._best.setVisible(bool(self.tiles))
        self._reflow()
        card = Card()
        card.setAccessibleName(self.tr("Everything else"))
        self.rows = []
        for outlook in suited.others:
            row = ModelRow(outlook)
            row.clicked.connect(partial(self.details_asked.emit, outlook))
            card.add(row)
            self.rows.append(row)
        self._list_card = _replaced(self._list, self._list_card, card)
        self._others.setVisible(bool(self.rows))
        self._filter()
        if not self.tiles:
            self._looking.setText(
                self.tr(
                    "None of the models that Hearth knows fits into what is free here now. "
                    "Close other programs and look again, or use the Guide."
                )
                if self.rows
                else self.tr("There is no catalogue of models.")
            )
            self._looking.show()

    def show_failed(self, sentence: str) -> None:
        """Say why there is nothing to recommend."""
        self._looking.setText(sentence)
        self._looking.show()

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._reflow()

    def _arrange(self) -> None:
        open_file = TextButton(self.tr("Open a model file…"), icon="folder-open")
        open_file.clicked.connect(self.file_asked)
        here = FoldingRow(tight=True)
        here.words.addWidget(PlainLabel(self.tr("On this computer"), "heading"))
        here.side.addWidget(open_file)
        self._grid.setContentsMargins(0, 0, 0, 0)
        self._grid.setSpacing(theme.SPACE_12)
        best_title = PlainLabel(self.tr("Suits this computer best"), "heading")
        best_title.setContentsMargins(0, theme.SPACE_16, 0, 0)
        column = QVBoxLayout(self)
        column.setContentsMargins(theme.SPACE_24, 0, theme.SPACE_24, theme.SPACE_32)
        column.setSpacing(theme.SPACE_8)
        column.addWidget(here)
        column.addLayout(self._here)
        column.addWidget(best_title)
        column.addWidget(self._machine)
        column.addWidget(self._looking)
        column.addWidget(self._best)
        column.addWidget(self._others)
        column.addStretch(1)
        self._best.hide()
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
        column.addLayout(self._list)
        column.addWidget(self._nothing)
        self._nothing.hide()
        self._others.hide()

    def _filter(self) -> None:
        wanted = self.search.text().casefold().split()
        shown = 0
        for row in self.rows:
            fits = row.outlook.plan.fits != "no" or not self.only_fitting.isChecked()
            text = row.searched
            found = fits and all(word in text for word in wanted)
            shown += found
            if self._list_card is not None:
                self._list_card.set_row_visible(row, found)
        if self._list_card is not None:
            self._list_card.setVisible(shown > 0)
        self._nothing.setVisible(shown == 0)

    def _reflow(self) -> None:
        """As many tiles beside each other as have room, at any text size."""
        least = round(_TILE_PX * theme.current().text_percent / 100)
        n_columns = max(1, min(len(self.tiles), self.width() // least)) if self.tiles else 1
        if n_columns == 2 and len(self.tiles) == 3:
            n_columns = 1
        for at, tile in enumerate(self.tiles):
            self._grid.addWidget(tile, at // n_columns, at % n_columns)
        for column in range(3):
            self._grid.setColumnStretch(column, 1 if column < n_columns else 0)


def _replaced(place: QVBoxLayout, old: Card | None, new: Card) -> Card:
    if old is not None:
        place.removeWidget(old)
        old.hide()
        old.deleteLater()
    place.addWidget(new)
    return new
