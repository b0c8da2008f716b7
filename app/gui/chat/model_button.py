"""The model in use, at the top of the page, with how well it fits; its menu changes it.

GUI thread. Asks inference to open what was chosen and shows how that goes.
"""

from __future__ import annotations

from functools import partial

from PySide6.QtCore import QPoint, Qt, QTimer, Signal
from PySide6.QtGui import QAction
from PySide6.QtWidgets import QMenu, QWidget

from app.foundation.errors import HearthError
from app.gui.aside import aside
from app.gui.bridge import Bridge
from app.gui.chat.turn_words import loading_words
from app.gui.model_names import (
    NAMES_FILE,
    RECENT_FILE,
    Names,
    asked_names,
    display_name,
    fit_words,
    read_names,
    read_recent,
    remember,
)
from app.gui.safe_text import one_line
from app.gui.services import GuiServices
from app.gui.widgets.buttons import TextButton
from app.gui.widgets.plain import set_tooltip
from app.protocol.generation import Event, Failed, Finished, Loading
from app.protocol.model_ref import BUILT_IN, ModelRef
from app.settings.schema import MODEL_PATH

_LOOK_MS = 500
_LOOKS = 60


class ModelButton(TextButton):
    """`failed` carries the error of a model that could not be opened."""

    file_asked = Signal()
    model_changed = Signal()
    failed = Signal(object)

    def __init__(
        self, services: GuiServices, bridge: Bridge, parent: QWidget | None = None
    ) -> None:
        super().__init__("", "quiet", icon="chevron-down", parent=parent)
        self._services = services
        self._bridge = bridge
        self._progress = ""
        self._own: str | None = None
        self._recent: list[str] = []
        self._names: Names = {}
        self._unnamed: set[str] = set()
        self._forced: set[str] = set()
        self._looks = _LOOKS
        self._request = ""
        self._recent_path = services.profile.state / RECENT_FILE
        self._mailbox = bridge.mailbox(self._arrived)
        self._menu = QMenu(self)
        self._menu.setLayoutDirection(self.layoutDirection())
        self._menu.aboutToShow.connect(self._fill)
        self.setLayoutDirection(Qt.LayoutDirection.RightToLeft)  # the arrow after the name
        self.clicked.connect(self._open_menu)
        self._look = QTimer(self)
        self._look.setInterval(_LOOK_MS)
        self._look.timeout.connect(self._looked)
        self._look.start()
        self._names_path = services.profile.state / NAMES_FILE
        self.read_recent()
        bridge.watch(aside(partial(read_names, self._names_path)), self._take_names)
        self.refresh()

    @property
    def ref(self) -> ModelRef:
        """The model that would answer now."""
        return ModelRef(self._own or self._services.settings.get(MODEL_PATH))

    @property
    def n_ctx(self) -> int | None:
        """How many tokens it can read, once it is open."""
        model = self._services.inference.snapshot().model
        return model.n_ctx if model is not None and self.is_ready else None

    @property
    def is_ready(self) -> bool:
        return self._services.inference.is_ready(self.ref)

    def follow(self, own: str | None) -> None:
        """A conversation may have a model of its own; None for the one in the settings."""
        self._own = own
        self.refresh()

    def choose(self, name: str) -> None:
        """Use this model from now on, and open it."""
        self._own = None
        self._services.settings.set(MODEL_PATH, name)
        if name != BUILT_IN:
            work = partial(remember, self._recent_path, name)
            self._bridge.watch(aside(work), self._take_recent)
        self.open()

    def open(self) -> None:
        """Open the model in use, if it is not open."""
        if self._request:
            self._services.inference.cancel(self._request)
        self._request = self._services.inference.load(self.ref, self._mailbox.append)
        self._progress = loading_words(None, "")
        self.refresh()
        self.model_changed.emit()

    def read_recent(self) -> None:
        """Offer what was opened lately and is still there."""
        self._bridge.watch(aside(partial(read_recent, self._recent_path)), self._take_recent)

    @property
    def is_forced(self) -> bool:
        """Whether the model in use was asked for although it does not fit."""
        return self.ref.name in self._forced

    def force(self) -> None:
        """Let the model in use be opened although it does not fit: the person was warned."""
        self._forced.add(self.ref.name)
        self._services.inference.allow(self.ref)

    def refresh(self) -> None:
        """Show name and fit as they are now."""
        name = self.name_of(self.ref.name)
        words = self._progress or self._fit()
        self.setText(f"{name}  ·  {words}" if words else name)
        self.setAccessibleName(self.tr("Model: %1").replace("%1", self.text()))
        set_tooltip(self, "" if self.ref.is_built_in else self.ref.name)

    def name_of(self, choice: str) -> str:
        """What the library calls a model; until it has said so, its file's name."""
        known = self._names.get(choice)
        return (one_line(known[0], 60) if known else "") or display_name(ModelRef(choice))

    def _fit(self) -> str:
        if not self.is_ready:
            return ""
        plan = self._services.inference.snapshot().plan
        return fit_words(str(getattr(plan, "fits", "")), is_slow=getattr(plan, "is_slow", False))

    def _looked(self) -> None:
        """Someone else may be opening the model at the start: look until it is there."""
        self._looks -= 1
        self.refresh()
        if self.is_ready or self._looks <= 0:
            self._look.stop()
            self._ask_names()
            self.model_changed.emit()

    def _take_recent(self, names: list[str]) -> None:
        self._recent = names

    def _take_names(self, names: Names) -> None:
        self._names = names
        if self.is_ready:
            self._ask_names()
        self.refresh()

    def _ask_names(self) -> None:
        """Once for each model that is open: looking at every disk is not for the start."""
        wanted = {self.ref.name, *self._recent} - {BUILT_IN}
        missing = wanted - self._names.keys() - self._unnamed
        library = self._services.library
        if not missing or library is None:
            return
        self._unnamed |= missing
        work = partial(asked_names, self._names_path, library, wanted, self._names)
        self._bridge.watch(aside(work), self._take_names, self._not_asked)

    def _not_asked(self, _error: BaseException) -> None:
        """The page of models says what could not be looked at; here a file's name will do."""

    def _arrived(self, events: list[Event]) -> None:
        for event in events:
            if event.request_id != self._request:
                continue
            if isinstance(event, Loading):
                self._progress = loading_words(event.fraction, event.sentence)
            elif isinstance(event, Finished | Failed):
                self._progress = self._request = ""
                if isinstance(event, Failed):
                    self._tell(event.error)
                else:
                    self._ask_names()
        self.refresh()
        self.model_changed.emit()

    def _tell(self, error: HearthError) -> None:
        self.failed.emit(error)

    def _fill(self) -> None:
        self._menu.clear()
        current = self.ref.name
        self._add(self.tr("Built-in guide"), BUILT_IN, current)
        for name in self._recent:
            self._add(self._listed(name), name, current)
        if current != BUILT_IN and current not in self._recent:
            self._add(self._listed(current), current, current)
        self._menu.addSeparator()
        open_file = QAction(self.tr("Open a model file…"), self._menu)
        # Shown, not bound: the window owns the key.
        open_file.setText(open_file.text() + "\tCtrl+O")
        open_file.triggered.connect(self.file_asked)
        self._menu.addAction(open_file)

    def _listed(self, choice: str) -> str:
        """In the menu there may be two files of one model."""
        quant = self._names.get(choice, ("", ""))[1]
        name = self.name_of(choice)
        return f"{name}  ·  {one_line(quant, 24)}" if quant else name

    def _open_menu(self) -> None:
        self._menu.popup(self.mapToGlobal(QPoint(0, self.height() + 2)))

    def _add(self, words: str, name: str, current: str) -> None:
        action = QAction(words.replace("&", "&&"), self._menu)
        action.setCheckable(True)
        action.setChecked(name == current)
        action.triggered.connect(partial(self.choose, name))
        self._menu.addAction(action)
