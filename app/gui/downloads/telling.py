"""What is said of downloads unasked: that one is ready, or failed, or goes on next time.

GUI thread. Closing the window while something is under way is answered with one sentence first.
"""

from __future__ import annotations

from functools import partial

from PySide6.QtCore import QEvent, QObject, Signal
from PySide6.QtWidgets import QWidget

from app.gui.downloads.model import DownloadsModel
from app.gui.downloads.words import are_moving, is_busy
from app.gui.notify import Notifier
from app.gui.safe_text import one_line
from app.gui.widgets.toast import Notice


class Telling(QObject):
    """`use_asked(path)`: chat with what has just come. `says_more` before a sentence that must
    be seen."""

    use_asked = Signal(str)
    list_asked = Signal()
    says_more = Signal()

    def __init__(self, model: DownloadsModel, notify: Notifier, window: QWidget) -> None:
        super().__init__(window)
        self._model = model
        self._notify = notify
        self._window = window
        self._said: Notice | None = None
        self._is_decided = False
        model.finished.connect(self._finished)
        model.failed.connect(self._failed)
        window.installEventFilter(self)

    def let_go(self) -> None:
        """From now on closing the window closes it: somebody else has decided."""
        self._is_decided = True

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """The first closing only says what it would do; the second one does it."""
        if event.type() == QEvent.Type.Close and watched is self._window:
            states = self._model.states()
            n_busy = sum(map(is_busy, states)) if are_moving(states) else 0
            # What only waits, such as for the network, loses nothing worth a question.
            if n_busy and not self._is_decided and not self._is_said:
                event.ignore()
                self._say_goes_on(n_busy)
                return True
        return super().eventFilter(watched, event)

    @property
    def _is_said(self) -> bool:
        """Whether the sentence stands there now."""
        toast = self._notify.toast
        return toast is None or (self._said is not None and toast.notice is self._said)

    def _say_goes_on(self, n: int) -> None:
        title = self.tr("A model is still being downloaded.")
        detail = self.tr("If you quit now, it goes on from here the next time you open Hearth.")
        if n > 1:
            title = self.tr("{n} models are still being downloaded.").format(n=n)
            detail = self.tr("If you quit now, they go on from here the next time.")
        self._said = Notice(title, detail, self.tr("Quit"), self._quit, lasting=True)
        self.says_more.emit()
        self._notify.show(self._said)

    def _quit(self) -> None:
        self._is_decided = True
        self._window.close()

    def _finished(self, key: str) -> None:
        progress = self._model.at(key)
        if progress is not None and progress.path is not None:
            self._notify.offer(
                self.tr("{name} is here and checked.").format(name=one_line(progress.wanted.name)),
                self.tr("Chat"),
                partial(self.use_asked.emit, str(progress.path)),
            )

    def _failed(self, key: str) -> None:
        progress = self._model.at(key)
        if progress is not None:
            name = one_line(progress.wanted.name)
            self._notify.show(
                Notice(
                    self.tr("{name} could not be downloaded.").format(name=name),
                    progress.error.title if progress.error is not None else "",
                    self.tr("Show why"),
                    self.list_asked.emit,
                )
            )
