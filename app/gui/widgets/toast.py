"""The bar at the bottom that says what happened and may offer one action. GUI thread.

One at a time; it goes by itself unless it tells of an error. Knows nothing of its text.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from PySide6.QtCore import QEvent, QObject, QPoint, Qt, QTimer
from PySide6.QtGui import QEnterEvent
from PySide6.QtWidgets import QFrame, QHBoxLayout, QVBoxLayout, QWidget

from app.gui import theme
from app.gui.widgets.buttons import IconButton, TextButton
from app.gui.widgets.plain import PlainLabel

WIDTH_PX = 560
_MOVING = (QEvent.Type.Resize, QEvent.Type.Move, QEvent.Type.Show, QEvent.Type.Hide)
STAYS_MS = 6_000
STAYS_WITH_ACTION_MS = 10_000


@dataclass(frozen=True, slots=True)
class Notice:
    """What a toast or banner says: a title, an explanation, and at most one thing to do.

    `lasting` stays until it is closed.
    """

    title: str
    detail: str = ""
    action: str = ""
    act: Callable[[], None] | None = None
    lasting: bool = False


class Toast(QFrame):
    """Floats over its parent, centred at the bottom. A newer notice takes an older one's place."""

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self._over = parent
        self._clear_of: QWidget | None = None
        self._row = QHBoxLayout(self)
        self.setProperty("kind", "toast")
        self.setAccessibleName(self.tr("Message"))
        self._notice: Notice | None = None
        self.title = PlainLabel(role="strong")
        self._detail = PlainLabel(role="muted", selectable=True)
        self.action = TextButton("", "link")
        self.action.clicked.connect(self._take_action)
        self._close = IconButton("x", self.tr("Close"))
        self._close.clicked.connect(self.dismiss)
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.timeout.connect(self.dismiss)
        self._arrange()
        parent.installEventFilter(self)
        self.hide()

    @property
    def notice(self) -> Notice | None:
        """What is shown now."""
        return self._notice

    @property
    def remaining_ms(self) -> int:
        """How long the notice still stays; -1 while nothing counts down."""
        return self._timer.remainingTime() if self._timer.isActive() else -1

    def keep_clear(self, widget: QWidget) -> None:
        """Never lie on this widget, which stands at the bottom, while it is visible."""
        self._clear_of = widget
        widget.installEventFilter(self)

    def show_notice(self, notice: Notice) -> None:
        """Show a notice now; the old one goes."""
        self._notice = notice
        self.title.setText(notice.title)
        self._detail.setText(notice.detail)
        self._detail.setVisible(bool(notice.detail))
        self.action.setText(notice.action)
        self.action.setAccessibleName(notice.action)
        self.action.setVisible(bool(notice.action))
        self._place()
        self.show()
        self.raise_()
        self._count_down()
        announce(self, " ".join(part for part in (notice.title, notice.detail) if part))

    def dismiss(self) -> None:
        """Put it away without taking its action."""
        self._timer.stop()
        self._notice = None
        self.hide()

    def enterEvent(self, event: QEnterEvent) -> None:
        """Nobody is hurried while the pointer rests on it."""
        self._timer.stop()
        super().enterEvent(event)

    def leaveEvent(self, event: QEvent) -> None:
        self._count_down()
        super().leaveEvent(event)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if event.type() in _MOVING and self.isVisible():
            self._place()
        return super().eventFilter(watched, event)

    def _arrange(self) -> None:
        words = QVBoxLayout()
        words.setSpacing(theme.SPACE_4)
        words.addWidget(self.title)
        words.addWidget(self._detail)
        row = self._row
        row.setContentsMargins(theme.SPACE_16, theme.SPACE_8, theme.SPACE_8, theme.SPACE_8)
        row.setSpacing(theme.SPACE_8)
        row.addLayout(words, 1)
        row.addWidget(self.action, 0, Qt.AlignmentFlag.AlignVCenter)
        row.addWidget(self._close, 0, Qt.AlignmentFlag.AlignVCenter)

    def _count_down(self) -> None:
        if self._notice is None or self._notice.lasting:
            self._timer.stop()
            return
        self._timer.start(STAYS_WITH_ACTION_MS if self._notice.action else STAYS_MS)

    def _take_action(self) -> None:
        act = self._notice.act if self._notice else None
        self.dismiss()
        if act is not None:
            act()

    def _place(self) -> None:
        width = min(WIDTH_PX, self._over.width() - 2 * theme.SPACE_16)
        self.setFixedWidth(width)
        self._row.invalidate()
        self.resize(width, self._row.totalHeightForWidth(width))
        floor = self._over.height()
        if self._clear_of is not None and self._clear_of.isVisible():
            floor = self._clear_of.mapTo(self._over, QPoint(0, 0)).y()
        left = (self._over.width() - width) // 2
        self.move(left, max(0, floor - self.height() - theme.SPACE_12))


def announce(widget: QWidget, text: str) -> None:
    """Tell a screen reader something that appeared without taking the focus."""
    # Its many enumerations take time to make, and nothing is announced before the first paint.
    from PySide6.QtGui import QAccessible, QAccessibleAnnouncementEvent

    if QAccessible.isActive():
        QAccessible.updateAccessibility(QAccessibleAnnouncementEvent(widget, text))
