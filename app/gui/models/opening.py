"""Opens what lies over the places: details of a model, a repository. GUI thread.

Asks the desks on other threads; what arrives after something else was asked for is not shown.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from PySide6.QtCore import QObject, Signal
from PySide6.QtWidgets import QWidget

from app.gui.aside import aside
from app.gui.bridge import Bridge
from app.gui.downloads.model import DownloadsModel
from app.gui.models.desk import Desk
from app.gui.models.details import Details
from app.gui.models.hub.asking import HubDesk
from app.gui.models.hub.repository import RepositoryView
from app.gui.models.hub.words import owner_and_name
from app.gui.models.library.stock import Stock
from app.gui.models.sheets import Sheets
from app.gui.models.smaller.model import SmallerModel
from app.gui.models.smaller.view import SmallerView
from app.gui.models.subjects import Opening, Outlook, Variant
from app.gui.notify import Notifier
from app.gui.safe_text import one_line
from app.gui.slices import Slices
from app.models.wanted import Wanted


class Openings(QObject):
    """`use_asked(choice)`, `search_asked(words)`, `settings_asked()` come from what is open;
    `opened` follows each opening. `stock` says what is on this computer."""

    use_asked = Signal(str)
    search_asked = Signal(str)
    settings_asked = Signal()
    opened = Signal()

    def __init__(
        self,
        desk: Desk,
        hub_desk: HubDesk,
        sheets: Sheets,
        bridge: Bridge,
        notify: Notifier,
        *,
        downloads: DownloadsModel | None,
        smaller: SmallerModel,
        parent: QWidget,
    ) -> None:
        super().__init__(parent)
        self._page = parent
        self._desk = desk
        self._hub_desk = hub_desk
        self._sheets = sheets
        self._bridge = bridge
        self._notify = notify
        self._downloads = downloads
        self._smaller = smaller
        self._asked = 0
        self._slices = Slices((), self)
        self.stock = Stock()

    @property
    def details(self) -> Details | None:
        """The details that are shown, if they are."""
        top = self._sheets.top
        return top if isinstance(top, Details) else None

    @property
    def repository(self) -> RepositoryView | None:
        """The repository that is shown, if one is."""
        top = self._sheets.top
        return top if isinstance(top, RepositoryView) else None

    def forget(self) -> None:
        """Open nothing of what was asked for so far."""
        self._asked += 1

    def open_file(self, choice: str, name: str = "") -> None:
        """The details of a model that is here."""
        self._open(partial(self._desk.look_at_file, choice, name))

    def open_smaller(self, choice: str, name: str) -> None:
        """What a model that is here can be made into."""
        self._asked += 1
        view = SmallerView(choice, self._smaller, self._desk, self._bridge, self._notify)
        view.use_asked.connect(self.use_asked)
        self._show(view, self.tr("A smaller file of {name}").format(name=one_line(name, 80)))

    def open_outlook(self, outlook: Outlook) -> None:
        """The details of a model that may be had."""
        self._open(partial(self._desk.look_at, outlook))

    def open_repository(self, repo: str) -> None:
        """Ask the hub for a repository and show it: only when a person asked."""
        self._asked += 1
        view = RepositoryView(
            repo,
            self._hub_desk,
            self._bridge,
            self._notify,
            downloads=self._downloads,
            place_of=self._place_of_wanted,
        )
        view.details_asked.connect(self.open_outlook)
        view.chat_asked.connect(self.use_asked)
        view.repo_asked.connect(self.open_repository)
        view.search_asked.connect(self.search_asked)
        view.settings_asked.connect(self.settings_asked)
        self._show(view, owner_and_name(repo)[1])

    def place_of(self, outlook: Outlook) -> str:
        """Where the model's file is on this computer, or ""."""
        return self._place_of_variant(outlook.variant)

    def _place_of_variant(self, variant: Variant) -> str:
        return self.stock.place_of(variant.wanted)

    def _place_of_wanted(self, wanted: Wanted) -> str:
        return self.stock.place_of(wanted)

    def _open(self, work: Callable[[], Opening]) -> None:
        self._asked += 1
        arrived = partial(self._arrived, self._asked)
        self._bridge.watch(aside(work), arrived, self._notify.error)

    def _arrived(self, asked: int, opening: Opening) -> None:
        if asked != self._asked:
            return
        details = Details(
            self._desk,
            self._bridge,
            self._notify,
            opening,
            self._page,
            downloads=self._downloads,
            place_of=self._place_of_variant,
        )
        details.use_asked.connect(self.use_asked)
        # To make it and to lay it out takes as long again each.
        self._slices.add(partial(self._made, asked, details))

    def _made(self, asked: int, details: Details) -> None:
        if asked != self._asked:
            details.deleteLater()
            return
        if self.details is not None:
            self._sheets.close_top()
        self._show(details, details.model.name)

    def _show(self, sheet: QWidget, title: str) -> None:
        self._sheets.open(sheet, title)
        self.opened.emit()
