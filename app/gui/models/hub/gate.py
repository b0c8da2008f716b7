"""Says that a repository's terms must be agreed to first, and how. GUI thread."""

from __future__ import annotations

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QFrame, QHBoxLayout, QVBoxLayout, QWidget

from app.gui import icons, theme
from app.gui.widgets.buttons import TextButton
from app.gui.widgets.cards import FoldingRow
from app.gui.widgets.plain import PlainLabel
from app.models.offered import RepositoryInfo


class Gate(QFrame):
    """`settings_asked` for the token, `page_asked` for the address of the terms."""

    settings_asked = Signal()
    page_asked = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setProperty("kind", "banner")
        self._mark = PlainLabel(wrap=False)
        self.title = PlainLabel(self.tr("Its publisher asks for an agreement first."), "strong")
        self.sentence = PlainLabel()
        self.setAccessibleName(self.title.text())
        page = TextButton(self.tr("Copy the page's address"), icon="copy")
        page.clicked.connect(self.page_asked)
        token = TextButton(self.tr("Set a token"), icon="settings")
        token.clicked.connect(self.settings_asked)
        words = QVBoxLayout()
        words.setSpacing(theme.SPACE_4)
        words.addWidget(self.title)
        words.addWidget(self.sentence)
        buttons = FoldingRow(tight=True)
        buttons.side.addWidget(page)
        buttons.side.addWidget(token)
        words.addWidget(buttons)
        row = QHBoxLayout(self)
        row.setContentsMargins(*(theme.SPACE_16,) * 4)
        row.setSpacing(theme.SPACE_12)
        row.addWidget(self._mark, 0, Qt.AlignmentFlag.AlignTop)
        row.addLayout(words, 1)
        theme.current().changed.connect(self._draw)
        self._draw()
        self.hide()

    def show_terms(self, info: RepositoryInfo) -> None:
        """Say what is needed for this one."""
        if info.gate == "manual":
            said = self.tr(
                "Sign in at huggingface.co and ask for access on its page; the publisher decides, "
                "which may take days. Then give Hearth a token of your account."
            )
        else:
            said = self.tr(
                "Sign in at huggingface.co and agree to the terms on its page; then give Hearth a "
                "token of your account. If you have done both, it downloads like any other."
            )
        self.sentence.setText(said)
        self.show()

    def _draw(self) -> None:
        colour = theme.current().tokens.accent
        ratio = self.devicePixelRatioF()
        self._mark.setPixmap(icons.pixmap("lock", colour, theme.ICON_PX, ratio))
