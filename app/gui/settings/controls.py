"""One control for each kind of option, made from its declaration. GUI thread.

A control says `chosen(value)` and shows what it is told; it knows no file.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable
from functools import partial
from typing import Any

from PySide6.QtCore import QCoreApplication, QEvent, QObject, QPoint, Qt, QTimer, Signal
from PySide6.QtGui import QAction, QFocusEvent, QHideEvent, QWheelEvent
from PySide6.QtWidgets import (
    QButtonGroup,
    QDoubleSpinBox,
    QHBoxLayout,
    QLineEdit,
    QMenu,
    QPlainTextEdit,
    QPushButton,
    QSpinBox,
    QVBoxLayout,
    QWidget,
)

from app.foundation.units import bytes_text
from app.gui import theme
from app.gui.widgets.buttons import IconButton, TextButton
from app.gui.widgets.switch import Switch
from app.settings.option import Option

TYPING_PAUSE_MS = 600
_NUMBER_PX = 168
_TEXT_PX = 96
_SIDE_BY_SIDE_CHARS = 24
_MEGA = 1_000_000
_BYTES_PER_S = "bytes/s"


def words(text: str) -> str:
    """The text of a declaration in the person's language."""
    return QCoreApplication.translate("settings", text)


class OptionControl(QWidget):
    """What a person changes an option with."""

    chosen = Signal(object)
    is_wide = False

    @abstractmethod
    def show_value(self, value: Any) -> None:
        """Show a value without announcing it."""


class SwitchControl(OptionControl):
    """On or off."""

    def __init__(self, option: Option[Any], parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.switch = Switch(words(option.label))
        self.switch.clicked.connect(self._moved)
        _alone(self, self.switch)

    def show_value(self, value: Any) -> None:
        self.switch.setChecked(value)

    def _moved(self, on: bool) -> None:
        self.chosen.emit(on)


class ChoiceControl(OptionControl):
    """A few values side by side; the arrow keys move between them."""

    def __init__(self, option: Option[Any], parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._buttons: dict[str, QPushButton] = {}
        group = QButtonGroup(self)
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(theme.SPACE_4)
        for choice in option.choices:
            button = QPushButton(words(choice.label))
            button.setProperty("kind", "segment")
            button.setCheckable(True)
            button.setAutoDefault(False)
            button.setFocusPolicy(Qt.FocusPolicy.TabFocus)
            button.setAccessibleName(f"{words(option.label)}: {words(choice.label)}")
            button.clicked.connect(partial(self._clicked, choice.value))
            group.addButton(button)
            row.addWidget(button)
            self._buttons[choice.value] = button

    def show_value(self, value: Any) -> None:
        self._buttons[value].setChecked(True)

    def _clicked(self, value: str) -> None:
        self.chosen.emit(value)


class ManyChoicesControl(OptionControl):
    """More values than stand side by side: the one in use, and a menu of all."""

    def __init__(self, option: Option[Any], parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._label = words(option.label)
        self.menu = QMenu(self)
        self.button = TextButton("", icon="chevron-down")
        self.menu.setLayoutDirection(self.button.layoutDirection())
        self.button.setLayoutDirection(Qt.LayoutDirection.RightToLeft)  # the arrow after the words
        self.button.clicked.connect(self._open)
        self._actions: dict[str, QAction] = {}
        for choice in option.choices:
            action = QAction(words(choice.label), self.menu)
            action.setCheckable(True)
            action.triggered.connect(partial(self._clicked, choice.value))
            self.menu.addAction(action)
            self._actions[choice.value] = action
        _alone(self, self.button)

    def show_value(self, value: Any) -> None:
        for each, action in self._actions.items():
            action.setChecked(each == value)
        text = self._actions[value].text()
        self.button.setText(f" {text}")
        self.button.setAccessibleName(f"{self._label}: {text}")

    def _open(self) -> None:
        self.menu.popup(self.button.mapToGlobal(QPoint(0, self.button.height() + 2)))

    def _clicked(self, value: str) -> None:
        self.show_value(value)
        self.chosen.emit(value)


class NumberControl(OptionControl):
    """A number with a smaller and a larger step beside it."""

    def __init__(self, option: Option[Any], parent: QWidget | None = None) -> None:
        super().__init__(parent)
        label = words(option.label)
        self.field: QSpinBox | QDoubleSpinBox
        self._scale = _MEGA if option.unit == _BYTES_PER_S else 1
        if option.unit == _BYTES_PER_S:
            self.field = _megabytes(option)
        elif option.kind == "integer":
            self.field = _whole_number(option)
        else:
            self.field = _real_number(option)
        self.field.setAccessibleName(label)
        self.field.setKeyboardTracking(False)
        self.field.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.field.setAlignment(Qt.AlignmentFlag.AlignHCenter)
        self.field.setFixedWidth(_NUMBER_PX)
        self.field.setGroupSeparatorShown(True)
        self.field.valueChanged.connect(self._stepped)
        self.field.installEventFilter(self)
        self.less = IconButton("minus", self.tr("Less: {label}").format(label=label))
        self.less.clicked.connect(self.field.stepDown)
        self.more = IconButton("plus", self.tr("More: {label}").format(label=label))
        self.more.clicked.connect(self.field.stepUp)
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(theme.SPACE_4)
        for part in (self.less, self.field, self.more):
            row.addWidget(part)

    def show_value(self, value: Any) -> None:
        blocked = self.field.blockSignals(True)
        self.field.setValue(value if self._scale == 1 else value / self._scale)
        self.field.blockSignals(blocked)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """The wheel scrolls the page over a number that is not being edited."""
        if isinstance(event, QWheelEvent) and not self.field.hasFocus():
            event.ignore()
            return True
        return super().eventFilter(watched, event)

    def _stepped(self, value: float) -> None:
        self.chosen.emit(value if self._scale == 1 else round(value * self._scale))


class TextControl(OptionControl):
    """Text of several lines, used a moment after the typing stops; of one line, after Enter or
    when the field is left: half an address is none."""

    is_wide = True

    def __init__(self, option: Option[Any], parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.field: QPlainTextEdit | QLineEdit
        if option.multiline:
            self.field = QPlainTextEdit()
            self.field.setTabChangesFocus(True)
            self.field.setFixedHeight(_TEXT_PX)
        else:
            self.field = QLineEdit()
            self.field.returnPressed.connect(self._announce)
        self._is_line = not option.multiline
        self.field.setAccessibleName(words(option.label))
        self.field.textChanged.connect(self._typed)
        self.field.installEventFilter(self)
        self._has_news = False
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.setInterval(TYPING_PAUSE_MS)
        self._timer.timeout.connect(self._announce)
        _alone(self, self.field)

    @property
    def text(self) -> str:
        if isinstance(self.field, QPlainTextEdit):
            return self.field.toPlainText()
        return self.field.text()

    def show_value(self, value: Any) -> None:
        if value == self.text:
            return
        blocked = self.field.blockSignals(True)
        if isinstance(self.field, QPlainTextEdit):
            self.field.setPlainText(value)
        else:
            self.field.setText(value)
        self.field.blockSignals(blocked)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if isinstance(event, QFocusEvent) and event.lostFocus():
            self._announce()
        return super().eventFilter(watched, event)

    def hideEvent(self, event: QHideEvent) -> None:
        """What was typed is used, also when the window closes at once."""
        self._announce()
        super().hideEvent(event)

    def _typed(self) -> None:
        self._has_news = True
        if isinstance(self.field, QPlainTextEdit):
            self._timer.start()

    def _announce(self) -> None:
        self._timer.stop()
        if self._has_news:
            self._has_news = False
            self.chosen.emit(self.text.strip() if self._is_line else self.text)


def control_for(option: Option[Any]) -> OptionControl:
    """The control that an option of this kind is changed with."""
    if sum(len(choice.label) for choice in option.choices) > _SIDE_BY_SIDE_CHARS:
        return ManyChoicesControl(option)
    makers: dict[str, Callable[[Option[Any]], OptionControl]] = {
        "switch": SwitchControl,
        "choice": ChoiceControl,
        "integer": NumberControl,
        "real": NumberControl,
        "text": TextControl,
    }
    return makers[option.kind](option)


def value_in_words(option: Option[Any], value: Any) -> str:
    """A value as the page would show it: `automatic`, `30 days`."""
    if option.special is not None and value == option.default:
        return words(option.special)
    if option.unit == _BYTES_PER_S:
        return f"{bytes_text(value)}/s"
    return f"{value}{_unit(option)}"


def _alone(parent: QWidget, child: QWidget) -> None:
    column = QVBoxLayout(parent)
    column.setContentsMargins(0, 0, 0, 0)
    column.addWidget(child)


def _whole_number(option: Option[Any]) -> QSpinBox:
    field = QSpinBox()
    field.setRange(int(option.minimum or 0), int(option.maximum or 0))
    field.setSingleStep(int(option.step or 1))
    _dress(field, option)
    return field


def _real_number(option: Option[Any]) -> QDoubleSpinBox:
    field = QDoubleSpinBox()
    field.setRange(option.minimum or 0.0, option.maximum or 0.0)
    field.setSingleStep(option.step or 0.1)
    field.setDecimals(2)
    _dress(field, option)
    return field


def _megabytes(option: Option[Any]) -> QDoubleSpinBox:
    """Bytes a second as people say them; too many for a field of whole numbers."""
    field = QDoubleSpinBox()
    field.setRange((option.minimum or 0) / _MEGA, (option.maximum or 0) / _MEGA)
    field.setSingleStep(0.5)
    field.setDecimals(1)
    _dress(field, option)
    field.setSuffix(" MB/s")
    return field


def _dress(field: QSpinBox | QDoubleSpinBox, option: Option[Any]) -> None:
    field.setSuffix(_unit(option))
    if option.special is not None and option.default == option.minimum:
        field.setSpecialValueText(words(option.special))


def _unit(option: Option[Any]) -> str:
    """The unit as it follows a number: ` days`, `%`."""
    unit = words(option.unit) if option.unit else ""
    return unit if unit in ("", "%") else f" {unit}"
