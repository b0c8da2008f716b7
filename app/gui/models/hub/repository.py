"""One repository: which file suits this computer, all files with how each would run, what is
asked before it may be had, and where to turn when nothing in it can be used.

GUI thread; the asking runs on others, begun by the person who opened it.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from PySide6.QtCore import Qt, QTimer, Signal
from PySide6.QtGui import QGuiApplication, QHideEvent
from PySide6.QtWidgets import QVBoxLayout, QWidget

from app.foundation.cancellation import Cancellation
from app.foundation.errors import AccessNeeded, HearthError
from app.gui import theme
from app.gui.aside import aside
from app.gui.bridge import Bridge
from app.gui.downloads.model import DownloadsModel
from app.gui.models.files import FilesCard
from app.gui.models.hub.asking import HubDesk, Weighed
from app.gui.models.hub.gate import Gate
from app.gui.models.hub.head import Head
from app.gui.models.hub.lines import file_lines
from app.gui.models.hub.notes import none_words, notes_of
from app.gui.models.hub.place import SLOW_MS
from app.gui.models.hub.words import owner_and_name
from app.gui.models.situation import Situation
from app.gui.models.subjects import Outlook
from app.gui.notify import Notifier
from app.gui.safe_text import one_line
from app.gui.widgets.buttons import TextButton
from app.gui.widgets.plain import PlainLabel
from app.models.offered import RepositoryInfo
from app.models.wanted import Wanted
from app.network.policy import HUB

PlaceOfWanted = Callable[[Wanted], str]


class RepositoryView(QWidget):
    """`details_asked(outlook)`, `chat_asked(path)`, `repo_asked(id)` for a match elsewhere,
    `search_asked(words)`, `settings_asked()` for the token."""

    details_asked = Signal(object)
    chat_asked = Signal(str)
    repo_asked = Signal(str)
    search_asked = Signal(str)
    settings_asked = Signal()

    def __init__(
        self,
        repo: str,
        desk: HubDesk,
        bridge: Bridge,
        notify: Notifier,
        *,
        downloads: DownloadsModel | None,
        place_of: PlaceOfWanted,
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self.repo = repo
        self._desk = desk
        self._bridge = bridge
        self._notify = notify
        self._place_of = place_of
        self.info: RepositoryInfo | None = None
        self.weighed: Weighed | None = None
        self._at = 0
        self._asked = 0
        self._instead: Callable[[], None] | None = None
        self._cancellation = Cancellation()
        self.situation = Situation()
        self.gate = Gate()
        self.head = Head(downloads)
        self.files = FilesCard()
        self._files_title = PlainLabel(self.tr("Files"), "heading")
        self._notes = PlainLabel(role="secondary")
        self._again = TextButton(self.tr("Try again"), "link")
        self._slow = QTimer(self)
        self._slow.setSingleShot(True)
        self._slow.setInterval(SLOW_MS)
        self._slow.timeout.connect(self._is_slow)
        self._arrange()
        self._connect()
        self.ask()

    def ask(self) -> None:
        """Ask the hub what is in it."""
        self._asked += 1
        self._instead = None
        for each in (self.head, self.files, self._files_title, self._notes, self._again, self.gate):
            each.hide()
        self.situation.show_busy(
            self.tr("Asking {host} what is in it…").format(host=self._desk.host)
        )
        self._slow.start()
        work = partial(self._desk.repository, self.repo)
        arrived = partial(self._arrived, self._asked)
        self._bridge.watch(aside(work), arrived, partial(self._failed, self._asked))

    def hideEvent(self, event: QHideEvent) -> None:
        self._slow.stop()
        if not event.spontaneous():
            self._cancellation.cancel()
        super().hideEvent(event)

    def _arrived(self, asked: int, info: RepositoryInfo) -> None:
        if asked != self._asked:
            return
        self._slow.stop()
        self.info = info
        if info.gated:
            self.gate.show_terms(info)
        notes = notes_of(info)
        self._notes.setText(" ".join(notes))
        self._notes.setVisible(bool(notes))
        if not info.groups:
            self._show_none(info)
            return
        self.situation.hide()
        self._show_files()
        self.head.show_waiting(info, self._at, self._place_here())
        self._weigh()

    def _weigh(self) -> None:
        info = self.info
        if info is None:
            return
        self._again.hide()
        self._cancellation = Cancellation()
        work = partial(self._desk.weighed, info, self._cancellation)
        self._bridge.watch(aside(work), partial(self._weighed, self._asked), self._notify.error)

    def _weighed(self, asked: int, weighed: Weighed) -> None:
        if asked != self._asked or self._cancellation.is_set:
            return
        self.weighed = weighed
        if weighed.model is not None:
            self._at = weighed.at
        self._show_files()
        self._show_head()
        # What an agreement or a token is needed for does not come by asking again.
        can_come = not weighed.is_refused and not isinstance(weighed.error, AccessNeeded)
        self._again.setVisible(weighed.error is not None and can_come)

    def _show_head(self) -> None:
        info, weighed = self.info, self.weighed
        if info is None:
            return
        if weighed is None:
            self.head.show_waiting(info, self._at, self._place_here())
        elif weighed.model is None:
            self.head.show_unknown(weighed, self._at, self._place_here())
        else:
            self.head.show_outlook(self._outlook(weighed), self._place_here())

    def _outlook(self, weighed: Weighed) -> Outlook:
        assert weighed.model is not None
        return Outlook(weighed.model, self._at, weighed.plans[self._at])

    def _show_files(self) -> None:
        info, weighed = self.info, self.weighed
        assert info is not None
        here = [bool(self._place_of(info.wanted(group))) for group in info.groups]
        recommended = weighed.at if weighed is not None and weighed.plans else None
        self.files.show_files(file_lines(info, weighed, here), self._at, recommended)
        self._files_title.show()

    def _place_here(self) -> str:
        assert self.info is not None
        return self._place_of(self.info.wanted(self.info.groups[self._at]))

    def _chosen(self, at: int) -> None:
        self._at = at
        self._show_head()

    def _details(self) -> None:
        if self.weighed is not None and self.weighed.model is not None:
            self.details_asked.emit(self._outlook(self.weighed))

    def _failed(self, asked: int, error: BaseException) -> None:
        if asked != self._asked:
            return
        self._slow.stop()
        if isinstance(error, AccessNeeded):
            self.situation.show_error(error, self.tr("Open the settings"))
            self._instead = self.settings_asked.emit
        elif isinstance(error, HearthError):
            self.situation.show_error(error, self.tr("Try again"))
        else:
            self.situation.hide()
            self._notify.error(error)

    def _show_none(self, info: RepositoryInfo) -> None:
        """Nothing that can be loaded: what there is, and where the same model is as GGUF."""
        if info.gguf_repo:
            action = self.tr("Open {repo}").format(repo=one_line(info.gguf_repo, 60))
            self._instead = partial(self.repo_asked.emit, info.gguf_repo)
        else:
            action = self.tr("Search for its GGUF files")
            name = owner_and_name(info.base_repo or info.id)[1]
            self._instead = partial(self.search_asked.emit, name)
        title = self.tr("Nothing in this repository runs in Hearth.")
        self.situation.show_words("box", title, none_words(info), action)

    def _is_slow(self) -> None:
        self.situation.show_busy(
            self.tr("{host} is slow to answer.").format(host=self._desk.host),
            self.tr("It may still come."),
        )

    def _act(self) -> None:
        if self._instead is not None:
            self._instead()
        else:
            self.ask()

    def _copy_page(self) -> None:
        if self.info is not None:
            QGuiApplication.clipboard().setText(f"https://{HUB}{self.info.page}")
            self._notify.tell(
                self.tr("The address is copied."),
                self.tr("Paste it into your browser, sign in there and agree to the terms."),
            )

    def _connect(self) -> None:
        self.situation.acted.connect(self._act)
        self.head.details_asked.connect(self._details)
        self.head.chat_asked.connect(self.chat_asked)
        self.files.chosen.connect(self._chosen)
        self.gate.settings_asked.connect(self.settings_asked)
        self.gate.page_asked.connect(self._copy_page)
        self._again.clicked.connect(self._weigh)

    def _arrange(self) -> None:
        self._files_title.setContentsMargins(0, theme.SPACE_16, 0, 0)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(theme.SPACE_8)
        top: tuple[QWidget, ...] = (self.gate, self.situation, self.head, self._again)
        for each in (*top, self._files_title, self.files, self._notes):
            column.addWidget(each)
        column.setAlignment(self._again, Qt.AlignmentFlag.AlignLeft)
