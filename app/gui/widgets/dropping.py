"""Takes one model file dropped anywhere on the window, and says so while it hovers. GUI thread."""

from __future__ import annotations

from PySide6.QtCore import QEvent, QMimeData, QObject, Qt, Signal
from PySide6.QtGui import QDragEnterEvent, QDragMoveEvent, QDropEvent
from PySide6.QtWidgets import QFrame, QVBoxLayout, QWidget

from app.gui import theme
from app.gui.widgets.plain import PlainLabel


def dropped_model(data: QMimeData) -> str | None:
    """The path of a dropped `.gguf` file; None for anything else."""
    for url in data.urls():
        path = url.toLocalFile()
        if path.lower().endswith(".gguf"):
            return path
    return None


class ModelDrop(QObject):
    """Watches a window for drops; `dropped(path)` follows one."""

    dropped = Signal(str)

    def __init__(self, window: QWidget) -> None:
        super().__init__(window)
        self._window = window
        self._hint = QFrame(window)
        self._hint.setProperty("kind", "toast")
        words = PlainLabel(self.tr("Let go to open this model"), "heading", wrap=False)
        column = QVBoxLayout(self._hint)
        column.setContentsMargins(*(theme.SPACE_32,) * 4)
        column.addWidget(words, 0, Qt.AlignmentFlag.AlignCenter)
        self._hint.hide()
        window.setAcceptDrops(True)
        window.installEventFilter(self)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if isinstance(event, QDropEvent):  # also the base of enter and move
            path = dropped_model(event.mimeData())
            if path is None:
                return super().eventFilter(watched, event)
            event.acceptProposedAction()
            if isinstance(event, QDragEnterEvent):
                self._show_hint()
            elif not isinstance(event, QDragMoveEvent):
                self._hint.hide()
                self.dropped.emit(path)
            return True
        if event.type() == QEvent.Type.DragLeave:
            self._hint.hide()
        return super().eventFilter(watched, event)

    def _show_hint(self) -> None:
        self._hint.adjustSize()
        place = self._hint.rect()
        place.moveCenter(self._window.rect().center())
        self._hint.setGeometry(place)
        self._hint.show()
        self._hint.raise_()
