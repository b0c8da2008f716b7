"""Why a message was not taken, in place above the composer: what happened and what to do.

GUI thread. At most one at a time; the next message that is taken sends it away.
"""

from __future__ import annotations

from PySide6.QtWidgets import QVBoxLayout, QWidget
from shiboken6 import isValid

from app.gui.widgets.banner import Banner
from app.gui.widgets.toast import Notice, announce


class Refusal(QWidget):
    """Empty and without height until something is told."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
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
