"""The window's frame: the sidebar, the rail that stands for it when folded, and the page.

In a narrow window the sidebar slides over the page instead of beside it. GUI thread; knows no
page and no setting.
"""

from __future__ import annotations

from PySide6.QtCore import QEvent, QObject, QRect, Qt, Signal
from PySide6.QtGui import QMouseEvent, QResizeEvent
from PySide6.QtWidgets import QVBoxLayout, QWidget

from app.gui import theme
from app.gui.widgets.buttons import IconButton

RAIL_PX = 48
NARROW_PX = 860


class Rail(QWidget):
    """A strip of icons where the folded sidebar was."""

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        self.setProperty("kind", "sidebar")
        self._column = QVBoxLayout(self)
        self._column.setContentsMargins(theme.SPACE_8, theme.SPACE_8, theme.SPACE_8, theme.SPACE_8)
        self._column.setSpacing(theme.SPACE_4)
        self._column.addStretch(1)
        self._n_top = 0

    def add_top(self, button: IconButton) -> None:
        self._column.insertWidget(self._n_top, button)
        self._n_top += 1

    def add_bottom(self, button: IconButton) -> None:
        self._column.addWidget(button)


class Shell(QWidget):
    """Places three widgets by the width there is. `sidebar_wished` is what the person chose.

    What it is to `hold` is made as its child: a widget that gets its parent when all is in it
    makes Qt go through the whole of it again.
    """

    sidebar: QWidget
    page: QWidget

    folded_changed = Signal(bool)

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self.rail = Rail(self)
        self._wished = True
        self._drawn_over = False
        self._was_folded: bool | None = None

    def hold(self, sidebar: QWidget, page: QWidget) -> None:
        """Place these two from now on."""
        self.sidebar = sidebar
        self.page = page
        page.installEventFilter(self)

    @property
    def is_narrow(self) -> bool:
        return self.width() < NARROW_PX

    @property
    def is_folded(self) -> bool:
        """Whether the rail is all there is of the sidebar now."""
        return not self._drawn_over if self.is_narrow else not self._wished

    def set_wished(self, wished: bool) -> None:
        """Whether a window that is wide enough shows the sidebar."""
        self._wished = wished
        self._place()

    def toggle(self) -> bool | None:
        """Fold or unfold. The new wish, or None where only the narrow window's drawer moved."""
        if self.is_narrow:
            self._drawn_over = not self._drawn_over
            self._place()
            return None
        self.set_wished(not self._wished)
        return self._wished

    def unfold(self) -> None:
        """Make the sidebar visible, beside the page or over it."""
        if self.is_folded:
            self.toggle()

    def close_drawer(self) -> bool:
        """Put the sidebar back that lies over the page; False if it does not."""
        if not (self.is_narrow and self._drawn_over):
            return False
        self._drawn_over = False
        self._place()
        return True

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        if not self.is_narrow:
            self._drawn_over = False
        self._place()

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """A click beside the drawer closes it."""
        if isinstance(event, QMouseEvent) and event.type() == QEvent.Type.MouseButtonPress:
            self.close_drawer()
        return super().eventFilter(watched, event)

    def _place(self) -> None:
        width, height = self.width(), self.height()
        folded = self.is_folded
        over = self.is_narrow and not folded
        left = RAIL_PX if folded or over else theme.SIDEBAR_PX
        self.rail.setVisible(folded or over)
        self.rail.setGeometry(0, 0, RAIL_PX, height)
        self.sidebar.setVisible(not folded)
        self.sidebar.setGeometry(0, 0, theme.SIDEBAR_PX, height)
        self.page.setGeometry(QRect(left, 0, max(0, width - left), height))
        if over:
            self.sidebar.raise_()
        if folded != self._was_folded:
            self._was_folded = folded
            self.folded_changed.emit(folded)
