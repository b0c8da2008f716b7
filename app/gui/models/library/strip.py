"""A line under a row that says what is being done with it, or asks for one word. GUI thread."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QProgressBar, QVBoxLayout, QWidget

from app.gui import theme
from app.gui.widgets.buttons import IconButton, TextButton
from app.gui.widgets.cards import FoldingRow
from app.gui.widgets.plain import LabelRole, PlainLabel
from app.gui.widgets.toast import announce

_PARTS = 1000


class Strip(QWidget):
    """Hidden until it has something to say; closing it does nothing but hide it."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.words = PlainLabel()
        self.bar = QProgressBar()
        self.bar.setTextVisible(False)
        self.bar.setRange(0, _PARTS)
        self.bar.setAccessibleName(self.tr("Progress"))
        self.act = TextButton("")
        self.other = TextButton("", "quiet")
        self.close_button = IconButton("x", self.tr("Close this message"))
        self._on_act: Callable[[], None] | None = None
        self._on_other: Callable[[], None] | None = None
        self.act.clicked.connect(self._acted)
        self.other.clicked.connect(self._other_acted)
        self.close_button.clicked.connect(self.hide)
        row = FoldingRow(tight=True)
        row.words.addWidget(self.words)
        for button in (self.other, self.act, self.close_button):
            row.side.addWidget(button)
        column = QVBoxLayout(self)
        column.setContentsMargins(theme.SPACE_8, theme.SPACE_4, theme.SPACE_8, theme.SPACE_12)
        column.setSpacing(theme.SPACE_8)
        column.addWidget(row)
        column.addWidget(self.bar)
        self.hide()

    def say(self, words: str, role: LabelRole = "body") -> None:
        """Say how it ended."""
        self._show(words, role)
        self.close_button.show()

    def ask(
        self,
        words: str,
        act: tuple[str, Callable[[], None]],
        other: tuple[str, Callable[[], None]],
        *,
        focus: bool = True,
    ) -> None:
        """Ask for one word: two buttons, the first does it."""
        self._show(words, "body")
        for button, text in ((self.act, act[0]), (self.other, other[0])):
            button.setText(text)
            button.setAccessibleName(text)
            button.show()
        self._on_act, self._on_other = act[1], other[1]
        if focus:
            # What does nothing has the focus: Enter twice must not remove a file.
            self.other.setFocus(Qt.FocusReason.TabFocusReason)

    def follow(self, words: str, stop: Callable[[], None] | None) -> None:
        """Show that something is under way; `stop` ends it."""
        is_new = self.bar.isHidden() or self.isHidden()
        if is_new:
            self._show(words, "secondary")
            self.bar.setRange(0, 0)
            self.bar.show()
            if stop is not None:
                text = self.tr("Stop")
                self.act.setText(text)
                self.act.setAccessibleName(text)
                self.act.show()
                self._on_act = stop
        self.words.setText(words)
        self.bar.setAccessibleDescription(words)

    def show_fraction(self, fraction: float) -> None:
        """How far it is, 0 to 1."""
        self.bar.setRange(0, _PARTS)
        self.bar.setValue(round(_PARTS * min(1.0, max(0.0, fraction))))

    def _show(self, words: str, role: LabelRole) -> None:
        self.words.set_role(role)
        self.words.setText(words)
        for each in (self.bar, self.act, self.other, self.close_button):
            each.hide()
        self._on_act = self._on_other = None
        self.show()
        announce(self, words)

    def _acted(self) -> None:
        if self._on_act is not None:
            self._on_act()

    def _other_acted(self) -> None:
        if self._on_other is not None:
            self._on_other()
