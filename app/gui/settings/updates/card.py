"""The card for newer versions: the program's row, the daily look, the runtime's row. GUI thread."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from PySide6.QtWidgets import QWidget

from app.gui.bridge import Bridge
from app.gui.notify import Notifier
from app.gui.settings.updates.desk import UpdatesDesk
from app.gui.settings.updates.row import UpdateRow
from app.gui.widgets.cards import Card

if TYPE_CHECKING:
    from app.updates.updates import Updates


class UpdatesCard(Card):
    """`daily` is the row of the option; it is there only where a build names an update source."""

    def __init__(
        self,
        updates: Callable[[], Updates],
        daily: QWidget,
        bridge: Bridge,
        notify: Notifier,
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self.desk = UpdatesDesk(updates, bridge, notify, self)
        self.program = UpdateRow("program", self.desk)
        self.daily = daily
        self.runtime = UpdateRow("runtime", self.desk)
        for row in (self.program, self.daily, self.runtime):
            self.add(row)
        self.desk.changed.connect(self._refresh)
        self._refresh()

    def _refresh(self) -> None:
        state = self.desk.state
        self.set_row_visible(self.daily, state is not None and state.is_configured)
        self.set_row_visible(self.runtime, self.runtime.has_words)
