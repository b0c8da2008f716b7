"""Fonts, spacing and the one stylesheet, made from the palette's tokens. GUI thread.

Follows the system's light or dark at once. Knows no page; widgets say what they are through
the dynamic properties `kind` (controls, frames) and `role` (labels).
"""

from __future__ import annotations

from typing import Literal, cast

from PySide6.QtCore import QObject, Qt, Signal
from PySide6.QtGui import QColor, QFont, QFontDatabase, QGuiApplication, QPalette, QStyleHints
from PySide6.QtWidgets import QApplication

from app.gui.motion import motion_allowed
from app.gui.palette import DARK, LIGHT, Tokens
from app.gui.stylesheet import stylesheet

SPACE_4, SPACE_8, SPACE_12, SPACE_16, SPACE_24, SPACE_32 = 4, 8, 12, 16, 24, 32
RADIUS_CARD = 10
RADIUS_BUTTON = 6
ICON_PX = 18
SIDEBAR_PX = 260
COLUMN_PX = 760

Mode = Literal["system", "light", "dark"]
FontRole = Literal["body", "strong", "transcript", "secondary", "heading", "title", "mono"]

FONT_PX: dict[FontRole, int] = {
    "body": 14,
    "strong": 14,
    "transcript": 15,
    "secondary": 12,
    "heading": 16,
    "title": 20,
    "mono": 13,
}
_STRONG_ROLES = ("strong", "heading", "title")
_NAME = "hearthTheme"


def hex_of(colour: QColor) -> str:
    """`#rrggbb` of a colour, for the places where Qt wants text."""
    return colour.name(QColor.NameFormat.HexRgb)


class Theme(QObject):
    """What the window looks like now. `changed` follows any change of colours or text size."""

    changed = Signal()

    def __init__(self, app: QApplication, hints: QStyleHints | None = None) -> None:
        super().__init__(app)
        self.setObjectName(_NAME)
        self._app = app
        self._mode: Mode = "system"
        self._text_percent = 100
        self._family = app.font().family()
        self._mono_family = QFontDatabase.systemFont(QFontDatabase.SystemFont.FixedFont).family()
        app.setStyle("Fusion")
        self._hints = hints or QGuiApplication.styleHints()
        self._hints.colorSchemeChanged.connect(self._apply)
        self._apply()

    @property
    def mode(self) -> Mode:
        return self._mode

    @property
    def dark(self) -> bool:
        if self._mode == "system":
            return self._hints.colorScheme() == Qt.ColorScheme.Dark
        return self._mode == "dark"

    @property
    def tokens(self) -> Tokens:
        return DARK if self.dark else LIGHT

    @property
    def text_percent(self) -> int:
        return self._text_percent

    @property
    def animations(self) -> bool:
        """False when the system asks for less motion; then everything is set at once."""
        return motion_allowed()

    def set_look(self, mode: Mode, text_percent: int) -> None:
        """Use another mode (system, light, dark) and text size (in percent), at once."""
        if (mode, text_percent) == (self._mode, self._text_percent):
            return
        self._mode, self._text_percent = mode, text_percent
        scheme = {"light": Qt.ColorScheme.Light, "dark": Qt.ColorScheme.Dark}.get(mode)
        # The window frame that the system draws follows this too.
        if scheme is None:
            self._hints.unsetColorScheme()
        else:
            self._hints.setColorScheme(scheme)
        self._apply()

    def color(self, token: str) -> QColor:
        """The colour of a token, by its name in `palette.Tokens`."""
        return QColor(cast(str, getattr(self.tokens, token)))

    def px(self, role: FontRole) -> int:
        """The text height of a role in pixels, at the text size chosen."""
        return round(FONT_PX[role] * self._text_percent / 100)

    def font(self, role: FontRole = "body") -> QFont:
        """The font of a role."""
        font = QFont(self._mono_family if role == "mono" else self._family)
        font.setPixelSize(self.px(role))
        if role == "mono":
            font.setStyleHint(QFont.StyleHint.Monospace)
        if role in _STRONG_ROLES:
            font.setWeight(QFont.Weight.DemiBold)
        return font

    def _apply(self) -> None:
        tokens = self.tokens
        self._app.setFont(self.font("body"))
        self._app.setPalette(qt_palette(tokens))
        sizes = {str(role): self.px(role) for role in FONT_PX}
        self._app.setStyleSheet(stylesheet(tokens, sizes, self._mono_family))
        self.changed.emit()


def current() -> Theme:
    """The theme of the running application; made on first use, like its palette and font."""
    app = QApplication.instance()
    if not isinstance(app, QApplication):
        raise RuntimeError("The theme belongs to a QApplication; create that first.")
    theme = app.findChild(Theme, _NAME, Qt.FindChildOption.FindDirectChildrenOnly)
    return theme if theme is not None else Theme(app)


def qt_palette(tokens: Tokens) -> QPalette:
    """The tokens as Qt's own palette, for whatever the stylesheet does not reach."""
    role = QPalette.ColorRole
    colours = {
        role.Window: tokens.background,
        role.WindowText: tokens.text,
        role.Base: tokens.surface,
        role.AlternateBase: tokens.sidebar,
        role.Text: tokens.text,
        role.Button: tokens.surface,
        role.ButtonText: tokens.text,
        role.BrightText: tokens.danger,
        role.ToolTipBase: tokens.surface,
        role.ToolTipText: tokens.text,
        role.PlaceholderText: tokens.secondary,
        role.Highlight: tokens.selection,
        role.HighlightedText: tokens.text,
        role.Link: tokens.accent,
        role.LinkVisited: tokens.accent,
        role.Accent: tokens.accent,
        role.Light: tokens.surface,
        role.Midlight: tokens.hover,
        role.Mid: tokens.border,
        role.Dark: tokens.border_strong,
        role.Shadow: tokens.border,
    }
    palette = QPalette()
    for each, colour in colours.items():
        palette.setColor(each, QColor(colour))
    for each in (role.WindowText, role.Text, role.ButtonText):
        palette.setColor(QPalette.ColorGroup.Disabled, each, QColor(tokens.secondary))
    return palette
