"""Fonts, colours and measures of the transcript, taken from the theme once per change of look.

GUI thread. Boxes draw with these; knows no message.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import Qt
from PySide6.QtGui import QColor, QFont, QFontMetricsF, QTextCharFormat, QTextOption

from app.gui.palette import SYNTAX
from app.gui.theme import Theme

if TYPE_CHECKING:
    from app.gui.chat.blocks import Run

LINE_HEIGHT = 1.5
_HEADING_EXTRA_PX = {1: 5, 2: 3, 3: 1}


class Ink:
    """What to draw with, at one look of the theme. Sizes in pixels."""

    def __init__(self, theme: Theme) -> None:
        self.colors: dict[str, QColor] = {
            name: theme.color(name)
            for name in (
                *("background", "surface", "hover", "pressed", "selection", "accent_soft", "code"),
                *("border", "border_strong", "text", "secondary", "accent", "danger", "warning"),
                *SYNTAX,
            )
        }
        self.body = theme.font("transcript")
        self.small = theme.font("secondary")
        self.mono = theme.font("mono")
        self.code_inline = QFont(self.mono)
        self.code_inline.setPixelSize(max(1, round(self.body.pixelSize() * 0.9)))
        self.strong = QFont(self.body)
        self.strong.setWeight(QFont.Weight.DemiBold)
        self.line_px = self.body.pixelSize() * LINE_HEIGHT
        self.code_line_px = round(self.mono.pixelSize() * LINE_HEIGHT)
        self.small_line_px = round(self.small.pixelSize() * LINE_HEIGHT)
        self.char_px = QFontMetricsF(self.body).averageCharWidth()
        self.mono_metrics = QFontMetricsF(self.mono)
        self.mono_char_px = self.mono_metrics.horizontalAdvance("0")
        self.small_metrics = QFontMetricsF(self.small)
        self._headings: dict[int, QFont] = {}
        self._formats: dict[tuple[bool, bool, bool, bool, bool, int], QTextCharFormat] = {}
        self._syntax: dict[str, QTextCharFormat] = {}
        self.wrapped = _option(wrap=True)
        self.unwrapped = _option(wrap=False)
        self.unwrapped.setTabStopDistance(4 * self.mono_char_px)
        self.selected = QTextCharFormat()
        self.selected.setBackground(self.colors["selection"])

    def heading(self, level: int) -> QFont:
        """The font of a heading, 1 the largest."""
        if level not in self._headings:
            font = QFont(self.body)
            font.setPixelSize(font.pixelSize() + _HEADING_EXTRA_PX.get(level, 0))
            font.setWeight(QFont.Weight.DemiBold)
            self._headings[level] = font
        return self._headings[level]

    def format(self, run: Run, level: int) -> QTextCharFormat | None:
        """How a run differs from the text around it; None when it does not."""
        key = (run.bold, run.italic, run.strike, run.code, bool(run.link), level)
        if not any(key[:5]):
            return None
        if key not in self._formats:
            self._formats[key] = self._make(run, level)
        return self._formats[key]

    def syntax(self, kind: str) -> QTextCharFormat:
        """The colour of a kind of code."""
        if kind not in self._syntax:
            made = QTextCharFormat()
            made.setForeground(self.colors[f"syntax_{kind}"])
            if kind == "comment":
                made.setFontItalic(True)
            self._syntax[kind] = made
        return self._syntax[kind]

    def _make(self, run: Run, level: int) -> QTextCharFormat:
        made = QTextCharFormat()
        if run.code:
            made.setFont(self.code_inline)
            made.setBackground(self.colors["hover"])
        if run.bold:
            made.setFontWeight(QFont.Weight.Bold if level else QFont.Weight.DemiBold)
        if run.italic:
            made.setFontItalic(True)
        if run.strike:
            made.setFontStrikeOut(True)
        if run.link:
            made.setForeground(self.colors["accent"])
            made.setFontUnderline(True)
        return made


def _option(*, wrap: bool) -> QTextOption:
    option = QTextOption()
    mode = QTextOption.WrapMode
    option.setWrapMode(mode.WrapAtWordBoundaryOrAnywhere if wrap else mode.NoWrap)
    option.setTextDirection(Qt.LayoutDirection.LayoutDirectionAuto)
    return option
