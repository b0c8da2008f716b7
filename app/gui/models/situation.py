"""What stands where there is nothing to list: empty, under way, failed, offline. GUI thread.

One sentence on what it is, one on what to do, at most one action. Knows nothing of its words.
"""

from __future__ import annotations

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QHBoxLayout, QProgressBar, QVBoxLayout, QWidget

from app.foundation.errors import HearthError
from app.gui import icons, theme
from app.gui.safe_text import one_line
from app.gui.widgets.buttons import TextButton
from app.gui.widgets.plain import PlainLabel
from app.gui.widgets.toast import announce

_MARK_PX = 28
_WORDS_PX = 500
_SHOWN = 400
"""Characters of a sentence that came from elsewhere."""


class Situation(QWidget):
    """Hidden until it has something to say. `acted` follows its one button."""

    acted = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._icon, self._token = "info", "secondary"
        self._mark = PlainLabel(wrap=False)
        self.title = PlainLabel(role="strong")
        self.sentence = PlainLabel(role="muted")
        self.action = TextButton("")
        self.action.clicked.connect(self.acted)
        self._bar = QProgressBar()
        self._bar.setTextVisible(False)
        self._bar.setRange(0, 0)
        self._bar.setFixedWidth(120)
        self._bar.setAccessibleName(self.tr("Under way"))
        words = QWidget()
        words.setMaximumWidth(_WORDS_PX)
        centre = Qt.AlignmentFlag.AlignHCenter
        for label in (self.title, self.sentence):
            label.setAlignment(centre)
        column = QVBoxLayout(words)
        column.setContentsMargins(0, theme.SPACE_32, 0, theme.SPACE_32)
        column.setSpacing(theme.SPACE_8)
        column.addWidget(self._mark, 0, centre)
        column.addWidget(self.title)
        column.addWidget(self.sentence)
        column.addWidget(self._bar, 0, centre)
        column.addSpacing(theme.SPACE_4)
        column.addWidget(self.action, 0, centre)
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.addStretch(1)
        row.addWidget(words, 100)
        row.addStretch(1)
        theme.current().changed.connect(self._draw)
        self.hide()

    @property
    def is_busy(self) -> bool:
        """Whether it says that something is under way."""
        return not self.isHidden() and not self._bar.isHidden()

    def show_words(
        self, icon: str, title: str, sentence: str = "", action: str = "", *, token: str = ""
    ) -> None:
        """Show this; `token` colours the mark where it is not secondary."""
        self._show(icon, token or "secondary", title, sentence, action)
        self._bar.hide()

    def show_busy(self, title: str, sentence: str = "", action: str = "") -> None:
        """Show that something is under way; the action would end it."""
        self._show("", "secondary", title, sentence, action)
        self._bar.show()

    def show_error(self, error: HearthError, action: str) -> None:
        """Show what went wrong. Its words may come from far away."""
        parts = (error.detail, error.remedy)
        said = " ".join(one_line(part, _SHOWN) for part in parts if part)
        title = one_line(error.title, _SHOWN)
        icon = "cloud-off" if error.code in ("offline", "network_error") else "triangle-alert"
        token = "secondary" if error.code == "offline" else "warning"
        self._show(icon, token, title, said, action)
        self._bar.hide()

    def _show(self, icon: str, token: str, title: str, sentence: str, action: str) -> None:
        is_new = self.title.text() != title or self.isHidden()
        self._icon, self._token = icon, token
        self._mark.setVisible(bool(icon))
        self.title.setText(title)
        self.sentence.setText(sentence)
        self.sentence.setVisible(bool(sentence))
        self.action.setText(action)
        self.action.setAccessibleName(action)
        self.action.setVisible(bool(action))
        self._draw()
        self.show()
        if is_new:
            announce(self, f"{title} {sentence}".strip())

    def _draw(self) -> None:
        if self._icon:
            colour = str(getattr(theme.current().tokens, self._token))
            ratio = self.devicePixelRatioF()
            self._mark.setPixmap(icons.pixmap(self._icon, colour, _MARK_PX, ratio))
