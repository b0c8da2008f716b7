"""The page of models: the list, and behind each entry its details.

GUI thread. Asks the desk on other threads and places what comes; opens and loads nothing itself.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QKeyEvent, QShowEvent
from PySide6.QtWidgets import QHBoxLayout, QScrollArea, QStackedWidget, QVBoxLayout, QWidget

from app.foundation.errors import HearthError
from app.gui import theme
from app.gui.aside import aside
from app.gui.bridge import Bridge
from app.gui.models.desk import Desk
from app.gui.models.details import Details
from app.gui.models.latest import Latest
from app.gui.models.listing import Listing
from app.gui.models.subjects import Broken, Here, Opening, Outlook, Suited
from app.gui.notify import Notifier
from app.gui.services import GuiServices
from app.gui.widgets.buttons import IconButton
from app.gui.widgets.cards import centred, scrolled
from app.gui.widgets.plain import ElidedLabel
from app.settings.schema import MODEL_PATH


class ModelsPage(QWidget):
    """`left` asks for the chat, `use_asked(choice)` for a model, `file_asked` for a file."""

    left = Signal()
    use_asked = Signal(str)
    file_asked = Signal()

    def __init__(
        self,
        services: GuiServices,
        bridge: Bridge,
        notify: Notifier,
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self._services = services
        self._bridge = bridge
        self._notify = notify
        self._desk = Desk(services)
        self.setProperty("kind", "page")
        self.setAccessibleName(self.tr("Models"))
        self.listing = Listing()
        self.details: Details | None = None
        self._details_scroll: QScrollArea | None = None
        self._here: Latest[Here] = Latest(bridge, self._found_here, self._not_found, self)
        self._suited: Latest[Suited] = Latest(bridge, self._found_suited, self._not_found, self)
        self._asked = 0
        self._before: QWidget | None = None
        self._title = ElidedLabel(self.tr("Models"), "title")
        self._back = IconButton("arrow-left", self.tr("Back"), shortcut_text="Esc")
        self._stack = QStackedWidget()
        self._arrange()
        self._connect()

    def show_details(self, choice: str) -> None:
        """Open the details of a model that is here."""
        self._open(partial(self._desk.look_at_file, choice))

    def go_back(self) -> None:
        """From the details to the list, from the list to the chat."""
        self._asked += 1
        if self.details is None:
            self.left.emit()
            return
        self._close_details()
        self._stack.setCurrentIndex(0)
        self._title.set_whole(self.tr("Models"))
        self._look()
        if self._before is not None and self._before.isVisible():
            self._before.setFocus(Qt.FocusReason.OtherFocusReason)

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        if self.details is None:
            self._look()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() == Qt.Key.Key_Escape:
            self.go_back()
            return
        super().keyPressEvent(event)

    def _arrange(self) -> None:
        header = QWidget()
        head = QHBoxLayout(header)
        head.setContentsMargins(theme.SPACE_16, theme.SPACE_16, theme.SPACE_24, theme.SPACE_8)
        head.setSpacing(theme.SPACE_8)
        head.addWidget(self._back)
        head.addWidget(self._title, 1)
        scroll = scrolled(self.listing, self.tr("Models"))
        head.addSpacing(scroll.verticalScrollBar().sizeHint().width())
        self._stack.addWidget(scroll)
        whole = QVBoxLayout(self)
        whole.setContentsMargins(0, 0, 0, 0)
        whole.setSpacing(0)
        whole.addWidget(centred(header))
        whole.addWidget(self._stack, 1)
        self.setFocusProxy(self._back)

    def _connect(self) -> None:
        self._back.clicked.connect(self.go_back)
        self.listing.details_asked.connect(self._details_asked)
        self.listing.broken_asked.connect(self._broken_asked)
        self.listing.file_asked.connect(self.file_asked)

    def _look(self) -> None:
        """Find anew what is here and what suits: files and free memory come and go."""
        self._here.ask(self._desk.here)

    def _found_here(self, found: Here) -> None:
        self.listing.show_machine(found.machine)
        self.listing.show_here(found.models, self._services.settings.get(MODEL_PATH))
        # On the same machine: looking at it anew may take as long again.
        self._suited.ask(partial(self._desk.suited, found.machine))

    def _found_suited(self, suited: Suited) -> None:
        self.listing.show_suited(suited)

    def _not_found(self, error: BaseException) -> None:
        if isinstance(error, HearthError):
            parts = (error.title, error.detail, error.remedy)
            self.listing.show_failed(" ".join(part for part in parts if part))
        else:
            self._notify.error(error)

    def _details_asked(self, outlook: Outlook) -> None:
        self._before = self.window().focusWidget()
        self._open(partial(self._desk.look_at, outlook))

    def _broken_asked(self, broken: Broken) -> None:
        self._notify.error(broken.error)

    def _open(self, work: Callable[[], Opening]) -> None:
        self._asked += 1
        arrived = partial(self._opened, self._asked)
        self._bridge.watch(aside(work), arrived, self._notify.error)

    def _opened(self, asked: int, opening: Opening) -> None:
        if asked != self._asked:
            return
        self._close_details()
        details = Details(self._desk, self._bridge, self._notify, opening, self)
        details.use_asked.connect(self.use_asked)
        inner = QWidget()
        inner.setProperty("kind", "column")
        column = QVBoxLayout(inner)
        column.setContentsMargins(theme.SPACE_24, 0, theme.SPACE_24, theme.SPACE_32)
        column.addWidget(details)
        column.addStretch(1)
        self.details = details
        self._details_scroll = scrolled(inner, details.model.name)
        self._title.set_whole(details.model.name)
        self._stack.addWidget(self._details_scroll)
        self._stack.setCurrentWidget(self._details_scroll)
        self._back.setFocus(Qt.FocusReason.OtherFocusReason)

    def _close_details(self) -> None:
        if self._details_scroll is not None:
            self._stack.removeWidget(self._details_scroll)
            self._details_scroll.hide()
            self._details_scroll.deleteLater()
        self._details_scroll = self.details = None
