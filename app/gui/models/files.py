"""The files (quants) of a model: size, what is lost, how each would run, which is recommended.

GUI thread. One of them is looked at; the arrow keys move between them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QKeyEvent
from PySide6.QtWidgets import QHBoxLayout, QVBoxLayout, QWidget

from app.foundation.units import bytes_text
from app.gui import icons, theme
from app.gui.models.badge import Badge
from app.gui.models.feed import Feed
from app.gui.models.tile import Tile
from app.gui.models.words import Verdict
from app.gui.safe_text import one_line

_STEPS = {Qt.Key.Key_Up: -1, Qt.Key.Key_Down: 1}


@dataclass(frozen=True, slots=True)
class FileLine:
    """One file as it is shown. `verdict` is None where how it would run is not known (yet)."""

    quant: str
    n_bytes: int
    quality: str = ""
    verdict: Verdict | None = None
    n_parts: int = 1
    is_here: bool = False
    name: str = ""


class FilesCard(Feed):
    """`chosen(at)` follows what a person marks."""

    chosen = Signal(int)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(self.tr("Files"), parent)
        self._lines: tuple[FileLine, ...] = ()
        self._recommended: int | None = None
        self.at = 0

    @property
    def rows(self) -> dict[int, FileRow]:
        """The rows that exist, by their place."""
        return {at: row for at, row in self.made.items() if isinstance(row, FileRow)}

    def show_files(
        self, lines: Sequence[FileLine], at: int, recommended: int | None = None
    ) -> None:
        """Show these files, the one at `at` marked."""
        if tuple(lines) == self._lines and recommended == self._recommended:
            self.mark(at)
            return
        had_focus = self.isAncestorOf(self.window().focusWidget() or self)
        self._lines, self._recommended, self.at = tuple(lines), recommended, at
        self.show_rows([self._maker(place) for place in range(len(lines))])
        self.show_up_to(at + 1, now=had_focus)
        if had_focus and at in self.rows:
            self.rows[at].setFocus(Qt.FocusReason.OtherFocusReason)

    def mark(self, at: int) -> None:
        """Mark another one, without telling anybody."""
        self.at = at
        for place, row in self.rows.items():
            row.show_marked(place == at)

    def _stepped(self, step: int) -> None:
        to = self.at + step
        self.show_up_to(to + 1)
        if to in self.rows:
            self.rows[to].setFocus(Qt.FocusReason.TabFocusReason)
            self._chosen(to)

    def _maker(self, at: int) -> _Make:
        return _Make(self, at)

    def make_row(self, at: int) -> FileRow:
        """The row of one file."""
        row = FileRow(self._lines[at], is_recommended=at == self._recommended)
        row.show_marked(at == self.at)
        row.pressed_at.connect(self._chosen)
        row.stepped.connect(self._stepped)
        row.place = at
        return row

    def _chosen(self, at: int) -> None:
        self.mark(at)
        self.chosen.emit(at)


class _Make:
    """Makes one row when it comes into view."""

    def __init__(self, card: FilesCard, at: int) -> None:
        self._card, self._at = card, at

    def __call__(self) -> QWidget:
        return self._card.make_row(self._at)


class FileRow(Tile):
    """One file. A mark before it says that it is the one looked at; `stepped` follows arrows."""

    pressed_at = Signal(int)
    stepped = Signal(int)

    def __init__(
        self, line: FileLine, *, is_recommended: bool, parent: QWidget | None = None
    ) -> None:
        super().__init__("row", parent)
        self.place = 0
        self.line = line
        self._is_recommended = is_recommended
        self.setCheckable(True)
        self._mark = self.label("", wrap=False)
        self._mark.setFixedWidth(theme.ICON_PX)
        quant = one_line(line.quant, 40) or self.tr("quant unknown")
        head = QHBoxLayout()
        head.setSpacing(theme.SPACE_8)
        head.addWidget(self.label(quant, "strong", wrap=False))
        if is_recommended:
            head.addWidget(self.label(self.tr("recommended"), "good", wrap=False))
        if line.is_here:
            head.addWidget(self.label(self.tr("on this computer"), "secondary", wrap=False))
        head.addStretch(1)
        words = QVBoxLayout()
        words.setSpacing(2)
        words.addLayout(head)
        self.about = ", ".join(self._about(line))
        words.addWidget(self.label(self.about, "secondary"))
        row = QHBoxLayout(self)
        row.setContentsMargins(*(theme.SPACE_8,) * 4)
        row.setSpacing(theme.SPACE_12)
        row.addWidget(self._mark, 0, Qt.AlignmentFlag.AlignVCenter)
        row.addLayout(words, 1)
        spoken = [quant, self.about]
        if is_recommended:
            spoken.insert(1, self.tr("recommended"))
        if line.verdict is not None:
            badge = Badge()
            badge.show_verdict(line.verdict)
            row.addWidget(badge, 0, Qt.AlignmentFlag.AlignVCenter)
            spoken.append(badge.text)
        self.setAccessibleName(", ".join(spoken))
        self.clicked.connect(self._clicked)
        theme.current().changed.connect(self._draw)
        self._draw()

    def show_marked(self, marked: bool) -> None:
        """Whether this is the one looked at."""
        self.setChecked(marked)
        self._draw()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        step = _STEPS.get(Qt.Key(event.key()), 0)
        if step:
            self.stepped.emit(step)
            return
        super().keyPressEvent(event)

    def _about(self, line: FileLine) -> list[str]:
        parts = [bytes_text(line.n_bytes) if line.n_bytes else self.tr("size unknown")]
        if line.n_parts > 1:
            parts.append(self.tr("in {n} files").format(n=line.n_parts))
        if line.quality:
            parts.append(line.quality)
        if not line.quant and line.name:
            parts.append(one_line(line.name, 80))
        return parts

    def _clicked(self) -> None:
        self.setChecked(True)
        self.pressed_at.emit(self.place)

    def _draw(self) -> None:
        tokens = theme.current().tokens
        icon = "circle-dot" if self.isChecked() else "circle"
        colour = tokens.accent if self.isChecked() else tokens.border_strong
        ratio = self.devicePixelRatioF()
        self._mark.setPixmap(icons.pixmap(icon, colour, theme.ICON_PX, ratio))
