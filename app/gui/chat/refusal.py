"""Why a message was not taken, in place above the composer: what happened and what to do.

GUI thread. At most one at a time; the next message that is taken sends it away. A model that
does not fit may be tried anyway, once and after this warning.
"""

from __future__ import annotations

from functools import partial

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QVBoxLayout, QWidget
from shiboken6 import isValid

from app.foundation.errors import HearthError, NotEnoughMemory
from app.gui.chat.model_button import ModelButton
from app.gui.notify import Notifier
from app.gui.widgets.banner import Banner
from app.gui.widgets.toast import Notice, announce


class Refusal(QWidget):
    """Empty and without height until something is told. `answer_asked` wants the question that
    was not answered to be answered after all."""

    answer_asked = Signal()

    def __init__(self, notify: Notifier, model: ModelButton, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._notify = notify
        self._model = model
        self._column = QVBoxLayout(self)
        self._column.setContentsMargins(0, 0, 0, 0)
        self._banner: Banner | None = None
        self.hide()

    @property
    def title(self) -> str:
        """What is shown; empty when nothing is."""
        banner = self._banner
        shown = banner is not None and isValid(banner) and banner.isVisibleTo(self)
        return banner.accessibleName() if banner is not None and shown else ""

    def tell_error(self, error: HearthError, *, is_stored: bool = False) -> None:
        """Say why a message was not taken, or, where it `is_stored`, not answered."""
        detail = " ".join(part for part in (error.detail, error.remedy) if part)
        if self._may_be_tried(error):
            words = self.tr("Try anyway")
            self.tell(Notice(error.title, detail, words, partial(self._try_anyway, is_stored)))
        else:
            self.tell(Notice(error.title, detail))

    def tell_not_opened(self, error: HearthError) -> None:
        """Say why a model was not opened: here only if something can be done about it here."""
        if self._may_be_tried(error):
            self.tell_error(error)
        else:
            self._notify.error(error)

    def _may_be_tried(self, error: HearthError) -> bool:
        return isinstance(error, NotEnoughMemory) and not self._model.is_forced

    def _try_anyway(self, is_stored: bool) -> None:
        self.dismiss()
        self._model.force()
        if is_stored:
            self.answer_asked.emit()
        else:
            self._model.open()

    def tell(self, notice: Notice) -> None:
        """Show a notice in place of the one before."""
        self.dismiss()
        self._banner = Banner(notice, "circle-alert")
        self._column.addWidget(self._banner)
        self.show()
        announce(self, f"{notice.title} {notice.detail}")

    def dismiss(self) -> None:
        """Show nothing."""
        if self._banner is not None and isValid(self._banner):
            self._banner.hide()
            self._banner.deleteLater()
        self._banner = None
        self.hide()
