"""What one chat does differently: instructions, variety, longest answer. GUI thread.

Floats over the page; what is switched off is as in the settings. Stores nothing:
it says what was chosen.
"""

from __future__ import annotations

from PySide6.QtCore import QSize, Qt, QTimer, Signal
from PySide6.QtGui import QKeyEvent
from PySide6.QtWidgets import (
    QDoubleSpinBox,
    QFrame,
    QHBoxLayout,
    QPlainTextEdit,
    QSpinBox,
    QVBoxLayout,
    QWidget,
)

from app.conversations.records import ConversationOptions
from app.gui import theme
from app.gui.widgets.buttons import IconButton
from app.gui.widgets.plain import PlainLabel
from app.gui.widgets.switch import Switch
from app.settings import schema
from app.settings.file import SettingsFile

WIDTH_PX = 340
_STORE_AFTER_MS = 500


class OptionsPanel(QFrame):
    """`chosen` carries the options whenever they have changed."""

    chosen = Signal(object)
    closed = Signal()

    def __init__(self, settings: SettingsFile, parent: QWidget) -> None:
        super().__init__(parent)
        self.setProperty("kind", "toast")
        self.setAccessibleName(self.tr("Options of this chat"))
        self._settings = settings
        self._model: str | None = None
        self._is_filling = False
        self._column = QVBoxLayout(self)
        self._has_prompt = Switch(self.tr("Instructions (system prompt)"))
        self._prompt = QPlainTextEdit()
        self._has_temperature = Switch(self.tr("Variety (temperature)"))
        self._temperature = QDoubleSpinBox()
        self._has_length = Switch(self.tr("Longest answer, in tokens"))
        self._length = QSpinBox()
        self._store = QTimer(self)
        self._store.setSingleShot(True)
        self._store.setInterval(_STORE_AFTER_MS)
        self._store.timeout.connect(self._tell)
        self._arrange()
        self.hide()

    def fill(self, options: ConversationOptions) -> None:
        """Show a chat's options, and the settings where it has none of its own."""
        self._is_filling = True
        settings = self._settings
        self._model = options.model
        self._has_prompt.setChecked(options.system_prompt is not None)
        prompt = options.system_prompt
        text = settings.get(schema.SYSTEM_PROMPT) if prompt is None else prompt
        if self._prompt.toPlainText() != text:
            self._prompt.setPlainText(text)
        self._has_temperature.setChecked(options.temperature is not None)
        temperature = options.temperature
        self._temperature.setValue(
            settings.get(schema.TEMPERATURE) if temperature is None else temperature
        )
        self._has_length.setChecked(options.max_tokens is not None)
        length = options.max_tokens
        self._length.setValue(settings.get(schema.MAX_TOKENS) if length is None else length)
        self._is_filling = False
        self._enable()

    def show_at(self, right: int, top: int) -> None:
        """Open with its upper right corner there, ready for the keyboard."""
        self.setFixedWidth(min(WIDTH_PX, max(240, right - theme.SPACE_8)))
        self.adjustSize()
        self.move(right - self.width(), top)
        self.show()
        self.raise_()
        self._has_prompt.setFocus(Qt.FocusReason.OtherFocusReason)

    def dismiss(self) -> None:
        """Close; what was changed is told first."""
        if self._store.isActive():
            self._store.stop()
            self._tell()
        if self.isVisible():
            self.hide()
            self.closed.emit()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() == Qt.Key.Key_Escape:
            self.dismiss()
            return
        super().keyPressEvent(event)

    def sizeHint(self) -> QSize:
        return QSize(WIDTH_PX, super().sizeHint().height())

    @property
    def options(self) -> ConversationOptions:
        """What is chosen now."""
        return ConversationOptions(
            model=self._model,
            system_prompt=self._prompt.toPlainText() if self._has_prompt.isChecked() else None,
            temperature=round(self._temperature.value(), 2)
            if self._has_temperature.isChecked()
            else None,
            max_tokens=self._length.value() if self._has_length.isChecked() else None,
        )

    def _changed(self) -> None:
        self._enable()
        if not self._is_filling:
            self._store.start()

    def _tell(self) -> None:
        self.chosen.emit(self.options)

    def _enable(self) -> None:
        for box, field in (
            (self._has_prompt, self._prompt),
            (self._has_temperature, self._temperature),
            (self._has_length, self._length),
        ):
            field.setEnabled(box.isChecked())

    def _arrange(self) -> None:
        self._prompt.setAccessibleName(self.tr("Instructions for this chat"))
        self._prompt.setTabChangesFocus(True)
        self._prompt.setFixedHeight(112)
        self._temperature.setAccessibleName(self.tr("Variety"))
        self._temperature.setRange(
            schema.TEMPERATURE.minimum or 0.0, schema.TEMPERATURE.maximum or 2.0
        )
        self._temperature.setSingleStep(0.05)
        self._length.setAccessibleName(self.tr("Longest answer"))
        self._length.setRange(0, int(schema.MAX_TOKENS.maximum or 1 << 20))
        self._length.setSingleStep(64)
        self._length.setSpecialValueText(self.tr("no limit"))
        close = IconButton("x", self.tr("Close"))
        close.clicked.connect(self.dismiss)
        head = QHBoxLayout()
        head.addWidget(PlainLabel(self.tr("This chat"), "heading"), 1)
        head.addWidget(close)
        column = self._column
        column.setContentsMargins(theme.SPACE_16, theme.SPACE_12, theme.SPACE_12, theme.SPACE_16)
        column.setSpacing(theme.SPACE_8)
        column.addLayout(head)
        column.addWidget(
            PlainLabel(self.tr("What is switched off is as in the settings."), "secondary")
        )
        for box, field in (
            (self._has_prompt, self._prompt),
            (self._has_temperature, self._temperature),
            (self._has_length, self._length),
        ):
            row = QHBoxLayout()
            row.addWidget(PlainLabel(box.accessibleName()), 1)
            row.addWidget(box)
            column.addSpacing(theme.SPACE_4)
            column.addLayout(row)
            column.addWidget(field)
            box.toggled.connect(self._changed)
        self._prompt.textChanged.connect(self._changed)
        self._temperature.valueChanged.connect(self._changed)
        self._length.valueChanged.connect(self._changed)
