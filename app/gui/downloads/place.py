"""Downloads in the window: the model of them, the list, and what is said. GUI thread.

Ties these together so that the window has one thing to place. Knows no page.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import QObject, QUrl, Signal
from PySide6.QtGui import QDesktopServices
from PySide6.QtWidgets import QAbstractButton, QWidget

from app.gui.bridge import Bridge
from app.gui.downloads.model import DownloadsModel
from app.gui.downloads.telling import Telling
from app.gui.notify import Notifier
from app.gui.services import GuiServices
from app.settings.option import Option
from app.settings.schema import OFFLINE

if TYPE_CHECKING:
    from app.gui.downloads.panel import DownloadsPanel


class DownloadsPlace(QObject):
    """`use_asked(path)`: chat with a model that has come."""

    use_asked = Signal(str)

    def __init__(
        self, services: GuiServices, bridge: Bridge, notify: Notifier, window: QWidget
    ) -> None:
        super().__init__(window)
        self._window = window
        self._notify = notify
        self.model = DownloadsModel(services.downloads, bridge, notify.error, self)
        self.telling = Telling(self.model, notify, window)
        self.telling.use_asked.connect(self.use_asked)
        self.telling.list_asked.connect(self.show_list)
        self.telling.says_more.connect(self.hide_list)
        self._unsubscribe = services.settings.subscribe(bridge.relay(self._setting_changed))
        self.destroyed.connect(self._unsubscribe)
        self._panel: DownloadsPanel | None = None
        self._openers: list[QAbstractButton] = []

    def opens(self, *buttons: QAbstractButton) -> None:
        """Let these open the list, and the list stand beside whichever is seen."""
        for button in buttons:
            button.setProperty("opens", "downloads")
            button.clicked.connect(partial(self.toggle_list, button))
        self._openers += buttons

    @property
    def panel(self) -> DownloadsPanel:
        """Made on first use."""
        if self._panel is None:
            from app.gui.downloads.panel import DownloadsPanel

            self._panel = DownloadsPanel(self.model, self._window)
            self._panel.use_asked.connect(self.use_asked)
            self._panel.show_asked.connect(self._show_folder)
        return self._panel

    def toggle_list(self, anchor: QWidget | None = None) -> None:
        """Show the list, or put it away."""
        self.panel.toggle(anchor or self._seen())

    def show_list(self) -> None:
        """Show the list."""
        if not self.panel.isVisible():
            self.panel.open(self._seen())

    def hide_list(self) -> None:
        """Put the list away, if it is there."""
        if self._panel is not None:
            self._panel.close_panel()

    def _setting_changed(self, option: Option[Any], _value: object) -> None:
        """What waits may be waiting for just this."""
        if option.key == OFFLINE.key or option.section == "network":
            self.model.try_now()

    def _seen(self) -> QWidget | None:
        return next((button for button in self._openers if button.isVisible()), None)

    def _show_folder(self, folder: str) -> None:
        if not QDesktopServices.openUrl(QUrl.fromLocalFile(folder)):
            self._notify.tell(self.tr("The folder could not be opened."), folder)
