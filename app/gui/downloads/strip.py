"""The quiet line at the foot of the sidebar that says what is being downloaded. GUI thread.

Pressed, it asks for the list. Not there while there is nothing to say.
"""

from __future__ import annotations

from PySide6.QtCore import QRectF, QSize, Qt
from PySide6.QtGui import QKeyEvent, QPainter, QPaintEvent
from PySide6.QtWidgets import QHBoxLayout, QPushButton, QSizePolicy, QVBoxLayout, QWidget

from app.gui import icons, keys, theme
from app.gui.downloads.bar import HEIGHT_PX, ShareBar, paint_share
from app.gui.downloads.model import DownloadsModel
from app.gui.downloads.words import Summary, summary_of
from app.gui.widgets.buttons import IconButton
from app.gui.widgets.plain import ElidedLabel, PlainLabel, set_tooltip

_MARKS = {
    "moving": ("download", "secondary"),
    "still": ("pause", "secondary"),
    "failed": ("triangle-alert", "warning"),
    "done": ("check", "good"),
}


class DownloadsStrip(QPushButton):
    """As it stands in the sidebar."""

    def __init__(self, model: DownloadsModel, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._model = model
        self._mark = PlainLabel(wrap=False)
        self._marked: tuple[str, str] = ("", "")
        self.title = ElidedLabel("", "body")
        self.detail = ElidedLabel("", "secondary")
        self.bar = ShareBar()
        self.setProperty("kind", "row")
        self.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self.setAutoDefault(False)
        # The name stays: a screen reader would read each change of it.
        self.setAccessibleName(self.tr("Downloads"))
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        set_tooltip(self, keys.native(keys.DOWNLOADS))
        self._arrange()
        self.hide()
        theme.current().changed.connect(self._draw_mark)
        model.refreshed.connect(self._refresh)
        self._refresh()

    def sizeHint(self) -> QSize:
        layout = self.layout()
        height = layout.sizeHint().height() if layout is not None else 0
        return QSize(theme.SIDEBAR_PX - 2 * theme.SPACE_8, height)

    def minimumSizeHint(self) -> QSize:
        return QSize(120, self.sizeHint().height())

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Enter presses it as Space does."""
        if event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
            self.click()
            return
        super().keyPressEvent(event)

    def _arrange(self) -> None:
        words = QVBoxLayout()
        words.setSpacing(0)
        words.addWidget(self.title)
        words.addWidget(self.detail)
        line = QHBoxLayout()
        line.setSpacing(theme.SPACE_8)
        line.addWidget(self._mark, 0, Qt.AlignmentFlag.AlignTop)
        line.addLayout(words, 1)
        column = QVBoxLayout(self)
        column.setContentsMargins(theme.SPACE_8, theme.SPACE_8, theme.SPACE_8, theme.SPACE_8)
        column.setSpacing(theme.SPACE_8)
        column.addLayout(line)
        column.addWidget(self.bar)
        for label in (self._mark, self.title, self.detail):
            label.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)

    def _refresh(self) -> None:
        summary = summary_of(self._model.states())
        self.setVisible(summary is not None)
        if summary is None:
            return
        self.title.set_whole(summary.title)
        self.detail.set_whole(summary.detail)
        self.bar.setVisible(summary.mark in ("moving", "still"))
        self.bar.show_share(summary.share, moves=summary.mark == "moving")
        self.setAccessibleDescription(f"{summary.title}, {summary.detail}")
        if _MARKS[summary.mark] != self._marked:
            self._marked = _MARKS[summary.mark]
            self._draw_mark()

    def _draw_mark(self) -> None:
        name, token = self._marked
        if name:
            colour = str(getattr(theme.current().tokens, token))
            ratio = self.devicePixelRatioF()
            self._mark.setPixmap(icons.pixmap(name, colour, theme.ICON_PX, ratio))


class DownloadsButton(IconButton):
    """The same on the rail that replaces the sidebar: an icon over a bar."""

    def __init__(self, model: DownloadsModel, parent: QWidget | None = None) -> None:
        super().__init__("download", "", parent=parent)
        self.setAccessibleName(self.tr("Downloads"))
        self._model = model
        self._summary: Summary | None = None
        self.hide()
        model.refreshed.connect(self._refresh)
        self._refresh()

    def paintEvent(self, event: QPaintEvent) -> None:
        super().paintEvent(event)
        summary = self._summary
        if summary is None or summary.mark not in ("moving", "still"):
            return
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(Qt.PenStyle.NoPen)
        box = QRectF(self.rect()).adjusted(theme.SPACE_4, 0, -theme.SPACE_4, -1)
        box.setTop(box.bottom() - HEIGHT_PX + 1)
        paint_share(painter, box, summary.share, moves=summary.mark == "moving")

    def _refresh(self) -> None:
        before, self._summary = self._summary, summary_of(self._model.states())
        self.setVisible(self._summary is not None)
        if self._summary is not None and self._summary != before:
            said = f"{self._summary.title}, {self._summary.detail}"
            icons.bind(self, _MARKS[self._summary.mark][0])
            self.setAccessibleDescription(said)
            set_tooltip(self, f"{said} ({keys.native(keys.DOWNLOADS)})")
            self.update()
