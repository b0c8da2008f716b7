"""Where a link leads, shown before anything is opened: the address, Open, Copy. GUI thread.

The only way out of a message's text. Nothing is fetched; the system's browser opens what a
person has seen and chosen.
"""

from __future__ import annotations

from PySide6.QtCore import QPoint, Qt, QUrl, Signal
from PySide6.QtGui import QDesktopServices, QKeyEvent
from PySide6.QtWidgets import QApplication, QFrame, QHBoxLayout, QVBoxLayout, QWidget

from app.gui import theme
from app.gui.safe_text import host_of, is_openable, shown
from app.gui.widgets.buttons import IconButton, TextButton
from app.gui.widgets.plain import PlainLabel
from app.gui.widgets.toast import announce

_WIDTH_PX = 440
_BREAK_EVERY = 24
_BREAK = "\u200b"


class LinkBar(QFrame):
    """Floats in the transcript beside the link that was clicked."""

    closed = Signal()

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self.setProperty("kind", "toast")
        self.setAccessibleName(self.tr("Link"))
        self._over = parent
        self._column = QVBoxLayout(self)
        self._target = ""
        self._host = PlainLabel(role="strong")
        self._whole = PlainLabel(role="secondary")
        self.open_button = TextButton(self.tr("Open in the browser"), "plain", icon="external-link")
        self.copy_button = TextButton(self.tr("Copy the address"), "quiet", icon="copy")
        self._close = IconButton("x", self.tr("Close"))
        self._arrange()
        self.open_button.clicked.connect(self._open_target)
        self.copy_button.clicked.connect(self._copy_target)
        self._close.clicked.connect(self.dismiss)
        self.hide()

    @property
    def shown_host(self) -> str:
        """Whom the bar says the link leads to."""
        return self._host.text().replace(_BREAK, "")

    @property
    def shown_target(self) -> str:
        """The address the bar shows."""
        return self._whole.text().replace(_BREAK, "")

    def ask(self, target: str, point: QPoint) -> None:
        """Show where `target` leads, near a point of the parent; refuses what may not open."""
        if not is_openable(target):
            return
        self._target = target
        is_mail = target.lower().startswith("mailto:")
        self.open_button.setText(
            self.tr("Write a message") if is_mail else self.tr("Open in the browser")
        )
        self._host.setText(_breakable(host_of(target)))
        self._whole.setText(_breakable(target))
        self._place(point)
        self.show()
        self.raise_()
        self.copy_button.setFocus(Qt.FocusReason.OtherFocusReason)
        announce(self, self.tr("Link to %1").replace("%1", target))

    def dismiss(self) -> None:
        """Go without opening anything."""
        if self.isVisible():
            self.hide()
            self.closed.emit()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() == Qt.Key.Key_Escape:
            self.dismiss()
            return
        super().keyPressEvent(event)

    def _open_target(self) -> None:
        target = self._target
        self.dismiss()
        if is_openable(target):
            QDesktopServices.openUrl(QUrl(target, QUrl.ParsingMode.StrictMode))

    def _copy_target(self) -> None:
        QApplication.clipboard().setText(self._target)
        self.dismiss()

    def _arrange(self) -> None:
        words = QVBoxLayout()
        words.setSpacing(2)
        words.addWidget(self._host)
        words.addWidget(self._whole)
        top = QHBoxLayout()
        top.addLayout(words, 1)
        top.addWidget(self._close, 0, Qt.AlignmentFlag.AlignTop)
        buttons = QHBoxLayout()
        buttons.setSpacing(theme.SPACE_8)
        buttons.addWidget(self.open_button)
        buttons.addWidget(self.copy_button)
        buttons.addStretch(1)
        whole = self._column
        whole.setContentsMargins(theme.SPACE_16, theme.SPACE_12, theme.SPACE_8, theme.SPACE_12)
        whole.setSpacing(theme.SPACE_8)
        whole.addLayout(top)
        whole.addLayout(buttons)

    def _place(self, point: QPoint) -> None:
        area = self._over.rect().adjusted(8, 8, -8, -8)
        width = min(_WIDTH_PX, area.width())
        self.setFixedWidth(width)
        self._column.activate()
        height = min(self._column.totalHeightForWidth(width), area.height())
        x = max(area.left(), min(point.x() - width // 3, area.right() - width))
        y = point.y() + 16
        if y + height > area.bottom():
            y = max(area.top(), point.y() - height - 16)
        self.setGeometry(x, y, width, height)


def _breakable(target: str) -> str:
    """An address that a label can wrap: Qt breaks a line only where it may."""
    text = shown(target, in_code=True)
    return _BREAK.join(text[at : at + _BREAK_EVERY] for at in range(0, len(text), _BREAK_EVERY))
