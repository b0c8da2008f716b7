"""Folders on the settings page: a list of them, and the one that models are kept in. GUI thread."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from PySide6.QtCore import QObject, Qt, QTimer, QUrl
from PySide6.QtGui import QDesktopServices, QShowEvent
from PySide6.QtWidgets import QHBoxLayout, QVBoxLayout, QWidget

from app.foundation.cancellation import Cancellation
from app.foundation.errors import HearthError
from app.foundation.units import bytes_text
from app.gui import theme
from app.gui.aside import aside
from app.gui.bridge import Bridge
from app.gui.downloads.bar import ShareBar
from app.gui.notify import Notifier
from app.gui.settings.controls import OptionControl, words
from app.gui.widgets.buttons import IconButton, TextButton
from app.gui.widgets.cards import FoldingRow
from app.gui.widgets.plain import ElidedLabel, PlainLabel
from app.models.library.kept import DiskUse
from app.settings.option import Option

_LOOK_MS = 250


class FoldersControl(OptionControl):
    """Folders, each with a way to leave it out, and a way to name one more."""

    is_wide = True

    def __init__(self, option: Option[Any], parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._label = words(option.label)
        self._folders: list[str] = []
        self._rows = QVBoxLayout()
        self._rows.setSpacing(theme.SPACE_4)
        self.add_button = TextButton(self.tr("Add a folder…"), icon="plus")
        self.add_button.clicked.connect(self._ask)
        last = QHBoxLayout()
        last.addWidget(self.add_button)
        last.addStretch(1)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(theme.SPACE_8)
        column.addLayout(self._rows)
        column.addLayout(last)

    @property
    def folders(self) -> tuple[str, ...]:
        return tuple(self._folders)

    def show_value(self, value: Any) -> None:
        folders = [line.strip() for line in str(value).splitlines() if line.strip()]
        if folders == self._folders and self._rows.count() == len(folders):
            return
        self._folders = folders
        while self._rows.count():
            item = self._rows.takeAt(0)
            row = item.widget() if item is not None else None
            if row is not None:
                row.hide()
                row.deleteLater()
        for folder in folders:
            self._rows.addWidget(self._row(folder))

    def add_folder(self, folder: str) -> None:
        """Look there too."""
        if folder and folder not in self._folders:
            self._choose([*self._folders, folder])

    def _row(self, folder: str) -> QWidget:
        row = QWidget()
        line = QHBoxLayout(row)
        line.setContentsMargins(0, 0, 0, 0)
        line.addWidget(ElidedLabel(folder), 1)
        leave = IconButton("x", self.tr("Do not look in {folder}").format(folder=folder))
        leave.clicked.connect(partial(self._leave, folder))
        line.addWidget(leave)
        return row

    def _leave(self, folder: str) -> None:
        self._choose([each for each in self._folders if each != folder])

    def _choose(self, folders: list[str]) -> None:
        value = "\n".join(folders)
        self.show_value(value)
        self.chosen.emit(value)

    def _ask(self) -> None:
        choose_folder(self, self._label, "", self.add_folder)


class ModelsFolderRow(FoldingRow):
    """Where models are kept, how much they take, and a way to move all of them elsewhere."""

    def __init__(
        self,
        library: Callable[[], Any],
        folder: Callable[[], Path],
        bridge: Bridge,
        notify: Notifier,
        parent: QWidget | None = None,
    ) -> None:
        """`library` may take a moment; `folder` is where they are now, any thread."""
        super().__init__(parent)
        self._library = library
        self._folder = folder
        self._bridge = bridge
        self._notify = notify
        self._moving: Cancellation | None = None
        self._moved = (0, 0)
        self.place = ElidedLabel("", "secondary")
        self.use = PlainLabel(role="secondary")
        self.bar = ShareBar()
        self.open_button = TextButton(self.tr("Open the folder"), icon="folder-open")
        self.move_button = TextButton(self.tr("Move…"))
        self.stop_button = TextButton(self.tr("Stop"))
        self._timer = QTimer(self)
        self._timer.setInterval(_LOOK_MS)
        self._timer.timeout.connect(self._show_moved)
        self._arrange()

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        if self._moving is None:
            self.look()

    def look(self) -> None:
        """Say where they are now, and how much they take."""
        self._bridge.watch(
            aside(partial(_look, self._library, self._folder)), self._looked, self._nothing
        )

    def move_to(self, folder: str) -> None:
        """Copy all there, check it, use it from now on, and only then remove it here."""
        if self._moving is not None or not folder:
            return
        self._moving = Cancellation()
        self._moved = (0, 0)
        self._show_buttons()
        self._timer.start()
        work = partial(_move, self._library, Path(folder), self._moving, self._note)
        self._bridge.watch(aside(work), self._done, self._failed)

    def _arrange(self) -> None:
        self.words.addWidget(PlainLabel(self.tr("Where models are kept")))
        self.words.addWidget(self.place)
        self.words.addWidget(self.use)
        self.words.addWidget(self.bar)
        for button in (self.open_button, self.move_button, self.stop_button):
            self.side.addWidget(button)
        self.move_button.setAccessibleName(self.tr("Move the folder of models"))
        self.stop_button.setAccessibleName(self.tr("Stop moving the models"))
        self.open_button.clicked.connect(self._open)
        self.move_button.clicked.connect(self._ask)
        self.stop_button.clicked.connect(self._stop)
        self._show_buttons()

    def _note(self, done_bytes: int, total_bytes: int) -> None:
        """Any thread."""
        self._moved = (done_bytes, total_bytes)

    def _show_moved(self) -> None:
        done, total = self._moved
        self.bar.show_share(done / total if total else None)
        self.use.setText(
            self.tr("Moving: {done} of {total}. Models can be used meanwhile.").format(
                done=bytes_text(done), total=bytes_text(total)
            )
            if total
            else self.tr("Looking at what is to be moved…")
        )

    def _show_buttons(self) -> None:
        is_moving = self._moving is not None
        self.bar.setVisible(is_moving)
        self.stop_button.setVisible(is_moving)
        self.move_button.setVisible(not is_moving)

    def _ended(self) -> None:
        self._timer.stop()
        self._moving = None
        self._show_buttons()
        self.look()

    def _done(self, was_moved: bool) -> None:
        self._ended()
        if was_moved:
            self._notify.tell(self.tr("The models were moved, and each was read again there."))
        else:
            self._notify.tell(self.tr("The models are where they were."))

    def _failed(self, error: BaseException) -> None:
        self._ended()
        self._notify.error(error)

    def _stop(self) -> None:
        if self._moving is not None:
            self._moving.cancel()

    def _looked(self, found: tuple[Path, DiskUse]) -> None:
        folder, use = found
        self.place.set_whole(str(folder))
        said = self.tr("{size} of models").format(size=bytes_text(use.ours_bytes))
        if use.free_bytes is not None:
            said = self.tr("{size} of models, {free} free").format(
                size=bytes_text(use.ours_bytes), free=bytes_text(use.free_bytes)
            )
        self.use.setText(said)

    def _nothing(self, error: BaseException) -> None:
        if isinstance(error, HearthError):
            self.use.setText(str(error))
        else:
            self._notify.error(error)

    def _open(self) -> None:
        folder = self.place.whole
        if not QDesktopServices.openUrl(QUrl.fromLocalFile(folder)):
            self._notify.tell(self.tr("The folder could not be opened."), folder)

    def _ask(self) -> None:
        title = self.tr("Where should the models be kept?")
        choose_folder(self, title, self.place.whole, self.move_to)


def choose_folder(
    parent: QWidget, title: str, start: str, chosen: Callable[[str], None]
) -> QObject:
    """Let the person choose a folder; nothing waits for it."""
    from PySide6.QtWidgets import QFileDialog  # with a cost of its own: when asked for

    dialog = QFileDialog(parent, title, start)
    dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
    dialog.setFileMode(QFileDialog.FileMode.Directory)
    dialog.setOption(QFileDialog.Option.ShowDirsOnly)
    dialog.fileSelected.connect(chosen)
    dialog.open()
    return dialog


def _look(library: Callable[[], Any], folder: Callable[[], Path]) -> tuple[Path, DiskUse]:
    return folder(), library().disk_use()


def _move(
    library: Callable[[], Any],
    to: Path,
    cancellation: Cancellation,
    progress: Callable[[int, int], None],
) -> bool:
    return bool(library().move_folder(to, cancellation, progress))
