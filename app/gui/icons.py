"""The icon set: one weight, 18 px, coloured for the theme and the screens at hand. GUI thread.

`bind` keeps a button's or an action's icon right when the theme changes. The drawings are
Lucide's, in resources/icons; Hearth's own, hearth.svg, keeps its colours.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Protocol

from PySide6.QtCore import QByteArray, QObject, QRectF, QSize, Qt
from PySide6.QtGui import QAction, QGuiApplication, QIcon, QPainter, QPixmap
from PySide6.QtSvg import QSvgRenderer
from PySide6.QtWidgets import QLineEdit, QToolButton

from app.foundation.paths import resource
from app.gui import theme
from app.gui.theme import ICON_PX

_STROKE = "1.75"
APP_ICON_PX = (16, 24, 32, 48, 64, 128, 256)


class HasIcon(Protocol):
    """A QObject with an icon: a button or an action."""

    def setIcon(self, icon: QIcon, /) -> None: ...


@cache
def _drawing(name: str) -> str:
    text = resource("icons", f"{name}.svg").read_text(encoding="utf-8")
    return text.replace('stroke-width="2"', f'stroke-width="{_STROKE}"')


@cache
def pixmap(name: str, colour: str, size_px: int = ICON_PX, ratio: float = 1.0) -> QPixmap:
    """One icon in one colour (`#RRGGBB`), `size_px` large on a screen of that pixel ratio."""
    drawing = _drawing(name).replace("currentColor", colour)
    image = QPixmap(QSize(round(size_px * ratio), round(size_px * ratio)))
    image.fill(Qt.GlobalColor.transparent)
    painter = QPainter(image)
    QSvgRenderer(QByteArray(drawing.encode())).render(painter, QRectF(image.rect()))
    painter.end()
    image.setDevicePixelRatio(ratio)
    return image


def _ratios() -> list[float]:
    return sorted({1.0, *(screen.devicePixelRatio() for screen in QGuiApplication.screens())})


def icon(name: str, token: str = "secondary", size_px: int = ICON_PX) -> QIcon:
    """An icon in a palette token's colour, stronger under the pointer, for the theme of now."""
    tokens = theme.current().tokens
    plain = str(getattr(tokens, token))
    strong = tokens.text if token == "secondary" else plain
    modes = (
        (QIcon.Mode.Normal, QIcon.State.Off, plain),
        (QIcon.Mode.Active, QIcon.State.Off, strong),
        (QIcon.Mode.Selected, QIcon.State.Off, strong),
        (QIcon.Mode.Disabled, QIcon.State.Off, tokens.border_strong),
        (QIcon.Mode.Normal, QIcon.State.On, strong),
    )
    result = QIcon()
    for ratio in _ratios():
        for mode, state, colour in modes:
            result.addPixmap(pixmap(name, colour, size_px, ratio), mode, state)
    return result


class _Binding(QObject):
    """Lives as long as its parent, and follows the theme for it."""

    def __init__(self, target: QObject, show: Callable[[QIcon], None], size_px: int) -> None:
        super().__init__(target)
        self._show = show
        self._size_px = size_px
        self._name = self._token = ""
        theme.current().changed.connect(self._refresh)

    def set(self, name: str, token: str) -> None:
        if (name, token) != (self._name, self._token):
            self._name, self._token = name, token
            self._refresh()

    def _refresh(self) -> None:
        self._show(icon(self._name, self._token, self._size_px))


def bind(target: HasIcon, name: str, token: str = "secondary", size_px: int = ICON_PX) -> None:
    """Give a button or an action its icon, now and after each change of theme.

    Call again to change the icon.
    """
    assert isinstance(target, QObject)
    binding = target.findChild(_Binding, options=Qt.FindChildOption.FindDirectChildrenOnly)
    if binding is None:
        binding = _Binding(target, target.setIcon, size_px)
    binding.set(name, token)


def app_icon() -> QIcon:
    """Hearth's own, drawn at each size from the one drawing, for the window and the task bar."""
    drawing = QSvgRenderer(str(resource("icons", "hearth.svg")))
    result = QIcon()
    for size_px in APP_ICON_PX:
        image = QPixmap(size_px, size_px)
        image.fill(Qt.GlobalColor.transparent)
        painter = QPainter(image)
        drawing.render(painter, QRectF(image.rect()))
        painter.end()
        result.addPixmap(image)
    return result


def lead(field: QLineEdit, name: str) -> None:
    """Put an icon at the start of a line of input; pressed, it leads into the field."""
    action = QAction(field)
    field.addAction(action, QLineEdit.ActionPosition.LeadingPosition)
    action.triggered.connect(field.setFocus)
    bind(action, name)
    _name(field, action, field.accessibleName() or field.placeholderText())


def trail(field: QLineEdit, name: str, text: str) -> QAction:
    """Put an icon that can be clicked at the end of a line of input."""
    action = QAction(text, field)
    field.addAction(action, QLineEdit.ActionPosition.TrailingPosition)
    bind(action, name)
    _name(field, action, text)
    return action


def _name(field: QLineEdit, action: QAction, words: str) -> None:
    """Qt makes a button of an action in a field, and leaves it without a name."""
    for button in field.findChildren(QToolButton):
        if button.defaultAction() is action:
            button.setAccessibleName(words)
