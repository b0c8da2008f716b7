"""The page of models: three places behind one switch, and behind each entry its details.

GUI thread. Asks the desks on other threads and places what comes; opens and loads nothing itself.
"""

from __future__ import annotations

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QKeyEvent, QShowEvent
from PySide6.QtWidgets import QScrollArea, QStackedWidget, QVBoxLayout, QWidget

from app.foundation.errors import HearthError
from app.gui.bridge import Bridge
from app.gui.downloads.model import DownloadsModel
from app.gui.models.desk import Desk
from app.gui.models.details import Details
from app.gui.models.hub.asking import HubDesk
from app.gui.models.hub.place import HubPlace
from app.gui.models.known import catalogue_notes
from app.gui.models.latest import Latest
from app.gui.models.library.place import LibraryPlace
from app.gui.models.library.stock import Stock, Stocking
from app.gui.models.listing import Listing
from app.gui.models.opening import Openings
from app.gui.models.page_head import PageHead
from app.gui.models.sheets import Sheets
from app.gui.models.smaller.model import SmallerModel
from app.gui.models.subjects import Suited
from app.gui.notify import Notifier
from app.gui.services import GuiServices
from app.gui.slices import Slices
from app.gui.widgets.cards import centred, scrolled

SUITED, HERE, HUB = range(3)


class ModelsPage(QWidget):
    """`left` asks for the chat, `use_asked(choice)` for a model, `file_asked` for a file,
    `settings_asked` for the settings; `removed(files, was_in_use)` follows a removal."""

    left = Signal()
    use_asked = Signal(str)
    file_asked = Signal()
    settings_asked = Signal()
    removed = Signal(list, bool)

    def __init__(
        self,
        services: GuiServices,
        bridge: Bridge,
        notify: Notifier,
        parent: QWidget | None = None,
        *,
        downloads: DownloadsModel | None = None,
    ) -> None:
        super().__init__(parent)
        self._services = services
        self._bridge = bridge
        self._notify = notify
        is_available = downloads is not None and downloads.is_available
        self._downloads = downloads if is_available else None
        self._desk = Desk(services)
        hub_desk = HubDesk(services, self._desk)
        self.setProperty("kind", "page")
        self.setAccessibleName(self.tr("Models"))
        self._hub_desk = hub_desk
        self.listing = Listing(self._downloads)
        self.smaller = SmallerModel(services.smaller_files, bridge, notify, self)
        self._library: LibraryPlace | None = None
        self._hub: HubPlace | None = None
        self._suited: Latest[tuple[Suited, tuple[str, ...]]] = Latest(
            bridge, self._found_suited, self._not_found, self
        )
        self.head = PageHead(
            self.tr("Models"),
            (self.tr("For this computer"), self.tr("On this computer"), self.tr("Hugging Face")),
        )
        self.places = self.head.places
        self._stack = QStackedWidget()
        self.sheets = Sheets(self._stack, self)
        self.openings = Openings(
            self._desk,
            hub_desk,
            self.sheets,
            bridge,
            notify,
            downloads=self._downloads,
            smaller=self.smaller,
            parent=self,
        )
        self._arrange()
        self._connect()
        # The other places are made while the first one is looked at.
        self._slices = Slices((lambda: self.library, lambda: self.hub), self)

    @property
    def library(self) -> LibraryPlace:
        """The place “On this computer”; made when it is first needed."""
        if self._library is None:
            self._library = place = LibraryPlace(
                self._desk, Stocking(self._services), self._bridge, self._notify, self.smaller
            )
            self._put(HERE, place)
            place.details_asked.connect(self.openings.open_file)
            place.smaller_asked.connect(self.openings.open_smaller)
            place.chat_asked.connect(self.use_asked)
            place.file_asked.connect(self.file_asked)
            place.stocked.connect(self._stocked)
            place.removed.connect(self.removed)
        return self._library

    @property
    def hub(self) -> HubPlace:
        """The place “Hugging Face”; made when it is first needed."""
        if self._hub is None:
            self._hub = place = HubPlace(
                self._hub_desk, self._bridge, self._notify, self._downloads
            )
            self._put(HUB, place)
            place.details_asked.connect(self.openings.open_outlook)
            place.chat_asked.connect(self.use_asked)
            place.repo_asked.connect(self.openings.open_repository)
            if self.listing.suited is not None:
                place.show_catalogue(self.listing.suited, self.openings.place_of)
        return self._hub

    def _put(self, at: int, place: QWidget) -> None:
        area = self._stack.widget(at)
        assert isinstance(area, QScrollArea)
        area.setWidget(centred(place))

    @property
    def details(self) -> Details | None:
        """The details that are shown, if they are."""
        return self.openings.details

    def show_place(self, at: int) -> None:
        """Show one of the three places."""
        self.sheets.close_all()
        self.places.show_at(at)
        self._stack.setCurrentIndex(at)

    def show_details(self, choice: str) -> None:
        """Open the details of a model that is here."""
        self.openings.open_file(choice)

    def take_file(self, path: str) -> None:
        """A model file was dropped here or chosen: ask what to do with it."""
        self.show_place(HERE)
        self.library.take_file(path)

    def go_back(self) -> None:
        """From the details to what was before, from a place to the chat."""
        self.openings.forget()
        if not self.sheets.close_top():
            self.left.emit()
        elif self.sheets.top is None:
            self._look()

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        if self.sheets.top is None:
            self._look()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() == Qt.Key.Key_Escape:
            self.go_back()
            return
        super().keyPressEvent(event)

    def _arrange(self) -> None:
        for button in self.places.buttons:
            scroll = scrolled(QWidget(), button.text())
            self._stack.addWidget(scroll)
        self._put(SUITED, self.listing)
        above = centred(self.head)
        beside = scroll.verticalScrollBar().sizeHint().width()
        above.setContentsMargins(0, 0, beside, 0)
        whole = QVBoxLayout(self)
        whole.setContentsMargins(0, 0, 0, 0)
        whole.setSpacing(0)
        whole.addWidget(above)
        whole.addWidget(self._stack, 1)
        self.setFocusProxy(self.head.back)

    def _connect(self) -> None:
        self.head.back.clicked.connect(self.go_back)
        self.places.chosen.connect(self._place_chosen)
        self.sheets.changed.connect(self._show_title)
        self.listing.details_asked.connect(self.openings.open_outlook)
        self.listing.chat_asked.connect(self.use_asked)
        self.listing.again_asked.connect(self._look)
        self.openings.use_asked.connect(self.use_asked)
        self.openings.search_asked.connect(self._search)
        self.openings.settings_asked.connect(self.settings_asked)
        self.openings.opened.connect(self._opened)
        self.smaller.came.connect(self._came)
        self.smaller.use_asked.connect(self.use_asked)
        if self._downloads is not None:
            self._downloads.finished.connect(self._came)

    def _look(self) -> None:
        """Find anew what is here and what suits: files and free memory come and go."""
        self._slices.add(self._look_here)
        self._suited.ask(self._find_suited)

    def _look_here(self) -> None:
        self.library.look()

    def _find_suited(self) -> tuple[Suited, tuple[str, ...]]:
        return self._desk.suited(), catalogue_notes(self._services.profile)

    def _found_suited(self, found: tuple[Suited, tuple[str, ...]]) -> None:
        suited, notes = found
        self.listing.show_suited(suited, self.openings.place_of, notes)
        if self._hub is not None:
            self._hub.show_catalogue(suited, self.openings.place_of)

    def _not_found(self, error: BaseException) -> None:
        if isinstance(error, HearthError):
            self.listing.show_failed(error)
        else:
            self._notify.error(error)

    def _stocked(self, stock: Stock) -> None:
        """What is here is known: what was offered for download may be among it."""
        is_changed = stock.items != self.openings.stock.items
        self.openings.stock = stock
        suited = self.listing.suited
        if is_changed and suited is not None:
            self.listing.show_places(self.openings.place_of)
            if self._hub is not None:
                self._hub.show_catalogue(suited, self.openings.place_of)

    def _came(self) -> None:
        """A download has ended well, or a smaller file: it is on this computer now."""
        if self.isVisible():
            self.library.look()

    def _place_chosen(self, at: int) -> None:
        focused = self.window().focusWidget()
        if focused is not None and self._stack.isAncestorOf(focused):
            self.places.buttons[at].setFocus(Qt.FocusReason.OtherFocusReason)
        self._stack.setCurrentIndex(at)
        if at == HUB and focused not in self.places.buttons:
            self.hub.search.setFocus(Qt.FocusReason.OtherFocusReason)

    def _search(self, words: str) -> None:
        self.show_place(HUB)
        self.hub.search_for(words)

    def _opened(self) -> None:
        self.head.back.setFocus(Qt.FocusReason.OtherFocusReason)

    def _show_title(self) -> None:
        self.head.show_title(self.sheets.title)
