"""Where one writes: a rounded field that grows, one round button that is Send or Stop.

GUI thread. Takes plain text only; a very long paste becomes a card beside the text, so that
the field never has to lay it out. Knows no service: it says what should be sent.
"""

from __future__ import annotations

from PySide6.QtCore import QMimeData, QSize, Qt, Signal
from PySide6.QtGui import QFocusEvent, QInputMethodEvent, QKeyEvent, QTextOption
from PySide6.QtWidgets import QFrame, QHBoxLayout, QPlainTextEdit, QSizePolicy, QVBoxLayout, QWidget

from app.gui import theme
from app.gui.chat.pasted import MAX_TYPED_CHARS, Pasted, PastedRow, is_long, joined, parted
from app.gui.stylesheet import SEND_PX
from app.gui.widgets.buttons import IconButton
from app.gui.widgets.plain import PlainLabel

SHARE_OF_HEIGHT = 0.4
_LEAST_LINES = 1


class Draft(QPlainTextEdit):
    """The field itself."""

    sent = Signal()
    stopped = Signal()
    left_upwards = Signal()
    pasted_long = Signal(str)
    focus_changed = Signal(bool)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._is_composing = False
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setTabChangesFocus(True)
        self.setAccessibleName(self.tr("Message"))
        self.setWordWrapMode(QTextOption.WrapMode.WrapAtWordBoundaryOrAnywhere)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.document().setDocumentMargin(2)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        key = event.key()
        modifiers = event.modifiers() & ~Qt.KeyboardModifier.KeypadModifier
        if key in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
            if self._is_composing:
                event.ignore()
            elif modifiers == Qt.KeyboardModifier.NoModifier:
                self.sent.emit()
            else:
                self.insertPlainText("\n")
                self.ensureCursorVisible()
        elif key == Qt.Key.Key_Escape:
            self.stopped.emit()
        elif key == Qt.Key.Key_Up and modifiers == Qt.KeyboardModifier.AltModifier:
            self.left_upwards.emit()
        else:
            super().keyPressEvent(event)

    def inputMethodEvent(self, event: QInputMethodEvent) -> None:
        """Enter belongs to the input method while it composes."""
        self._is_composing = bool(event.preeditString())
        super().inputMethodEvent(event)

    def focusInEvent(self, event: QFocusEvent) -> None:
        super().focusInEvent(event)
        self.focus_changed.emit(True)

    def focusOutEvent(self, event: QFocusEvent) -> None:
        super().focusOutEvent(event)
        self._is_composing = False
        self.focus_changed.emit(False)

    def canInsertFromMimeData(self, source: QMimeData) -> bool:
        return source.hasText() and not source.hasUrls()

    def insertFromMimeData(self, source: QMimeData) -> None:
        """Plain text only, whatever else the clipboard offers."""
        text = source.text().replace("\r\n", "\n").replace("\r", "\n")
        if is_long(text) or len(text) + self.document().characterCount() > MAX_TYPED_CHARS:
            self.pasted_long.emit(text)
        else:
            self.insertPlainText(text)
            self.ensureCursorVisible()


class Composer(QWidget):
    """`sent` carries the whole text; the field is empty only after `take`."""

    sent = Signal(str)
    stopped = Signal()
    edited = Signal()
    left_upwards = Signal()
    cancelled_edit = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._frame = QFrame()
        self._frame.setProperty("kind", "composer")
        self.draft = Draft()
        self.cards = PastedRow()
        self.hint = PlainLabel(role="secondary")
        self.hint.hide()
        self._editing = QWidget()
        self.button = IconButton(
            "arrow-up", self.tr("Send"), token="on_accent", kind="send", shortcut_text="Enter"
        )
        self._is_stop = False
        self._is_full = False
        self._arrange()
        self.draft.setPlaceholderText(self.tr("Write a message"))
        self.draft.textChanged.connect(self._changed)
        self.cards.changed.connect(self._changed)
        self.draft.pasted_long.connect(self.cards.add)
        self.draft.sent.connect(self._send)
        self.draft.stopped.connect(self._escape)
        self.draft.left_upwards.connect(self.left_upwards)
        self.draft.focus_changed.connect(self._show_focus)
        self.button.clicked.connect(self._press)
        theme.current().changed.connect(self.fit)
        self._changed()

    @property
    def text(self) -> str:
        """What would be sent: the words typed, then what was pasted."""
        return joined(Pasted(self.draft.toPlainText(), self.cards.texts))

    @property
    def content(self) -> Pasted:
        """The draft in its parts, to be put back later."""
        return Pasted(self.draft.toPlainText(), self.cards.texts)

    def put(self, content: Pasted) -> None:
        """Show a draft that was kept."""
        self.cards.set_texts(content.cards)
        self.draft.setPlainText(content.typed)
        self.draft.moveCursor(self.draft.textCursor().MoveOperation.End)

    def put_text(self, text: str) -> None:
        """Show a text of any length."""
        self.put(parted(text))

    def take(self) -> None:
        """Empty the field: what it held has been taken over."""
        self.put(Pasted("", ()))

    def set_editing(self, is_editing: bool) -> None:
        """Say that an earlier message is being changed, with a way out."""
        self._editing.setVisible(is_editing)
        self.fit()

    def set_answering(self, is_answering: bool) -> None:
        """Send becomes Stop while an answer is written."""
        if is_answering == self._is_stop:
            return
        self._is_stop = is_answering
        if is_answering:
            self.button.set_face("square", self.tr("Stop"), self.tr("Esc"))
        else:
            self.button.set_face("arrow-up", self.tr("Send"), "Enter")
        self._enable()

    def set_hint(self, text: str, is_warning: bool) -> None:
        """A line under the field: how much of the context this takes, or that it will not fit."""
        self.hint.setText(text)
        self.hint.set_role("warning" if is_warning else "secondary")
        self.hint.setVisible(bool(text))

    def focus(self) -> None:
        """Ready to type."""
        self.draft.setFocus(Qt.FocusReason.OtherFocusReason)

    def fit(self) -> None:
        """Grow with the text, to 40 % of the page's height."""
        draft = self.draft
        line_px = draft.fontMetrics().lineSpacing()
        lines = max(_LEAST_LINES, round(draft.document().size().height()))
        page = self.parentWidget()
        most = round((page.height() if page is not None else 600) * SHARE_OF_HEIGHT)
        chrome = max(0, draft.height() - draft.maximumViewportSize().height())
        margins = round(2 * draft.document().documentMargin()) + chrome
        height = min(lines * line_px + margins, max(3 * line_px, most - 56))
        is_whole = height >= lines * line_px + margins
        policy = Qt.ScrollBarPolicy
        draft.setVerticalScrollBarPolicy(
            policy.ScrollBarAlwaysOff if is_whole else policy.ScrollBarAsNeeded
        )
        if draft.height() != height:
            draft.setFixedHeight(height)

    def _changed(self) -> None:
        self._enable()
        self.fit()
        self.edited.emit()

    @property
    def has_text(self) -> bool:
        return bool(self.cards.texts) or bool(self.draft.toPlainText().strip())

    def _enable(self) -> None:
        self.button.setEnabled(self._is_stop or self.has_text)

    def _press(self) -> None:
        if self._is_stop:
            self.stopped.emit()
        else:
            self._send()
        self.focus()

    def _send(self) -> None:
        if self.has_text:
            self.sent.emit(self.text)

    def _escape(self) -> None:
        if self._is_stop:
            self.stopped.emit()
        elif self._editing.isVisibleTo(self):
            self.cancelled_edit.emit()

    def _show_focus(self, has_focus: bool) -> None:
        self._frame.setProperty("active", "true" if has_focus else "false")
        self._frame.style().unpolish(self._frame)
        self._frame.style().polish(self._frame)

    def _arrange(self) -> None:
        self.button.setFixedSize(QSize(SEND_PX, SEND_PX))
        cancel = IconButton("x", self.tr("Keep the message as it was"), shortcut_text="Esc")
        cancel.clicked.connect(self.cancelled_edit)
        editing = QHBoxLayout(self._editing)
        editing.setContentsMargins(0, 0, 0, 0)
        editing.addWidget(
            PlainLabel(self.tr("You are changing an earlier message."), "secondary"), 1
        )
        editing.addWidget(cancel)
        self._editing.hide()
        row = QHBoxLayout()
        row.setSpacing(theme.SPACE_8)
        row.addWidget(self.draft, 1, Qt.AlignmentFlag.AlignVCenter)
        row.addWidget(self.button, 0, Qt.AlignmentFlag.AlignBottom)
        inside = QVBoxLayout(self._frame)
        inside.setContentsMargins(theme.SPACE_12, 6, 6, 6)
        inside.setSpacing(theme.SPACE_4)
        inside.addWidget(self._editing)
        inside.addWidget(self.cards)
        inside.addLayout(row)
        whole = QVBoxLayout(self)
        whole.setContentsMargins(0, 0, 0, 0)
        whole.setSpacing(theme.SPACE_4)
        whole.addWidget(self._frame)
        whole.addWidget(self.hint)
