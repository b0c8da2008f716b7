"""Buttons in the few kinds there are. Focus by Tab only, so that a click shows no ring."""

from __future__ import annotations

from typing import Literal

from PySide6.QtCore import QSize, Qt
from PySide6.QtGui import QKeyEvent
from PySide6.QtWidgets import QPushButton, QToolButton, QWidget

from app.gui import icons
from app.gui.theme import ICON_PX
from app.gui.widgets.plain import set_tooltip

ButtonKind = Literal["plain", "primary", "quiet", "link", "row", "suggestion"]


class TextButton(QPushButton):
    """A button with words. `primary` is the one thing to do next; `row` stands in a list."""

    def __init__(
        self,
        text: str,
        kind: ButtonKind = "plain",
        *,
        icon: str = "",
        name: str = "",
        parent: QWidget | None = None,
    ) -> None:
        # Qt sets the text four pixels from the icon; a space makes that look meant.
        super().__init__(f" {text}" if icon else text, parent)
        self.setProperty("kind", kind)
        self.setAccessibleName(name or text)
        self.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self.setAutoDefault(False)
        if icon:
            icons.bind(self, icon, "on_accent" if kind == "primary" else "secondary")
            self.setIconSize(QSize(ICON_PX, ICON_PX))

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Enter presses a button as Space does."""
        if event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
            self.click()
            return
        super().keyPressEvent(event)


class IconButton(QToolButton):
    """A button with an icon alone; `name` is its accessible name and its tooltip."""

    def __init__(
        self,
        icon: str,
        name: str,
        *,
        token: str = "secondary",
        kind: str = "",
        shortcut_text: str = "",
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self._token = token
        if kind:
            self.setProperty("kind", kind)
        self.setIconSize(QSize(ICON_PX, ICON_PX))
        self.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self.setAutoRaise(True)
        self.set_face(icon, name, shortcut_text)

    def set_face(self, icon: str, name: str, shortcut_text: str = "") -> None:
        """Show another icon under another name: Send becomes Stop, Copy becomes Copied."""
        icons.bind(self, icon, self._token)
        self.setAccessibleName(name)
        set_tooltip(self, f"{name} ({shortcut_text})" if shortcut_text else name)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
            self.click()
            return
        super().keyPressEvent(event)
