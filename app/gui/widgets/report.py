"""The report of a bug: what to say, what to copy, where it was kept. GUI thread, not modal."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtCore import QUrl
from PySide6.QtGui import QDesktopServices, QGuiApplication
from PySide6.QtWidgets import QDialog, QHBoxLayout, QPlainTextEdit, QVBoxLayout, QWidget

from app.gui import theme
from app.gui.widgets.buttons import TextButton
from app.gui.widgets.plain import PlainLabel

_LIMIT_CHARACTERS = 200_000


class ReportDialog(QDialog):
    """Stands beside the window; a second bug is added to the same report."""

    def __init__(self, crash_log: Path, parent: QWidget) -> None:
        super().__init__(parent)
        self._folder = crash_log.parent
        self.setWindowTitle(self.tr("Something went wrong in Hearth"))
        self.setModal(False)
        self._text = QPlainTextEdit()
        self._text.setReadOnly(True)
        self._text.setTabChangesFocus(True)
        self._text.setAccessibleName(self.tr("Technical details"))
        self._text.setFont(theme.current().font("mono"))
        copy = TextButton(self.tr("Copy the report"), "primary")
        copy.clicked.connect(self._copy)
        folder = TextButton(self.tr("Open the log folder"))
        folder.clicked.connect(self._open_folder)
        close = TextButton(self.tr("Close"))
        close.clicked.connect(self.close)
        buttons = QHBoxLayout()
        buttons.setSpacing(theme.SPACE_8)
        buttons.addWidget(folder)
        buttons.addStretch(1)
        buttons.addWidget(close)
        buttons.addWidget(copy)
        column = QVBoxLayout(self)
        column.setContentsMargins(*(theme.SPACE_24,) * 4)
        column.setSpacing(theme.SPACE_12)
        column.addWidget(PlainLabel(self.tr("Something went wrong in Hearth"), "heading"))
        column.addWidget(
            PlainLabel(
                self.tr(
                    "This is a mistake in the program, not in what you did. Your conversations "
                    "are kept. The details below were saved in the log folder; nothing is sent "
                    "anywhere. If it happens again, close Hearth and open it anew."
                )
            )
        )
        column.addWidget(self._text, 1)
        column.addLayout(buttons)
        self.resize(600, 400)

    @property
    def text(self) -> str:
        """All that is shown."""
        return self._text.toPlainText()

    def add(self, text: str) -> None:
        """Show one more traceback."""
        if len(self._text.toPlainText()) < _LIMIT_CHARACTERS:
            self._text.appendPlainText(text)

    def _copy(self) -> None:
        QGuiApplication.clipboard().setText(self._text.toPlainText())

    def _open_folder(self) -> None:
        QDesktopServices.openUrl(QUrl.fromLocalFile(str(self._folder)))
