"""One repository of a search, as a row to press. GUI thread."""

from __future__ import annotations

from datetime import UTC, datetime

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QHBoxLayout, QVBoxLayout, QWidget

from app.gui import icons, theme
from app.gui.models.hub.words import about_words, owner_and_name
from app.gui.models.tile import Tile
from app.gui.widgets.plain import ElidedLabel
from app.models.offered import FoundRepo


class RepoRow(Tile):
    """Its name, who made it, how popular and how old it is; a lock where terms come first."""

    def __init__(self, repo: FoundRepo, *, fits: bool, parent: QWidget | None = None) -> None:
        super().__init__("row", parent)
        self.repo = repo
        _, name = owner_and_name(repo.id)
        title = ElidedLabel(name, "strong")
        about = about_words(repo, self.locale(), datetime.now(UTC))
        words = QVBoxLayout()
        words.setSpacing(2)
        words.addWidget(title)
        title.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)
        words.addWidget(self.label(" · ".join(about), "secondary"))
        row = QHBoxLayout(self)
        row.setContentsMargins(*(theme.SPACE_8,) * 4)
        row.setSpacing(theme.SPACE_12)
        row.addLayout(words, 1)
        marks = []
        if repo.gated:
            marks.append(self.tr("terms to agree to"))
        if not fits:
            marks.append(self.tr("too big"))
        for mark in marks:
            role = "danger" if mark == marks[-1] and not fits else "secondary"
            row.addWidget(self.label(mark, role, wrap=False))
        self._arrow = self.label("", wrap=False)
        row.addWidget(self._arrow)
        self.setAccessibleName(", ".join((name, *about, *marks)))
        theme.current().changed.connect(self._draw)
        self._draw()

    def _draw(self) -> None:
        colour = theme.current().tokens.secondary
        ratio = self.devicePixelRatioF()
        self._arrow.setPixmap(icons.pixmap("chevron-right", colour, theme.ICON_PX, ratio))
