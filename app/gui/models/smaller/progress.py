"""The smaller file that is made now: a bar, words beside it, a way to stop. GUI thread."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QFrame, QVBoxLayout, QWidget

from app.gui import theme
from app.gui.downloads.bar import ShareBar
from app.gui.models.smaller.words import line_of, share_of, title_of
from app.gui.widgets.buttons import TextButton
from app.gui.widgets.cards import FoldingRow
from app.gui.widgets.plain import PlainLabel
from app.inference.smaller_files import Job


class MakingCard(QFrame):
    """Hidden where nothing is made. `show` leads to where it was asked for, where that is not
    here."""

    def __init__(self, parent: QWidget | None = None, *, with_show: bool = False) -> None:
        super().__init__(parent)
        self.setProperty("kind", "card")
        self.title = PlainLabel(role="strong")
        self.line = PlainLabel(role="secondary")
        self.bar = ShareBar()
        self.open = TextButton(self.tr("Show"), "quiet")
        self.open.setAccessibleName(self.tr("Show the smaller file that is being made"))
        if not with_show:
            self.open.hide()
        self.stop = TextButton(self.tr("Stop"))
        self.stop.setAccessibleName(self.tr("Stop making the smaller file"))
        row = FoldingRow(tight=True)
        row.words.addWidget(self.title)
        row.words.addWidget(self.line)
        for button in (self.open, self.stop):
            row.side.addWidget(button, 0, Qt.AlignmentFlag.AlignVCenter)
        column = QVBoxLayout(self)
        column.setContentsMargins(theme.SPACE_16, theme.SPACE_12, theme.SPACE_16, theme.SPACE_12)
        column.setSpacing(theme.SPACE_8)
        column.addWidget(row)
        column.addWidget(self.bar)
        self.hide()

    def show_job(self, job: Job | None) -> None:
        """Show how far it is."""
        is_shown = job is not None and job.is_under_way
        if job is not None and is_shown:
            self.title.setText(title_of(job))
            self.line.setText(line_of(job))
            self.bar.show_share(share_of(job))
            self.setAccessibleName(title_of(job))
        self.setVisible(is_shown)
