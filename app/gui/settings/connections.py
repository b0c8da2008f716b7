"""The page of connections: every one that Hearth ever made, to look through and to hand on.

GUI thread; the record is read and written out elsewhere. Connects to nothing itself.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path

from PySide6.QtCore import Qt, QTimer, QUrl, Signal
from PySide6.QtGui import QDesktopServices, QShowEvent
from PySide6.QtWidgets import QFrame, QHBoxLayout, QLineEdit, QStackedWidget, QVBoxLayout, QWidget

from app.foundation.errors import HearthError
from app.foundation.paths import Profile
from app.foundation.units import bytes_text
from app.gui import icons, theme
from app.gui.aside import aside
from app.gui.bridge import Bridge
from app.gui.notify import Notifier
from app.gui.settings.connection_list import ConnectionModel, ConnectionView, searched_text
from app.gui.widgets.buttons import IconButton, TextButton
from app.gui.widgets.cards import centred
from app.gui.widgets.plain import PlainLabel
from app.network.connections import Connection, Connections
from app.network.export import save

SEARCH_DELAY_MS = 120
_NAME = "hearth-connections"


class ConnectionsPage(QWidget):
    """`left` asks for the page it came from."""

    left = Signal()

    def __init__(
        self, profile: Profile, bridge: Bridge, notify: Notifier, parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        self._record = Connections(profile.connections)
        self._bridge = bridge
        self._notify = notify
        self._n_dropped = 0
        self._asked = 0
        self.setAccessibleName(self.tr("Connections"))
        self.model = ConnectionModel(self)
        self.view = ConnectionView(self.model)
        self.search = QLineEdit()
        self.sentence = PlainLabel(role="muted")
        self._sum = PlainLabel(role="secondary")
        self._dropped = PlainLabel(role="secondary")
        self.export_button = TextButton(self.tr("Save as a file…"), icon="download")
        self._card = QFrame()
        self._stack = QStackedWidget()
        self._search_timer = QTimer(self)
        self._search_timer.setSingleShot(True)
        self._search_timer.setInterval(SEARCH_DELAY_MS)
        self._arrange()
        self._connect()
        self._say(self.tr("Reading the record…"))

    def showEvent(self, event: QShowEvent) -> None:
        """Read anew each time: there may be more."""
        super().showEvent(event)
        self._asked += 1
        looked = aside(partial(_look, self._record))
        found = partial(self._found, self._asked)
        self._bridge.watch(looked, found, partial(self._not_found, self._asked))

    def save_to(self, path: str) -> None:
        """Write all of them, searched for or not, to a file."""
        target = Path(path)
        if target.suffix.lower() not in (".csv", ".json"):
            target = target.with_name(target.name + ".csv")
        connections = self.model.everything()
        saved = aside(partial(save, target, connections, self._n_dropped))
        self._bridge.watch(saved, partial(self._saved, target, len(connections)))

    def _arrange(self) -> None:
        back = IconButton("arrow-left", self.tr("Back to the settings"), shortcut_text="Esc")
        back.clicked.connect(self.left)
        head = QHBoxLayout()
        head.setSpacing(theme.SPACE_8)
        head.addWidget(back)
        head.addWidget(PlainLabel(self.tr("Connections"), "title", wrap=False), 1)
        head.addWidget(self.export_button)
        about = PlainLabel(
            self.tr(
                "Every connection this Hearth has made, the newest first: what for, to whom, how "
                "much. It makes none but those you ask for."
            ),
            "muted",
        )
        self.search.setPlaceholderText(self.tr("Search: a name, a host, “refused”…"))
        self.search.setAccessibleName(self.tr("Search the connections"))
        self.search.setProperty("kind", "search")
        icons.lead(self.search, "search")
        self._clear = icons.trail(self.search, "x", self.tr("Clear the search"))
        self._clear.setVisible(False)
        self._card.setProperty("kind", "card")
        inner = QVBoxLayout(self._card)
        inner.setContentsMargins(1, theme.SPACE_4, 1, theme.SPACE_4)
        inner.addWidget(self.view)
        self.sentence.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self._stack.addWidget(self.sentence)
        self._stack.addWidget(self._card)
        body = QVBoxLayout()
        body.setContentsMargins(theme.SPACE_8, 0, 0, 0)
        body.setSpacing(theme.SPACE_12)
        for widget in (about, self.search, self._sum):
            body.addWidget(widget)
        body.addWidget(self._stack, 1)
        body.addWidget(self._dropped)
        whole = QWidget()
        column = QVBoxLayout(whole)
        column.setContentsMargins(
            theme.SPACE_16, theme.SPACE_16, theme.SPACE_24 + theme.SPACE_12, theme.SPACE_24
        )
        column.setSpacing(theme.SPACE_8)
        column.addLayout(head)
        column.addLayout(body, 1)
        outer = QVBoxLayout(self)
        outer.setContentsMargins(0, 0, 0, 0)
        outer.addWidget(centred(whole))
        # The first in it: Tab passes by what stands before the one that a page names.
        self.setFocusProxy(back)

    def _connect(self) -> None:
        self._clear.triggered.connect(self.search.clear)
        self.search.textChanged.connect(self._typed)
        self._search_timer.timeout.connect(self._search)
        self.export_button.clicked.connect(self._ask_where)

    def _typed(self, text: str) -> None:
        self._clear.setVisible(bool(text))
        self._search_timer.start()

    def _search(self) -> None:
        self.model.search(self.search.text())
        self._show()

    def _found(self, asked: int, found: tuple[tuple[Connection, ...], Sequence[str], int]) -> None:
        if asked != self._asked:
            return
        connections, searched, self._n_dropped = found
        self.model.replace(connections, searched)
        self._show()

    def _not_found(self, asked: int, error: BaseException) -> None:
        if asked != self._asked:
            return
        if isinstance(error, HearthError):
            self._say(str(error))
        else:
            self._notify.error(error)

    def _show(self) -> None:
        """The rows, or one sentence in their place."""
        number = self.locale().toString
        self._dropped.setVisible(self._n_dropped > 0)
        self._dropped.setText(
            self.tr("{n} older connections are no longer listed: the record is bounded.").format(
                n=number(self._n_dropped)
            )
        )
        if self.model.n_all == 0:
            self._say(self.tr("Hearth has never connected to anything."))
            return
        self.search.show()
        self.export_button.setEnabled(True)
        found = self.model.sum()
        if found.n == 0:
            self._say(self.tr("No connection has these words."), keep_search=True)
            return
        said = self.tr("{n} connections: {received} received, {sent} sent.")
        if found.n < self.model.n_all:
            said = self.tr("{n} of {all} connections: {received} received, {sent} sent.")
        elif found.n == 1:
            said = self.tr("One connection: {received} received, {sent} sent.")
        self._sum.setText(
            said.format(
                n=number(found.n),
                all=number(self.model.n_all),
                received=bytes_text(found.received_bytes),
                sent=bytes_text(found.sent_bytes),
            )
        )
        self._sum.show()
        self._stack.setCurrentWidget(self._card)

    def _say(self, sentence: str, *, keep_search: bool = False) -> None:
        self._sum.hide()
        self.search.setVisible(keep_search)
        self.export_button.setEnabled(keep_search)
        self.sentence.setText(sentence)
        self._stack.setCurrentWidget(self.sentence)

    def _ask_where(self) -> None:
        from PySide6.QtWidgets import QFileDialog  # with a cost of its own: when asked for

        dialog = QFileDialog(self, self.tr("Save the connections"))
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        dialog.setAcceptMode(QFileDialog.AcceptMode.AcceptSave)
        dialog.setNameFilters(
            [self.tr("For a spreadsheet (*.csv)"), self.tr("For a program (*.json)")]
        )
        dialog.selectFile(f"{_NAME}.csv")
        dialog.filterSelected.connect(partial(self._filter_chosen, dialog))
        dialog.fileSelected.connect(self.save_to)
        dialog.open()

    def _filter_chosen(self, dialog: QWidget, chosen: str) -> None:
        from PySide6.QtWidgets import QFileDialog

        if isinstance(dialog, QFileDialog):
            dialog.selectFile(_NAME + (".json" if "json" in chosen else ".csv"))

    def _saved(self, target: Path, n: int, _: object) -> None:
        self._notify.offer(
            self.tr("{n} connections were saved as {name}.").format(
                n=self.locale().toString(n), name=target.name
            ),
            self.tr("Show the folder"),
            partial(self._open_folder, str(target.parent)),
        )

    def _open_folder(self, folder: str) -> None:
        if not QDesktopServices.openUrl(QUrl.fromLocalFile(folder)):
            self._notify.tell(self.tr("The folder could not be opened."), folder)


def _look(record: Connections) -> tuple[tuple[Connection, ...], list[str], int]:
    """Off the GUI thread: some megabytes are read and searched through."""
    connections = record.all()
    return connections, [searched_text(each) for each in connections], record.n_dropped()
