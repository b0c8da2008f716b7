"""The window's left side: the conversations, and under them the other pages. GUI thread."""

from __future__ import annotations

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QFrame, QHBoxLayout, QVBoxLayout, QWidget

from app.gui import keys, theme
from app.gui.bridge import Bridge
from app.gui.chat.sidebar import Sidebar
from app.gui.downloads.place import DownloadsPlace
from app.gui.downloads.strip import DownloadsButton, DownloadsStrip
from app.gui.notify import Notifier
from app.gui.services import GuiServices
from app.gui.widgets.buttons import IconButton, TextButton
from app.gui.widgets.shell import Rail


class SidePanel(QWidget):
    """The sidebar as it stands in the window, and the buttons of the rail that replaces it."""

    models_asked = Signal()
    settings_asked = Signal()
    fold_asked = Signal()

    def __init__(
        self,
        services: GuiServices,
        bridge: Bridge,
        notify: Notifier,
        downloads: DownloadsPlace,
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self._downloads = downloads
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        self.setProperty("kind", "sidebar")
        self.conversations = Sidebar(services, bridge, notify, self)
        self.downloads_strip = DownloadsStrip(downloads.model)
        downloads.opens(self.downloads_strip)
        self.models_button = TextButton(self.tr("Models"), "row", icon="box")
        self.models_button.setToolTip(keys.native(keys.MODELS))
        self.models_button.setCheckable(True)
        self.models_button.clicked.connect(self.models_asked)
        self.settings_button = TextButton(self.tr("Settings"), "row", icon="settings")
        self.settings_button.setToolTip(keys.native(keys.SETTINGS))
        self.settings_button.setCheckable(True)
        self.settings_button.clicked.connect(self.settings_asked)
        fold_key = keys.native(keys.SIDEBAR)
        fold = IconButton("panel-left", self.tr("Hide the sidebar"), shortcut_text=fold_key)
        fold.clicked.connect(self.fold_asked)
        line = QFrame()
        line.setProperty("kind", "line")
        last = QHBoxLayout()
        last.setSpacing(theme.SPACE_4)
        last.addWidget(self.settings_button, 1)
        last.addWidget(fold)
        foot = QVBoxLayout()
        foot.setContentsMargins(*(theme.SPACE_8,) * 4)
        foot.setSpacing(theme.SPACE_4)
        foot.addWidget(self.downloads_strip)
        foot.addWidget(self.models_button)
        foot.addLayout(last)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 1, 0)
        column.setSpacing(0)
        column.addWidget(self.conversations, 1)
        column.addWidget(line)
        column.addLayout(foot)

    def fill_rail(self, rail: Rail) -> None:
        """Give the rail its buttons."""
        unfold = IconButton(
            "panel-left", self.tr("Show the sidebar"), shortcut_text=keys.native(keys.SIDEBAR)
        )
        unfold.clicked.connect(self.fold_asked)
        new = IconButton("square-pen", self.tr("New chat"), shortcut_text=keys.native(keys.NEW))
        new.clicked.connect(self.conversations.new_asked)
        downloads = DownloadsButton(self._downloads.model)
        self._downloads.opens(downloads)
        models = IconButton("box", self.tr("Models"), shortcut_text=keys.native(keys.MODELS))
        models.clicked.connect(self.models_asked)
        settings = IconButton(
            "settings", self.tr("Settings"), shortcut_text=keys.native(keys.SETTINGS)
        )
        settings.clicked.connect(self.settings_asked)
        rail.add_top(unfold)
        rail.add_top(new)
        rail.add_bottom(downloads)
        rail.add_bottom(models)
        rail.add_bottom(settings)
