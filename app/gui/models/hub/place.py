"""The place “Hugging Face”: a search that asks when Enter is pressed, and never before.

GUI thread; the asking runs on others. While nothing comes from afar, Hearth's own list answers.
"""

from __future__ import annotations

from functools import partial

from PySide6.QtCore import Qt, QTimer, Signal
from PySide6.QtGui import QHideEvent, QShowEvent
from PySide6.QtWidgets import QLineEdit, QVBoxLayout, QWidget

from app.foundation.errors import HearthError
from app.gui import icons, theme
from app.gui.aside import aside
from app.gui.bridge import Bridge
from app.gui.downloads.model import DownloadsModel
from app.gui.models.entries import EntryRow, searched_words
from app.gui.models.feed import Feed
from app.gui.models.hub.asking import HubDesk
from app.gui.models.hub.results import RepoRow
from app.gui.models.hub.words import may_run, repo_in
from app.gui.models.listing import PlaceOf
from app.gui.models.situation import Situation
from app.gui.models.subjects import Outlook, Suited
from app.gui.models.switcher import Switcher
from app.gui.notify import Notifier
from app.gui.safe_text import one_line
from app.gui.widgets.buttons import TextButton
from app.gui.widgets.cards import FoldingRow
from app.gui.widgets.plain import PlainLabel
from app.gui.widgets.switch import Switch
from app.models.offered import Found, FoundRepo, Sort

SLOW_MS = 5_000
_SORTS: tuple[Sort, ...] = ("downloads", "recent", "likes")
_N_KNOWN = 4
_LONGEST = 120


class HubPlace(QWidget):
    """`repo_asked(id)` opens one; `details_asked(outlook)` and `chat_asked(path)` are of Hearth's
    own list."""

    repo_asked = Signal(str)
    details_asked = Signal(object)
    chat_asked = Signal(str)

    def __init__(
        self,
        desk: HubDesk,
        bridge: Bridge,
        notify: Notifier,
        downloads: DownloadsModel | None,
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self.setProperty("kind", "column")
        self._desk = desk
        self._bridge = bridge
        self._notify = notify
        self._downloads = downloads
        self._suited: Suited | None = None
        self._place_of: PlaceOf = lambda _: ""
        self._asked = 0
        self._words = ""
        self._found: list[FoundRepo] = []
        self._next: str | None = None
        self._kept: dict[tuple[str, Sort], Found] = {}
        self.search = QLineEdit()
        self.go = TextButton(self.tr("Search"))
        self.sorts = Switcher(
            self.tr("Order of what is found"),
            (self.tr("Most downloaded"), self.tr("Newest"), self.tr("Most liked")),
        )
        self.only_fitting = Switch(self.tr("Only what can run here"))
        self._direct = TextButton("", "link")
        self._known_title = PlainLabel(self.tr("In Hearth's own list"), "heading")
        self.known = Feed(self.tr("In Hearth's own list"))
        self._found_title = PlainLabel(role="heading")
        self.situation = Situation()
        self.feed = Feed(self.tr("Found on Hugging Face"))
        self.more = TextButton(self.tr("Show more of what was found"))
        self._hidden = PlainLabel(role="muted")
        self._slow = QTimer(self)
        self._slow.setSingleShot(True)
        self._slow.setInterval(SLOW_MS)
        self._slow.timeout.connect(self._is_slow)
        self._arrange()
        self._connect()
        self._show_start()

    @property
    def rows(self) -> list[RepoRow]:
        """The rows that exist: those that came into view."""
        return [row for row in self.feed.made.values() if isinstance(row, RepoRow)]

    @property
    def sort(self) -> Sort:
        return _SORTS[self.sorts.at]

    def show_catalogue(self, suited: Suited, place_of: PlaceOf) -> None:
        """What Hearth itself knows, to answer at once and without a connection."""
        self._suited, self._place_of = suited, place_of
        self._show_known()

    def search_for(self, words: str) -> None:
        """Search as if these had been typed and Enter pressed."""
        self.search.setText(words)
        self.begin()

    def begin(self) -> None:
        """Ask the hub for what stands in the field; the only thing here that connects."""
        words = " ".join(self.search.text().split())[:_LONGEST]
        if not words:
            self._show_start()
            return
        self._words, self._found, self._next = words, [], None
        kept = self._kept.get((words.casefold(), self.sort))
        if kept is not None:
            self._asked += 1
            self._arrived(self._asked, self.sort, kept)
            return
        self._show_rows()
        self._ask(None)

    def showEvent(self, event: QShowEvent) -> None:
        """Another mirror may have been set since."""
        super().showEvent(event)
        if not self._words:
            self._show_start()

    def hideEvent(self, event: QHideEvent) -> None:
        self._slow.stop()
        super().hideEvent(event)

    def _ask(self, cursor: str | None) -> None:
        self._asked += 1
        if not self._desk.is_available:
            self.situation.show_words("globe", self.tr("This window cannot ask Hugging Face."))
            return
        self.more.hide()
        self._hidden.hide()
        self.situation.show_busy(
            self.tr("Asking {host}…").format(host=self._desk.host), action=self.tr("Stop")
        )
        self._slow.start()
        work = partial(self._desk.search, self._words, self.sort, cursor)
        arrived = partial(self._arrived, self._asked, self.sort)
        self._bridge.watch(aside(work), arrived, partial(self._failed, self._asked))

    def _stop(self) -> None:
        """Wait no longer; what comes all the same is not shown."""
        self._asked += 1
        self._slow.stop()
        self.situation.show_words(
            "search",
            self.tr("Stopped."),
            self.tr("Nothing more is waited for."),
            self.tr("Search again"),
        )

    def _arrived(self, asked: int, sort: Sort, found: Found) -> None:
        if asked != self._asked:
            return
        self._slow.stop()
        self._found += found.repositories
        self._next = found.next
        self._kept[self._words.casefold(), sort] = Found(tuple(self._found), found.next)
        self.situation.hide()
        self._show_rows()
        if not self._found:
            self.situation.show_words(
                "search",
                self.tr("Nothing was found for “{words}”.").format(words=one_line(self._words, 60)),
                self.tr("Only models as GGUF files are looked for. Try fewer or other words."),
            )

    def _failed(self, asked: int, error: BaseException) -> None:
        if asked != self._asked:
            return
        self._slow.stop()
        if isinstance(error, HearthError):
            self.situation.show_error(error, self.tr("Try again"))
        else:
            self.situation.hide()
            self._notify.error(error)

    def _is_slow(self) -> None:
        self.situation.show_busy(
            self.tr("{host} is slow to answer.").format(host=self._desk.host),
            self.tr(
                "It may still come. Meanwhile, Hearth's own list is above and on the page "
                "“For this computer”."
            ),
            self.tr("Stop"),
        )

    def _act(self) -> None:
        """The one button of the situation: it stops while something is under way, else asks."""
        if self._slow.isActive() or self.situation.is_busy:
            self._stop()
        else:
            self._ask(self._next if self._found else None)

    def _show_start(self) -> None:
        self._asked += 1
        self._slow.stop()
        self._words, self._found, self._next = "", [], None
        self._show_rows()
        self.situation.show_words(
            "globe",
            self.tr("Search Hugging Face for models that Hearth can load (GGUF)."),
            self.tr(
                "Hearth connects to {host} when you press Enter, and not before. You can paste the "
                "address of a repository too."
            ).format(host=self._desk.host),
        )

    def _show_rows(self) -> None:
        machine = self._suited.machine if self._suited is not None else None
        fits = [may_run(repo, machine) for repo in self._found]
        only = self.only_fitting.isChecked()
        shown = [
            (repo, fit) for repo, fit in zip(self._found, fits, strict=True) if fit or not only
        ]
        self.feed.show_rows([partial(self._row, repo, fit) for repo, fit in shown])
        n_hidden = len(self._found) - len(shown)
        self._hidden.setText(
            self.tr("{n} that are too big for this computer are left out.").format(n=n_hidden)
        )
        self._hidden.setVisible(n_hidden > 0)
        self._found_title.setText(self.tr("On Hugging Face"))
        self._found_title.setVisible(bool(self._found) and not self._known_title.isHidden())
        self.more.setVisible(self._next is not None and bool(self._found))

    def _row(self, repo: FoundRepo, fits: bool) -> QWidget:
        row = RepoRow(repo, fits=fits)
        row.clicked.connect(partial(self.repo_asked.emit, repo.id))
        return row

    def _show_known(self) -> None:
        """As one types: what Hearth's own list has of it, without asking anybody."""
        words = self.search.text().casefold().split()
        suited = self._suited
        found: list[Outlook] = []
        if words and suited is not None:
            every = (*suited.best, *suited.others)
            found = [each for each in every if all(word in searched_words(each) for word in words)]
        makers = [partial(self._known_row, each) for each in found[:_N_KNOWN]]
        self.known.show_rows(makers)
        self._known_title.setVisible(bool(makers))
        self._found_title.setVisible(bool(self._found) and bool(makers))
        repo = repo_in(self.search.text())
        self._direct.setText(self.tr("Open {repo}").format(repo=one_line(repo, 80)))
        self._direct.setAccessibleName(self._direct.text())
        self._direct.setVisible(bool(repo))

    def _known_row(self, outlook: Outlook) -> QWidget:
        row = EntryRow(outlook, self._downloads, self._place_of(outlook))
        row.details_asked.connect(partial(self.details_asked.emit, outlook))
        row.chat_asked.connect(self.chat_asked)
        return row

    def _enter(self) -> None:
        repo = repo_in(self.search.text())
        if repo:
            self.repo_asked.emit(repo)
        else:
            self.begin()

    def _sorted(self, _at: int) -> None:
        if self._words:
            self.search_for(self._words)

    def _open_direct(self) -> None:
        self.repo_asked.emit(repo_in(self.search.text()))

    def _connect(self) -> None:
        self.search.returnPressed.connect(self._enter)
        self.search.textChanged.connect(self._show_known)
        self.go.clicked.connect(self._enter)
        self.sorts.chosen.connect(self._sorted)
        self.only_fitting.toggled.connect(self._show_rows)
        self._direct.clicked.connect(self._open_direct)
        self.situation.acted.connect(self._act)
        self.more.clicked.connect(self._more)

    def _more(self) -> None:
        self._ask(self._next)

    def _arrange(self) -> None:
        self.search.setPlaceholderText(self.tr("Name of a model, or owner/repository"))
        self.search.setAccessibleName(self.tr("Search Hugging Face"))
        self.search.setProperty("kind", "search")
        self.search.setMaxLength(400)
        icons.lead(self.search, "search")
        self.only_fitting.setChecked(True)
        field = FoldingRow(tight=True)
        field.words.addWidget(self.search)
        field.side.addWidget(self.go)
        tools = FoldingRow(tight=True)
        tools.words.addWidget(self.sorts, 0, Qt.AlignmentFlag.AlignLeft)
        tools.side.addWidget(PlainLabel(self.tr("Only what can run here"), wrap=False))
        tools.side.addWidget(self.only_fitting)
        for title in (self._known_title, self._found_title):
            title.setContentsMargins(0, theme.SPACE_8, 0, 0)
        column = QVBoxLayout(self)
        column.setContentsMargins(theme.SPACE_24, theme.SPACE_4, theme.SPACE_24, theme.SPACE_32)
        column.setSpacing(theme.SPACE_8)
        top: tuple[QWidget, ...] = (field, tools, self._direct, self._known_title, self.known)
        found = (self._found_title, self.feed, self._hidden, self.more, self.situation)
        for each in (*top, *found):
            column.addWidget(each)
        column.setAlignment(self._direct, Qt.AlignmentFlag.AlignLeft)
        column.addStretch(1)
        hidden = (self._direct, self._known_title, self._found_title, self._hidden, self.more)
        for each in hidden:
            each.hide()
