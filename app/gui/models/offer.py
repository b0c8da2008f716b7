"""The one main button of a model: download it, how far that is, then chat with it. GUI thread.

Follows its download by the window's list of downloads; starts and pauses nothing by itself.
"""

from __future__ import annotations

from PySide6.QtCore import QSize, Qt, Signal
from PySide6.QtWidgets import QHBoxLayout, QVBoxLayout, QWidget

from app.foundation.units import bytes_text
from app.gui import theme
from app.gui.downloads.bar import ShareBar
from app.gui.downloads.model import DownloadsModel
from app.gui.downloads.words import line_of, share_of
from app.gui.safe_text import one_line
from app.gui.widgets.buttons import ButtonKind, IconButton, TextButton
from app.gui.widgets.plain import PlainLabel
from app.models.wanted import Progress, Wanted

_PROGRESS_PX = 280
_LEAST_PX = 150
_STOPPED = ("paused", "failed")


class Offer(QWidget):
    """`chat_asked(path)` follows the button of a model that is here."""

    chat_asked = Signal(str)

    def __init__(
        self,
        downloads: DownloadsModel | None,
        kind: ButtonKind = "plain",
        *,
        with_size: bool = True,
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self._downloads = downloads
        self._with_size = with_size
        self._wanted: Wanted | None = None
        self._choice = ""
        self.button = TextButton("", kind)
        self.button.clicked.connect(self._pressed)
        self.under_way: UnderWay | None = None
        self._column = QVBoxLayout(self)
        self._column.setContentsMargins(0, 0, 0, 0)
        self._column.setSpacing(0)
        self._column.addWidget(self.button)
        if downloads is not None:
            downloads.changed.connect(self._changed)
        self._refresh()

    @property
    def progress(self) -> Progress | None:
        """The download as it is now, if there is one."""
        if self._downloads is None or self._wanted is None:
            return None
        return self._downloads.of(self._wanted)

    @property
    def choice(self) -> str:
        """What the chat would be told to use; "" for what is not here."""
        if self._choice:
            return self._choice
        progress = self.progress
        if progress is not None and progress.state == "done" and progress.path is not None:
            return str(progress.path)
        return ""

    def show_model(self, wanted: Wanted | None, choice: str = "") -> None:
        """What would be downloaded, and where it is if it is here already."""
        self._wanted, self._choice = wanted, choice
        self._refresh()

    def _changed(self, key: str) -> None:
        if self._wanted is not None and key == self._wanted.key:
            self._refresh()

    def _refresh(self) -> None:
        progress = self.progress
        is_busy = progress is not None and progress.state != "done" and not self._choice
        if is_busy and progress is not None:
            had_focus = self.button.hasFocus()
            self._show_under_way(progress)
            self.button.hide()
            if had_focus and self.under_way is not None:
                self.under_way.first.setFocus(Qt.FocusReason.OtherFocusReason)
            return
        had_focus = self.under_way is not None and self.under_way.isAncestorOf(self._focused())
        if self.under_way is not None:
            self.under_way.hide()
        self._show_button()
        if had_focus:
            self.button.setFocus(Qt.FocusReason.OtherFocusReason)

    def _focused(self) -> QWidget:
        return self.window().focusWidget() or self

    def _show_button(self) -> None:
        wanted, is_here = self._wanted, bool(self.choice)
        can_get = wanted is not None and self._downloads is not None
        self.button.setVisible(is_here or (can_get and bool(self._downloads)))
        if is_here:
            self._say(self.tr("Chat"), self.tr("Chat with {name}"), "")
        elif wanted is not None:
            size = bytes_text(wanted.bytes) if wanted.bytes else ""
            words = self.tr("Download")
            spoken = self.tr("Download {name}")
            self._say(words, spoken, size)

    def _say(self, words: str, spoken: str, size: str) -> None:
        name = one_line(self._wanted.name, 80) if self._wanted is not None else ""
        text = f"{words} {size}" if size and self._with_size else words
        self.button.setText(text)
        said = spoken.replace("{name}", name).strip()
        self.button.setAccessibleName(f"{said}, {size}" if size else said)

    def _show_under_way(self, progress: Progress) -> None:
        if self.under_way is None:
            self.under_way = UnderWay()
            self.under_way.toggle_asked.connect(self._toggle)
            self.under_way.cancel_asked.connect(self._cancel)
            self._column.addWidget(self.under_way)
        self.under_way.show_progress(progress)
        self.under_way.show()

    def _pressed(self) -> None:
        if self.choice:
            self.chat_asked.emit(self.choice)
        elif self._downloads is not None and self._wanted is not None:
            self._downloads.add(self._wanted)

    def _toggle(self) -> None:
        progress = self.progress
        if progress is None or self._downloads is None:
            return
        if progress.state in ("paused", "failed"):
            self._downloads.resume(progress.key)
        else:
            self._downloads.pause(progress.key)

    def _cancel(self) -> None:
        progress = self.progress
        if progress is not None and self._downloads is not None:
            self._downloads.cancel(progress.key)


class UnderWay(QWidget):
    """A bar, what to say beside it, pause or go on, and give up."""

    toggle_asked = Signal()
    cancel_asked = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.bar = ShareBar()
        self.words = PlainLabel(role="secondary")
        self.problem = PlainLabel(role="problem")
        self.again = TextButton(self.tr("Try again"), "link")
        self.again.clicked.connect(self.toggle_asked)
        self.toggle = IconButton("pause", self.tr("Pause the download"))
        self.toggle.clicked.connect(self.toggle_asked)
        self.cancel = IconButton("x", self.tr("Cancel the download"))
        self.cancel.clicked.connect(self.cancel_asked)
        line = QHBoxLayout()
        line.setSpacing(theme.SPACE_4)
        line.addWidget(self.bar, 1)
        line.addWidget(self.again, 1, Qt.AlignmentFlag.AlignLeft)
        line.addWidget(self.toggle)
        line.addWidget(self.cancel)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        column.addWidget(self.problem)
        column.addLayout(line)
        column.addWidget(self.words)

    @property
    def first(self) -> QWidget:
        """What the keyboard comes to first."""
        return self.again if not self.again.isHidden() else self.toggle

    def sizeHint(self) -> QSize:
        """Wide enough for the words in one line, where there is room."""
        hint = self.layout()
        height = hint.totalHeightForWidth(_PROGRESS_PX) if hint is not None else 0
        return QSize(_PROGRESS_PX, height)

    def minimumSizeHint(self) -> QSize:
        return QSize(_LEAST_PX, super().minimumSizeHint().height())

    def show_progress(self, progress: Progress) -> None:
        """Show how far it is."""
        name = one_line(progress.wanted.name, 80)
        is_failed = progress.state == "failed"
        self.bar.show_share(share_of(progress), moves=progress.state not in _STOPPED)
        words = line_of(progress)
        for label, is_shown in ((self.words, not is_failed), (self.problem, is_failed)):
            label.setText(words)
            label.setVisible(is_shown)
        self.bar.setVisible(not is_failed)
        self.again.setVisible(is_failed)
        self.again.setAccessibleName(self.tr("Try {name} again").format(name=name))
        self.bar.setAccessibleName(self.tr("Download of {name}").format(name=name))
        self.bar.setAccessibleDescription(words)
        if progress.state == "paused":
            self.toggle.set_face("play", self.tr("Go on with the download"))
        else:
            self.toggle.set_face("pause", self.tr("Pause the download"))
        self.toggle.setVisible(progress.state not in ("checking", "failed"))
        give_up = (
            self.tr("Take it out of the list") if is_failed else self.tr("Cancel the download")
        )
        self.cancel.set_face("x", give_up)
