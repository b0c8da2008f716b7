"""One model on this computer: pressed for its details, with Chat and a menu at the right.

GUI thread. Says what was asked for; does none of it.
"""

from __future__ import annotations

from PySide6.QtCore import QPoint, Qt, Signal
from PySide6.QtGui import QAction
from PySide6.QtWidgets import QHBoxLayout, QMenu, QVBoxLayout, QWidget

from app.gui import theme
from app.gui.models.badge import Badge
from app.gui.models.library.stock import Item
from app.gui.models.library.strip import Strip
from app.gui.models.library.words import about_words, checked_words, problem_words
from app.gui.models.subjects import Broken, Outlook
from app.gui.models.tile import Tile
from app.gui.models.words import verdict_of
from app.gui.plan_words import speed_words
from app.gui.safe_text import one_line
from app.gui.widgets.buttons import IconButton, TextButton
from app.gui.widgets.cards import FoldingRow

_ASKED = ("verify", "reveal", "forget", "remove")


class KeptRow(QWidget):
    """`asked(what)` is one of verify, reveal, forget, remove; `smaller_asked()` apart."""

    details_asked = Signal()
    chat_asked = Signal()
    asked = Signal(str)
    smaller_asked = Signal()

    def __init__(
        self,
        item: Item,
        *,
        in_use: bool,
        can_shrink: bool = False,
        parent: QWidget | None = None,
    ) -> None:
        """`can_shrink`: whether smaller files of models can be made at all."""
        super().__init__(parent)
        self.item = item
        self._can_shrink = can_shrink
        self.outlook: Outlook | Broken | None = None
        self._in_use = in_use
        self.tile = Tile("row")
        self._about = self.tile.label("", "secondary")
        self._problem = self.tile.label("", "problem")
        self._problem.hide()
        self.badge = Badge()
        self.badge.hide()
        self.chat = TextButton(self.tr("Chat"), "quiet")
        self.more: IconButton | None = None
        self._strip: Strip | None = None
        self._column = QVBoxLayout(self)
        self._arrange()
        self._show_kept()

    @property
    def strip(self) -> Strip:
        """The line under it; made when there is something to say."""
        if self._strip is None:
            self._strip = Strip()
            self._column.addWidget(self._strip)
        return self._strip

    def show_outlook(self, found: Outlook | Broken) -> None:
        """How it runs here, or why it cannot; known a moment after the row."""
        self.outlook = found
        if isinstance(found, Broken):
            self._say_problem(one_line(found.error.title, 300))
            self.chat.hide()
        else:
            self.badge.show_verdict(verdict_of(found.plan))
            self.badge.show()
        self._say_about()

    def _arrange(self) -> None:
        name = one_line(self.item.name, 120)
        head = QHBoxLayout()
        head.setSpacing(theme.SPACE_8)
        head.addWidget(self.tile.label(name, "strong"), 0 if self._in_use else 1)
        if self._in_use:
            head.addWidget(self.tile.label(self.tr("in use"), "secondary", wrap=False), 1)
        words = QVBoxLayout()
        words.setSpacing(2)
        words.addLayout(head)
        words.addWidget(self._about)
        words.addWidget(self._problem)
        inner = QHBoxLayout(self.tile)
        inner.setContentsMargins(*(theme.SPACE_8,) * 4)
        inner.setSpacing(theme.SPACE_16)
        inner.addLayout(words, 1)
        inner.addWidget(self.badge, 0, Qt.AlignmentFlag.AlignVCenter)
        self.tile.clicked.connect(self.details_asked)
        self.chat.setAccessibleName(self.tr("Chat with {name}").format(name=name))
        self.chat.clicked.connect(self.chat_asked)
        row = FoldingRow(tight=True)
        row.words.addWidget(self.tile)
        row.side.addWidget(self.chat)
        more = IconButton("ellipsis", self.tr("More for {name}").format(name=name))
        row.side.addWidget(more)
        if self.item.kept is not None:
            self.more = more
            more.clicked.connect(self._open_menu)
        else:
            # Unseen, it keeps the columns of all rows in line.
            policy = more.sizePolicy()
            policy.setRetainSizeWhenHidden(True)
            more.setSizePolicy(policy)
            more.hide()
        self._column.setContentsMargins(0, 0, 0, 0)
        self._column.setSpacing(0)
        self._column.addWidget(row)

    def _show_kept(self) -> None:
        kept = self.item.kept
        self.chat.setVisible(self.item.is_usable)
        problem = problem_words(kept) if kept is not None else ""
        if problem:
            self._say_problem(problem)
        elif kept is not None and kept.verified == "failed":
            self._say_problem(checked_words(kept))
        self._say_about()

    def _say_problem(self, words: str) -> None:
        self._problem.setText(words)
        self._problem.show()

    def _say_about(self) -> None:
        """Words of what is known by now, and the same for a screen reader."""
        kept, found = self.item.kept, self.outlook
        about = about_words(kept) if kept is not None else []
        if isinstance(found, Outlook):
            plan = found.plan
            if kept is None:
                from app.gui.models.entries import file_words

                about = [file_words(found)]
            if plan.fits != "no":
                about.append(speed_words(plan.expected.generated_tokens_per_second))
        if self.item.is_built_in:
            about.insert(0, self.tr("built in"))
        self._about.setText(" · ".join(about))
        self._about.setVisible(bool(about))
        badge = self.badge.text if not self.badge.isHidden() else ""
        mark = self.tr("in use") if self._in_use else ""
        problem = self._problem.text()
        spoken = [one_line(self.item.name, 120), mark, badge, problem, *about]
        self.tile.setAccessibleName(", ".join(part for part in spoken if part))

    def menu_actions(self) -> list[tuple[str, str]]:
        """What may be asked of this model: the word of `asked`, and how it reads."""
        kept = self.item.kept
        if kept is None:
            return []
        is_there = kept.state != "gone"
        found = []
        if is_there:
            found.append(("verify", self.tr("Check its content")))
            found.append(("reveal", self.tr("Show in its folder")))
        if self._can_shrink and kept.state == "ready" and kept.kind in ("chat", "embedding"):
            found.append(("smaller", self.tr("Make a smaller file…")))
        if kept.is_ours and is_there:
            found.append(("remove", self.tr("Move to the trash…")))
        else:
            found.append(("forget", self.tr("Take it out of this list")))
        return found

    def _open_menu(self) -> None:
        assert self.more is not None
        menu = QMenu(self)
        menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        for what, words in self.menu_actions():
            action = QAction(words, menu)
            action.setData(what)
            menu.addAction(action)
        menu.triggered.connect(self._picked)
        menu.popup(self.more.mapToGlobal(QPoint(0, self.more.height() + 2)))

    def _picked(self, action: QAction) -> None:
        what = action.data()
        if what == "smaller":
            self.smaller_asked.emit()
        elif what in _ASKED:
            self.asked.emit(what)
