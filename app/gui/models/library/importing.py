"""What to do with a file that was dropped or chosen: use it where it is, or take it in.

GUI thread; copying runs on another. Nothing is copied before a person says so.
"""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Literal

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QFrame, QVBoxLayout, QWidget

from app.foundation.cancellation import Cancellation
from app.foundation.errors import HearthError
from app.gui import theme
from app.gui.aside import aside
from app.gui.bridge import Bridge
from app.gui.models.library.stock import Stocking
from app.gui.models.library.strip import Strip
from app.gui.notify import Notifier
from app.gui.widgets.plain import ElidedLabel, PlainLabel

How = Literal["link", "copy"]


class Importing(QFrame):
    """A card at the top of the place. `chat_asked(path)` uses a file where it lies; `taken`
    follows a file that was copied or linked."""

    chat_asked = Signal(str)
    taken = Signal()

    def __init__(
        self, stocking: Stocking, bridge: Bridge, notify: Notifier, parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        self.setProperty("kind", "banner")
        self._stocking = stocking
        self._bridge = bridge
        self._notify = notify
        self._path = Path()
        self._cancellation = Cancellation()
        self._fractions = bridge.mailbox(self._told)
        self.is_running = False
        self._name = PlainLabel(role="strong")
        self._folder = ElidedLabel(role="secondary")
        self.strip = Strip()
        column = QVBoxLayout(self)
        column.setContentsMargins(theme.SPACE_16, theme.SPACE_12, theme.SPACE_16, theme.SPACE_4)
        column.setSpacing(theme.SPACE_4)
        column.addWidget(self._name)
        column.addWidget(self._folder)
        column.addWidget(self.strip)
        self.hide()

    def ask(self, path: str) -> None:
        """Ask what to do with this file."""
        if self.is_running:
            return
        self._path = Path(path)
        self._name.setText(self._path.name)
        self._folder.set_whole(str(self._path.parent))
        self.setAccessibleName(self._path.name)
        self.show()
        self.strip.ask(
            self.tr(
                "Hearth can use this file where it is. A copy in Hearth's folder stays when the "
                "original goes."
            ),
            (self.tr("Chat with it"), self._use),
            (self.tr("Copy it in"), partial(self._take, "copy")),
            focus=False,
        )
        self.strip.close_button.show()
        self.strip.close_button.clicked.connect(self.hide)

    def _use(self) -> None:
        self.hide()
        self.chat_asked.emit(str(self._path))

    def _take(self, how: How) -> None:
        self.is_running = True
        self._cancellation = Cancellation()
        self.strip.follow(self.tr("Copying it into Hearth's folder…"), self._stop)
        work = partial(_taken, self._stocking, self._path, how, self._cancellation, self._report)
        self._bridge.watch(aside(work), self._done, self._failed)

    def _stop(self) -> None:
        self._cancellation.cancel()

    def _report(self, *so_far: float) -> None:
        """Any thread. A fraction, or what was done of how much."""
        fraction = so_far[0] if len(so_far) == 1 else so_far[0] / max(1.0, so_far[1])
        self._fractions.append(float(fraction))

    def _told(self, fractions: list[float]) -> None:
        if self.is_running:
            self.strip.show_fraction(fractions[-1])

    def _done(self, _: object) -> None:
        self.is_running = False
        self.hide()
        self.taken.emit()

    def _failed(self, error: BaseException) -> None:
        self.is_running = False
        if self._cancellation.is_set:
            self.hide()
        elif isinstance(error, HearthError):
            parts = (error.title, error.detail, error.remedy)
            self.strip.say(" ".join(part for part in parts if part), "danger")
        else:
            self.hide()
            self._notify.error(error)


def _taken(
    stocking: Stocking, path: Path, how: How, cancellation: Cancellation, report: object
) -> None:
    librarian = stocking.librarian
    if librarian is not None:
        librarian.import_file(path, how, cancellation, report)  # type: ignore[arg-type]
