"""The list of downloads, over whatever page is shown, at the foot of the window. GUI thread.

Asks the model for everything; what is to be opened or shown outside goes out by signals.
"""

from __future__ import annotations

from pathlib import Path

from PySide6.QtCore import QCoreApplication, QEvent, QObject, QPoint, QRect, Qt, Signal
from PySide6.QtGui import QKeyEvent, QMouseEvent
from PySide6.QtWidgets import (
    QApplication,
    QFrame,
    QHBoxLayout,
    QScrollArea,
    QVBoxLayout,
    QWidget,
)

from app.gui import theme
from app.gui.downloads.model import DownloadsModel
from app.gui.downloads.row import DownloadRow
from app.gui.downloads.words import is_busy
from app.gui.widgets.buttons import IconButton, TextButton
from app.gui.widgets.focus import give_back
from app.gui.widgets.plain import PlainLabel

WIDTH_PX = 420
_NARROW_PX = 64


class DownloadsPanel(QFrame):
    """`use_asked(path)` and `show_asked(path)` follow the buttons of what is done."""

    use_asked = Signal(str)
    show_asked = Signal(str)

    def __init__(self, model: DownloadsModel, parent: QWidget) -> None:
        super().__init__(parent)
        self._model = model
        self._over = parent
        self._before: QWidget | None = None
        self._anchor: QWidget | None = None
        self.rows: dict[str, DownloadRow] = {}
        self.setProperty("kind", "toast")
        self.setAccessibleName(self.tr("Downloads"))
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.close_button = IconButton("x", self.tr("Close the list"), shortcut_text="Esc")
        self.close_button.clicked.connect(self.close_panel)
        self._list = QWidget()
        self._rows_column = QVBoxLayout(self._list)
        self._scroll = QScrollArea()
        self.empty = PlainLabel(role="muted")
        self.foot = PlainLabel(role="secondary")
        self.clear_button = TextButton(self.tr("Clear the list"), "link")
        self.clear_button.clicked.connect(self._clear)
        self._column = QVBoxLayout(self)
        self._arrange()
        self.hide()
        parent.installEventFilter(self)
        model.changed.connect(self._changed)
        model.refreshed.connect(self._refresh)

    def toggle(self, anchor: QWidget | None = None) -> None:
        """Open it, or put it away."""
        if self.isVisible():
            self.close_panel()
        else:
            self.open(anchor)

    def open(self, anchor: QWidget | None = None) -> None:
        """Show it by what it was opened with, and take the keyboard."""
        self._anchor = anchor
        self._before = self.window().focusWidget()
        for progress in self._model.states():
            self._changed(progress.key)
        self._refresh()
        self._place()
        self.show()
        self.raise_()
        self.setFocus(Qt.FocusReason.PopupFocusReason)
        _application().installEventFilter(self)

    def close_panel(self) -> None:
        """Put it away, and give the keyboard back if it was here."""
        if not self.isVisible():
            return
        _application().removeEventFilter(self)
        focused = self.window().focusWidget()
        was_here = focused is self or (focused is not None and self.isAncestorOf(focused))
        self.hide()
        if was_here:
            give_back(self._before)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() == Qt.Key.Key_Escape:
            self.close_panel()
            return
        super().keyPressEvent(event)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Keeps its place; a press beside it puts it away and still does what it does there."""
        kind = event.type()
        if watched is self._over and kind == QEvent.Type.Resize and self.isVisible():
            self._place()
        elif kind == QEvent.Type.MouseButtonPress and isinstance(event, QMouseEvent):
            self._pressed(watched, event)
        return super().eventFilter(watched, event)

    def _pressed(self, watched: QObject, event: QMouseEvent) -> None:
        if not isinstance(watched, QWidget) or watched.window() is not self.window():
            return
        # By place: a press that nothing here takes goes on to what is behind.
        inside = self.rect().contains(self.mapFromGlobal(event.globalPosition().toPoint()))
        opener = watched.property("opens") == "downloads"
        if not inside and not opener and self.isVisible():
            self.close_panel()

    def _arrange(self) -> None:
        head = QHBoxLayout()
        head.setContentsMargins(0, 0, 0, 0)
        head.addWidget(PlainLabel(self.tr("Downloads"), "heading", wrap=False), 1)
        head.addWidget(self.close_button)
        self._list.setProperty("kind", "column")
        self._rows_column.setContentsMargins(0, 0, theme.SPACE_12, 0)
        self._rows_column.setSpacing(0)
        self._rows_column.addStretch(1)
        self._scroll.setWidgetResizable(True)
        self._scroll.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self._scroll.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self._scroll.setAccessibleName(self.tr("Downloads"))
        self._scroll.setWidget(self._list)
        self.empty.setText(
            self.tr("Nothing is being downloaded. Models to download are on the page of models.")
        )
        self.foot.setText(
            self.tr("Close Hearth whenever you like: it goes on from here next time.")
        )
        last = QHBoxLayout()
        last.addWidget(self.foot, 1)
        last.addWidget(self.clear_button, 0, Qt.AlignmentFlag.AlignRight)
        column = self._column
        column.setContentsMargins(theme.SPACE_16, theme.SPACE_8, theme.SPACE_4, theme.SPACE_12)
        column.setSpacing(theme.SPACE_4)
        column.addLayout(head)
        column.addWidget(self.empty)
        column.addWidget(self._scroll, 1)
        column.addLayout(last)

    def _changed(self, key: str) -> None:
        progress = self._model.at(key)
        row = self.rows.get(key)
        gone = self._model.leaving.at(key)
        if progress is None and gone is None:
            if row is not None:
                del self.rows[key]
                self._rows_column.removeWidget(row)
                row.hide()
                row.deleteLater()
            return
        if row is None:
            row = DownloadRow(key, self._list)
            row.asked.connect(self._asked)
            self._rows_column.insertWidget(len(self.rows), row)
            self.rows[key] = row
        if progress is not None:
            row.show_progress(progress)
        elif gone is not None:
            row.show_cancelled(gone.wanted.name)

    def _refresh(self) -> None:
        states = self._model.states()
        self.empty.setVisible(not self.rows)
        self._scroll.setVisible(bool(self.rows))
        self.foot.setVisible(any(is_busy(each) for each in states))
        self.clear_button.setVisible(any(each.state == "done" for each in states))
        if self.isVisible():
            self._place()

    def _asked(self, what: str, key: str) -> None:
        progress = self._model.at(key)
        path = progress.path if progress is not None else None
        if what == "use" and path is not None:
            self.close_panel()
            self.use_asked.emit(str(path))
        elif what == "show" and path is not None:
            self.show_asked.emit(str(Path(path).parent))
        else:
            act = {
                "pause": self._model.pause,
                "resume": self._model.resume,
                "cancel": self._model.cancel,
                "clear": self._model.clear,
                "undo": self._model.undo,
            }.get(what)
            if act is not None:
                act(key)

    def _clear(self) -> None:
        for progress in self._model.states():
            if progress.state == "done":
                self._model.clear(progress.key)

    def _place(self) -> None:
        """Above what opened it, as high as its rows are, and never higher than the window."""
        room = self._over.rect().adjusted(*(theme.SPACE_8,) * 2, *(-theme.SPACE_8,) * 2)
        left, bottom = room.left(), room.bottom()
        if self._anchor is not None and self._anchor.isVisible():
            at = QRect(self._anchor.mapTo(self._over, QPoint(0, 0)), self._anchor.size())
            if at.width() > _NARROW_PX:
                bottom = at.top() - theme.SPACE_4
            else:
                left = at.right() + theme.SPACE_12
        width = min(WIDTH_PX, room.right() - left)
        margins = self._column.contentsMargins()
        self._list.setFixedWidth(width - margins.left() - margins.right() - 2)
        rows_px = self._rows_column.totalHeightForWidth(self._list.width()) if self.rows else 0
        self._scroll.setFixedHeight(max(0, min(rows_px, (bottom - room.top()) * 3 // 4)))
        self._column.invalidate()
        height = min(self._height_for(width), bottom - room.top())
        self.setGeometry(left, bottom - height, width, height)

    def _height_for(self, width: int) -> int:
        # Without a text that wraps in sight, a layout knows no height for a width: -1.
        if self._column.hasHeightForWidth():
            return self._column.totalHeightForWidth(width)
        return self._column.totalSizeHint().height()


def _application() -> QCoreApplication:
    found = QApplication.instance()
    assert found is not None
    return found
