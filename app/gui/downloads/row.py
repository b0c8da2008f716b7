"""One download in the list: its name, how far it is, and what can be done about it. GUI thread."""

from __future__ import annotations

from functools import partial

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QHBoxLayout, QVBoxLayout, QWidget

from app.gui import theme
from app.gui.downloads.bar import ShareBar
from app.gui.downloads.words import line_of, reason_of, share_of
from app.gui.safe_text import one_line
from app.gui.widgets.buttons import IconButton, TextButton
from app.gui.widgets.plain import ElidedLabel, PlainLabel
from app.models.wanted import Progress

_STOPPED = ("paused", "failed")


class DownloadRow(QWidget):
    """`asked(what, key)` with what in: pause, resume, cancel, undo, clear, use, show."""

    asked = Signal(str, str)

    def __init__(self, key: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.key = key
        self.name = ElidedLabel("", "strong")
        self.line = PlainLabel(role="secondary")
        self.reason = PlainLabel(role="secondary")
        self.bar = ShareBar()
        self.pause = IconButton("pause", "")
        self.resume = IconButton("play", "")
        self.again = TextButton(self.tr("Try again"), "link")
        self.use = TextButton(self.tr("Chat"), "link")
        self.folder = IconButton("folder-open", "")
        self.cancel = IconButton("x", "")
        self.undo = TextButton(self.tr("Undo"), "link")
        self._arrange()
        for what, button in (
            ("pause", self.pause),
            ("resume", self.resume),
            ("resume", self.again),
            ("use", self.use),
            ("show", self.folder),
            ("undo", self.undo),
        ):
            button.clicked.connect(partial(self._ask, what))
        self.cancel.clicked.connect(self._leave)
        self._state = ""

    def show_progress(self, progress: Progress) -> None:
        """Show it as it is now."""
        name = one_line(progress.wanted.name)
        self.name.set_whole(
            f"{name}  ·  {progress.wanted.quant}" if progress.wanted.quant else name
        )
        self._say(line_of(progress), reason_of(progress), failed=progress.error is not None)
        ended = progress.state in ("done", "failed")
        self.bar.setVisible(not ended)
        self.bar.show_share(share_of(progress), moves=progress.state not in _STOPPED)
        if progress.state != self._state:
            self._state = progress.state
            self._show_buttons(name)

    def show_cancelled(self, name: str) -> None:
        """Say that it is gone, while it can still be brought back."""
        self._state = "cancelled"
        self.name.set_whole(one_line(name))
        self._say(self.tr("Cancelled. What was here of it will be removed."), "", failed=False)
        self.bar.hide()
        self._show_buttons(one_line(name))

    @property
    def words(self) -> str:
        """All that is said of it."""
        return " ".join(part for part in (self.line.text(), self.reason.text()) if part)

    def _say(self, line: str, reason: str, *, failed: bool) -> None:
        self.line.setText(line)
        self.line.set_role("small warning" if failed else "secondary")
        self.reason.setText(reason)
        self.reason.setVisible(bool(reason))
        self.setAccessibleName(f"{self.name.whole}: {line}")

    def _show_buttons(self, name: str) -> None:
        """The buttons of this state, named for those who hear them. Focus stays in the row."""
        had_focus = self.isAncestorOf(self.window().focusWidget() or self)
        state = self._state
        shown = {
            self.pause: state in ("queued", "asking", "downloading", "waiting"),
            self.resume: state == "paused",
            self.again: state == "failed",
            self.use: state == "done",
            self.folder: state == "done",
            self.undo: state == "cancelled",
            self.cancel: state not in ("cancelled", "checking"),
        }
        for button, is_shown in shown.items():
            button.setVisible(is_shown)
        leave = (
            self.tr("Remove {name} from the list") if state == "done" else self.tr("Cancel {name}")
        )
        self.pause.set_face("pause", self.tr("Pause {name}").format(name=name))
        self.resume.set_face("play", self.tr("Go on with {name}").format(name=name))
        self.folder.set_face("folder-open", self.tr("Show the file of {name}").format(name=name))
        self.cancel.set_face("x", leave.format(name=name))
        self.again.setAccessibleName(self.tr("Try {name} again").format(name=name))
        self.use.setAccessibleName(self.tr("Chat with {name}").format(name=name))
        if had_focus:
            first = next((button for button, is_shown in shown.items() if is_shown), None)
            if first is not None:
                first.setFocus(Qt.FocusReason.OtherFocusReason)

    def _ask(self, what: str) -> None:
        self.asked.emit(what, self.key)

    def _leave(self) -> None:
        self._ask("clear" if self._state == "done" else "cancel")

    def _arrange(self) -> None:
        head = QHBoxLayout()
        head.setSpacing(theme.SPACE_4)
        words = QVBoxLayout()
        words.setSpacing(2)
        words.addWidget(self.name)
        words.addWidget(self.line)
        head.addLayout(words, 1)
        for button in (
            self.again,
            self.use,
            self.undo,
            self.pause,
            self.resume,
            self.folder,
            self.cancel,
        ):
            head.addWidget(button, 0, Qt.AlignmentFlag.AlignTop)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, theme.SPACE_12, 0, theme.SPACE_12)
        column.setSpacing(theme.SPACE_8)
        column.addLayout(head)
        column.addWidget(self.reason)
        column.addWidget(self.bar)
