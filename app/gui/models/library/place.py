"""The place “On this computer”: every model that is here, from where, and what may be done.

GUI thread. Looking, planning and checking run on others; rows get their verdict as they are seen.
"""

from __future__ import annotations

from functools import partial

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QLineEdit, QVBoxLayout, QWidget

from app.foundation.errors import HearthError
from app.gui import icons, theme
from app.gui.aside import InTurn
from app.gui.bridge import Bridge
from app.gui.models.desk import Desk
from app.gui.models.feed import FIRST, Feed
from app.gui.models.latest import Latest
from app.gui.models.library.deeds import Deed
from app.gui.models.library.importing import Importing
from app.gui.models.library.row import KeptRow
from app.gui.models.library.stock import Item, Stock, Stocking
from app.gui.models.library.words import about_words, use_words
from app.gui.models.situation import Situation
from app.gui.models.smaller.model import SmallerModel
from app.gui.models.smaller.progress import MakingCard
from app.gui.models.subjects import Broken, Outlook
from app.gui.notify import Notifier
from app.gui.widgets.buttons import TextButton
from app.gui.widgets.cards import FoldingRow
from app.gui.widgets.plain import PlainLabel

_FILTERED = 6
"""From so many models on there is a field to filter them."""


class LibraryPlace(QWidget):
    """`details_asked(choice, name)`, `smaller_asked(choice, name)`, `chat_asked(choice)`,
    `file_asked()`; `stocked(stock)` follows every look, `removed(files, was_in_use)` a removal."""

    details_asked = Signal(str, str)
    smaller_asked = Signal(str, str)
    chat_asked = Signal(str)
    file_asked = Signal()
    stocked = Signal(object)
    removed = Signal(list, bool)

    def __init__(
        self,
        desk: Desk,
        stocking: Stocking,
        bridge: Bridge,
        notify: Notifier,
        smaller: SmallerModel,
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self.setProperty("kind", "column")
        self._smaller = smaller
        self.making = MakingCard(with_show=True)
        self._desk = desk
        self._stocking = stocking
        self._bridge = bridge
        self._notify = notify
        self._in_turn = InTurn()
        self._known: dict[str, Outlook | Broken] = {}
        self._stale: set[str] = set()
        self._looks: list[tuple[Item, bool]] = []
        self.stock: Stock | None = None
        self._look: Latest[Stock] = Latest(bridge, self._found, self._not_found, self)
        self._use = PlainLabel(role="muted")
        self._notes = PlainLabel(role="warning")
        self.importing = Importing(stocking, bridge, notify)
        self.search = QLineEdit()
        self.situation = Situation()
        self.feed = Feed(self.tr("On this computer"))
        self._nothing = PlainLabel(self.tr("No model here is like this."), "muted")
        self._arrange()
        self._connect()
        self.situation.show_busy(self.tr("Looking for models on this computer…"))

    @property
    def rows(self) -> list[KeptRow]:
        """The rows that exist: those that came into view."""
        return [row for row in self.feed.made.values() if isinstance(row, KeptRow)]

    def look(self) -> None:
        """Look anew at what is here."""
        self._look.ask(self._stocking.look)

    def take_file(self, path: str) -> None:
        """A file was dropped or chosen: ask what to do with it."""
        self.importing.ask(path)

    def _arrange(self) -> None:
        add = TextButton(self.tr("Add a model file…"), icon="folder-open")
        add.clicked.connect(self.file_asked)
        head = FoldingRow(tight=True)
        head.words.addWidget(self._use)
        head.side.addWidget(add)
        self.search.setPlaceholderText(self.tr("Filter by name, quant or program"))
        self.search.setAccessibleName(self.tr("Filter the models on this computer"))
        self.search.setProperty("kind", "search")
        icons.lead(self.search, "search")
        column = QVBoxLayout(self)
        column.setContentsMargins(theme.SPACE_24, theme.SPACE_4, theme.SPACE_24, theme.SPACE_32)
        column.setSpacing(theme.SPACE_8)
        column.addWidget(head)
        column.addWidget(self.importing)
        column.addWidget(self.making)
        column.addWidget(self._notes)
        column.addWidget(self.search)
        column.addWidget(self.situation)
        column.addWidget(self.feed)
        column.addWidget(self._nothing)
        column.addStretch(1)
        for each in (self._notes, self.search, self._nothing):
            each.hide()

    def _connect(self) -> None:
        self.search.textChanged.connect(self._filter)
        self.situation.acted.connect(self.look)
        self.importing.chat_asked.connect(self.chat_asked)
        self.importing.taken.connect(self.look)
        self.making.stop.clicked.connect(self._smaller.stop)
        self.making.open.clicked.connect(self._show_smaller)
        self._smaller.changed.connect(self._show_making)
        self._show_making()

    def _show_making(self) -> None:
        self.making.show_job(self._smaller.job)

    def _show_smaller(self) -> None:
        job = self._smaller.job
        if job is not None:
            self.smaller_asked.emit(str(job.source), job.name)

    def _found(self, stock: Stock) -> None:
        before, self.stock = self.stock, stock
        self.situation.hide()
        self._use.setText(use_words(stock.use) if stock.use is not None else "")
        self._notes.setText(" ".join(stock.notes))
        self._notes.setVisible(bool(stock.notes))
        self._stale = set(self._known)
        if before is None or (before.items, before.in_use) != (stock.items, stock.in_use):
            self._show_rows(stock)
        else:
            for row in self.rows:
                self._weigh(row)
        self.stocked.emit(stock)

    def _show_rows(self, stock: Stock) -> None:
        focused = self._focused_choice()
        rows_before = self.rows
        order = [row.item.choice for row in rows_before]
        self.search.setVisible(len(stock.items) > _FILTERED)
        at_before = {look: at for at, look in enumerate(self._looks)}
        self._looks = [(item, self._is_in_use(item)) for item in stock.items]
        kept = {at: at_before[look] for at, look in enumerate(self._looks) if look in at_before}
        self.feed.show_rows([partial(self._row, item) for item in stock.items], kept)
        self._filter(is_as_long=bool(kept))
        for row in self.rows:
            if row in rows_before:
                self._weigh(row)
        if focused:
            self.feed.show_up_to(FIRST - 1)
        rows = {row.item.choice: row for row in self.rows}
        if focused and rows and rows.get(focused) not in rows_before:
            # Where it was, or where it would be now.
            at = min(order.index(focused), len(rows) - 1)
            row = rows.get(focused) or list(rows.values())[at]
            row.tile.setFocus(Qt.FocusReason.OtherFocusReason)

    def _focused_choice(self) -> str:
        focused = self.window().focusWidget()
        for row in self.rows:
            if focused is not None and row.isAncestorOf(focused):
                return row.item.choice
        return ""

    def _not_found(self, error: BaseException) -> None:
        if isinstance(error, HearthError):
            self.situation.show_error(error, self.tr("Look again"))
        else:
            self._notify.error(error)

    def _row(self, item: Item) -> QWidget:
        assert self.stock is not None
        row = KeptRow(item, in_use=self._is_in_use(item), can_shrink=self._smaller.is_available)
        row.details_asked.connect(partial(self._details, row))
        row.chat_asked.connect(partial(self.chat_asked.emit, item.choice))
        row.smaller_asked.connect(partial(self.smaller_asked.emit, item.choice, item.name))
        deed = Deed(row, self._stocking, self._bridge, self._notify)
        deed.ended.connect(self._deed_ended)
        deed.removed.connect(self.removed)
        row.asked.connect(deed.begin)
        if item.choice in self._known and item.is_usable:
            row.show_outlook(self._known[item.choice])
        self._weigh(row)
        return row

    def _is_in_use(self, item: Item) -> bool:
        assert self.stock is not None
        at = (item.choice, *map(str, item.kept.also_at if item.kept is not None else ()))
        return item == self.stock.items[0] and self.stock.in_use in at

    def _weigh(self, row: KeptRow) -> None:
        """Find out how it runs, one after the other, for what can be used at all."""
        item = row.item
        if not item.is_usable or (item.choice in self._known and item.choice not in self._stale):
            return
        self._stale.discard(item.choice)
        work = partial(self._desk.looked_at, item.choice, item.name)
        self._bridge.watch(self._in_turn.do(work), partial(self._weighed, item.choice))

    def _weighed(self, choice: str, found: Outlook | Broken) -> None:
        self._known[choice] = found
        for row in self.rows:
            if row.item.choice == choice:
                row.show_outlook(found)

    def _details(self, row: KeptRow) -> None:
        if isinstance(row.outlook, Broken):
            self._notify.error(row.outlook.error)
        elif row.item.is_usable:
            self.details_asked.emit(row.item.choice, row.item.name)

    def _deed_ended(self, is_changed: bool) -> None:
        if is_changed:
            self.look()

    def _filter(self, *_: object, is_as_long: bool = False) -> None:
        stock = self.stock
        if stock is None:
            return
        words = self.search.text().casefold().split()
        texts = [_searched(item) for item in stock.items]
        count = self.feed.narrow(
            lambda at: all(word in texts[at] for word in words), is_as_long=is_as_long
        )
        self._nothing.setVisible(count == 0)


def _searched(item: Item) -> str:
    about = about_words(item.kept) if item.kept is not None else []
    repo = item.kept.repo if item.kept is not None else ""
    return " ".join((item.name, repo, *about)).casefold()
