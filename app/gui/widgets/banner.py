"""A sentence above the page that stays until it is closed, with at most one action."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QFrame, QHBoxLayout, QVBoxLayout, QWidget

from app.gui import icons, theme
from app.gui.widgets.buttons import IconButton, TextButton
from app.gui.widgets.plain import PlainLabel
from app.gui.widgets.toast import Notice


class Banner(QFrame):
    """One notice in place. Closing it removes it."""

    def __init__(self, notice: Notice, icon: str = "info", parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._notice = notice
        self.setProperty("kind", "banner")
        self.setAccessibleName(notice.title)
        self.setAccessibleDescription(notice.detail)
        mark = PlainLabel(wrap=False)
        self._mark = mark
        self._icon = icon
        words = QVBoxLayout()
        words.setSpacing(theme.SPACE_4)
        words.addWidget(PlainLabel(notice.title, "strong"))
        if notice.detail:
            words.addWidget(PlainLabel(notice.detail, selectable=True))
        row = QHBoxLayout(self)
        row.setContentsMargins(theme.SPACE_16, theme.SPACE_12, theme.SPACE_8, theme.SPACE_12)
        row.setSpacing(theme.SPACE_12)
        row.addWidget(mark, 0, Qt.AlignmentFlag.AlignTop)
        row.addLayout(words, 1)
        if notice.action:
            button = TextButton(notice.action)
            button.clicked.connect(self.take_action)
            row.addWidget(button, 0, Qt.AlignmentFlag.AlignVCenter)
        close = IconButton("x", self.tr("Close this message"))
        close.clicked.connect(self._close)
        row.addWidget(close, 0, Qt.AlignmentFlag.AlignTop)
        theme.current().changed.connect(self._recolour)
        self._recolour()

    def _recolour(self) -> None:
        tokens = theme.current().tokens
        ratio = self.devicePixelRatioF()
        self._mark.setPixmap(icons.pixmap(self._icon, tokens.accent, theme.ICON_PX, ratio))

    def take_action(self) -> None:
        """Do what the notice offers, and go."""
        self._close()
        if self._notice.act is not None:
            self._notice.act()

    def _close(self) -> None:
        self.hide()
        self.deleteLater()


class BannerColumn(QWidget):
    """The banners, one under the other; takes no room when there are none."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._column = QVBoxLayout(self)
        self._column.setContentsMargins(0, 0, 0, 0)
        self._column.setSpacing(0)

    def add(self, notice: Notice, icon: str = "info") -> Banner:
        """Show one more notice."""
        banner = Banner(notice, icon)
        frame = QWidget()
        inset = QVBoxLayout(frame)
        inset.setContentsMargins(theme.SPACE_16, theme.SPACE_12, theme.SPACE_16, 0)
        inset.addWidget(banner)
        banner.destroyed.connect(frame.deleteLater)
        self._column.addWidget(frame)
        return banner
