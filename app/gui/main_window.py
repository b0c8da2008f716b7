"""The window: places the sidebar and the pages, and gives each key to the one it belongs to.

GUI thread. Holds no logic of a page and does no service's work.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QCoreApplication, QEvent, QSize, Qt, Signal
from PySide6.QtGui import QAction, QCloseEvent, QKeyEvent
from PySide6.QtWidgets import QAbstractButton, QStackedWidget, QVBoxLayout, QWidget

from app.gui import keys, window_state
from app.gui.bridge import Bridge
from app.gui.chat.page import ChatPage
from app.gui.downloads.place import DownloadsPlace
from app.gui.notify import Notifier
from app.gui.readying import Readying
from app.gui.services import GuiServices
from app.gui.side_panel import SidePanel
from app.gui.widgets.banner import BannerColumn
from app.gui.widgets.dropping import ModelDrop
from app.gui.widgets.shell import Shell
from app.protocol.model_ref import BUILT_IN
from app.settings.schema import SIDEBAR_VISIBLE

if TYPE_CHECKING:
    from app.gui.models.page import ModelsPage
    from app.gui.settings.page import SettingsPage
    from app.gui.widgets.coming import ComingPage
    from app.gui.widgets.shortcuts import ShortcutsOverlay


class MainWindow(QWidget):
    """The only top-level window. `closed` follows the person's closing it."""

    closed = Signal()

    def __init__(self, services: GuiServices, bridge: Bridge, notify: Notifier) -> None:
        super().__init__()
        self._services = services
        self._bridge = bridge
        self._notify = notify
        self._state = window_state.WindowState()
        self._shortcuts: ShortcutsOverlay | None = None
        self._settings_page: SettingsPage | None = None
        self._coming: ComingPage | None = None
        self.readying = Readying(bridge, self)
        self.models_page: ModelsPage | None = None
        self.downloads_place = DownloadsPlace(services, bridge, notify, self)
        self.downloads = self.downloads_place.model
        self.shell = Shell(self)
        content = QWidget(self.shell)
        self.banners = BannerColumn(content)
        self.pages = QStackedWidget(content)
        self.chat_page = ChatPage(services, bridge, notify, self.pages, downloads=self.downloads)
        self.pages.addWidget(self.chat_page)
        _stack(content, self.banners, self.pages)
        self.side = SidePanel(services, bridge, notify, self.downloads_place, self.shell)
        self.sidebar = self.side.conversations
        self.shell.hold(self.side, content)
        self.shell.set_wished(services.settings.get(SIDEBAR_VISIBLE))
        self.side.fill_rail(self.shell.rail)
        whole = QVBoxLayout(self)
        whole.setContentsMargins(0, 0, 0, 0)
        whole.addWidget(self.shell)
        self.setProperty("kind", "page")
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        self.setMinimumSize(window_state.LEAST_SIZE)
        self._add_actions()
        self._connect()
        notify.attach(self.shell.page)
        notify.keep_clear(self.chat_page.composer)
        self._show_title()
        self.sidebar.reload()

    def show_first(self, state: window_state.WindowState) -> None:
        """Show the window where it was, ready to type into."""
        self._state = window_state.fit_to_screens(state)
        self.resize(QSize(self._state.width, self._state.height))
        if self._state.x is not None and self._state.y is not None:
            self.move(self._state.x, self._state.y)
        if self._state.maximized:
            self.showMaximized()
        else:
            self.show()
        self.chat_page.focus_composer()

    def state(self) -> window_state.WindowState:
        """Where the window is now, for the next start."""
        self._state.maximized = self.isMaximized()
        if self._state.maximized:
            place = self.normalGeometry()
            self._state.x, self._state.y = place.x(), place.y()
        else:
            place = self.geometry()
            # The position with the frame, the size without: as `move` and `resize` take them.
            self._state.x, self._state.y = self.x(), self.y()
        self._state.width, self._state.height = place.width(), place.height()
        return self._state

    def come_forward(self) -> None:
        """Be on top of the other windows, as a second start asks."""
        self.setWindowState(self.windowState() & ~Qt.WindowState.WindowMinimized)
        self.show()
        self.raise_()
        self.activateWindow()

    def open_conversation(self, conversation_id: str | None) -> None:
        """Show a conversation, or an empty one."""
        self.chat_page.open_conversation(conversation_id)
        self.shell.close_drawer()
        self.show_chat()

    def open_model(self, path: str) -> None:
        """Use a model file, or the built-in model, from now on."""
        if path != BUILT_IN:
            self._state.model_folder = str(Path(path).parent)
        self.show_chat()
        self.chat_page.set_model(path)

    def ask_for_model(self) -> None:
        """Let the person choose a model file."""
        from PySide6.QtWidgets import QFileDialog  # with a cost of its own: when asked for

        dialog = QFileDialog(self, self.tr("Open a model file"), self._state.model_folder)
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        dialog.setFileMode(QFileDialog.FileMode.ExistingFile)
        dialog.setNameFilters([self.tr("Models (*.gguf)"), self.tr("All files (*)")])
        dialog.fileSelected.connect(partial(_take_file, self))
        dialog.open()

    def show_chat(self) -> None:
        """Show the chat page, ready to type."""
        self.pages.setCurrentWidget(self.chat_page)
        self._mark()
        self.chat_page.focus_composer()

    def show_models(self) -> None:
        """Show the page of models; made on first use."""
        if self.models_page is None:
            if self.readying.has_to_wait(partial(_go_on, self, self.show_models)):
                self._show_coming(self.side.models_button)
                return
            from app.gui.models.page import ModelsPage

            page = ModelsPage(
                self._services, self._bridge, self._notify, self.pages, downloads=self.downloads
            )
            page.left.connect(self.show_chat)
            page.use_asked.connect(self.open_model)
            page.file_asked.connect(self.ask_for_model)
            page.settings_asked.connect(partial(_show_token, self))
            page.removed.connect(partial(_use_another, self.chat_page))
            self.pages.addWidget(page)
            self.models_page = page
        self.pages.setCurrentWidget(self.models_page)
        self._mark()
        self.shell.close_drawer()
        self.models_page.setFocus(Qt.FocusReason.ShortcutFocusReason)

    def show_settings(self) -> None:
        """Show the settings page; made on first use."""
        if self._settings_page is None:
            if self.readying.has_to_wait(partial(_go_on, self, self.show_settings)):
                self._show_coming(self.side.settings_button)
                return
            from app.gui.settings.page import SettingsPage

            page = SettingsPage(self._services, self._bridge, self._notify)
            page.left.connect(self.show_chat)
            page.token_changed.connect(self.downloads.try_now)
            self.pages.addWidget(page)
            self._settings_page = page
        self.pages.setCurrentWidget(self._settings_page)
        self._mark()
        self.shell.close_drawer()
        self._settings_page.setFocus(Qt.FocusReason.ShortcutFocusReason)

    def show_shortcuts(self) -> None:
        """Show the list of keys over the window, or put it away."""
        if self._shortcuts is None:
            from app.gui.widgets.shortcuts import ShortcutsOverlay

            self._shortcuts = ShortcutsOverlay(keys.key_list(), self)
        if self._shortcuts.isVisible():
            self._shortcuts.close_overlay()
        else:
            self._shortcuts.open()

    def toggle_sidebar(self) -> None:
        """Fold or unfold the sidebar; what was chosen is remembered."""
        wished = self.shell.toggle()
        if wished is not None:
            self._services.settings.set(SIDEBAR_VISIBLE, wished)

    def changeEvent(self, event: QEvent) -> None:
        if event.type() == QEvent.Type.ActivationChange and self.isActiveWindow():
            self.sidebar.reload_if_older_than_today()
        super().changeEvent(event)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Escape leads back to the chat; the page has had its turn before."""
        if event.key() == Qt.Key.Key_Escape:
            away = self.pages.currentWidget() is not self.chat_page
            if self.shell.close_drawer() or away:
                self.show_chat()
                return
        super().keyPressEvent(event)

    def closeEvent(self, event: QCloseEvent) -> None:
        event.accept()
        self.closed.emit()

    def _add_actions(self) -> None:
        page, sidebar = self.chat_page, self.sidebar
        for key, act in (
            (keys.NEW, partial(self.open_conversation, None)),
            (keys.OPEN_MODEL, self.ask_for_model),
            (keys.SEARCH, self._search),
            (keys.RENAME, self._rename),
            (keys.UNDO, sidebar.undo_delete),
            (keys.REGENERATE, page.regenerate_last),
            (keys.OPTIONS, page.toggle_options),
            (keys.SIDEBAR, self.toggle_sidebar),
            (keys.MODELS, self.show_models),
            (keys.DOWNLOADS, self.downloads_place.toggle_list),
            (keys.SETTINGS, self.show_settings),
            (keys.SHORTCUTS, self.show_shortcuts),
            (keys.QUIT, self.close),
        ):
            action = QAction(self)
            action.setShortcut(key)
            action.triggered.connect(lambda _checked=False, act=act: act())
            self.addAction(action)

    def _connect(self) -> None:
        self.sidebar.opened.connect(self._opened)
        self.sidebar.typed.connect(self._type)
        self.sidebar.new_asked.connect(partial(self.open_conversation, None))
        self.sidebar.deleted.connect(self._deleted)
        self.sidebar.listed.connect(self._show_title)
        self.side.models_asked.connect(self.show_models)
        self.side.settings_asked.connect(self.show_settings)
        self.side.fold_asked.connect(self.toggle_sidebar)
        self.chat_page.conversation_changed.connect(self._mark)
        self.chat_page.conversation_changed.connect(self.sidebar.reload)
        self.chat_page.open_model_requested.connect(self.ask_for_model)
        self.chat_page.models_requested.connect(self.show_models)
        self.downloads_place.use_asked.connect(self.open_model)
        ModelDrop(self).dropped.connect(partial(_take_file, self))

    def _opened(self, conversation_id: str, by_key: bool) -> None:
        if by_key:
            self.open_conversation(conversation_id)
            return
        # A click leaves the focus in the list, where Delete means the chat.
        self.pages.setCurrentWidget(self.chat_page)
        self.chat_page.open_conversation(conversation_id)
        self.shell.close_drawer()
        self._mark()

    def _type(self, text: str) -> None:
        self.show_chat()
        field = self.focusWidget()
        if field is not None:
            key = QKeyEvent(QEvent.Type.KeyPress, 0, Qt.KeyboardModifier.NoModifier, text)
            QCoreApplication.postEvent(field, key)

    def _search(self) -> None:
        self.shell.unfold()
        self.sidebar.focus_search()

    def _rename(self) -> None:
        conversation_id = self.chat_page.conversation_id
        if conversation_id is not None:
            self.shell.unfold()
            self.sidebar.rename(conversation_id)

    def _deleted(self, conversation_id: str) -> None:
        if conversation_id == self.chat_page.conversation_id:
            self.chat_page.open_conversation(None)
            self._mark()

    def _mark(self) -> None:
        """Show in the sidebar what the page shows."""
        shown = self.pages.currentWidget()
        chatting = shown is self.chat_page
        self.side.models_button.setChecked(shown is self.models_page)
        self.side.settings_button.setChecked(shown is self._settings_page)
        self.sidebar.set_open(self.chat_page.conversation_id if chatting else None)
        self._show_title()

    def _show_coming(self, button: QAbstractButton) -> None:
        if self._coming is None:
            from app.gui.widgets.coming import ComingPage

            self._coming = ComingPage()
            self._coming.left.connect(self.show_chat)
            self.pages.addWidget(self._coming)
        self._coming.show_title(button.accessibleName())
        self.pages.setCurrentWidget(self._coming)
        self._mark()
        button.setChecked(True)
        self.shell.close_drawer()
        self._coming.setFocus(Qt.FocusReason.ShortcutFocusReason)

    def _show_title(self) -> None:
        title = self.sidebar.title_of(self.chat_page.conversation_id)
        self.setWindowTitle(f"{title} — Hearth" if title else "Hearth")


def _take_file(window: MainWindow, path: str) -> None:
    """Use a file that was dropped or chosen; the page of models asks first what to do."""
    page = window.models_page
    if page is not None and window.pages.currentWidget() is page:
        page.take_file(path)
    else:
        window.open_model(path)


def _go_on(window: MainWindow, show: Callable[[], None]) -> None:
    """What a page needs has come. Whoever is elsewhere by now is not led back."""
    if window.pages.currentWidget() is window._coming:
        show()


def _show_token(window: MainWindow) -> None:
    window.show_settings()
    if window._settings_page is not None:
        window._settings_page.lead_to_token()


def _use_another(chat: ChatPage, files: list[str], was_in_use: bool) -> None:
    """A model was removed: a chat that used it has another one opened."""
    options = chat.exchange.options
    was_own = options.model in files
    if was_own:
        chat.exchange.set_options(replace(options, model=None))
        chat.model_button.follow(None)
    chat.model_button.read_recent()
    if was_own or was_in_use:
        chat.model_button.open()


def _stack(content: QWidget, above: QWidget, page: QWidget) -> None:
    column = QVBoxLayout(content)
    column.setContentsMargins(0, 0, 0, 0)
    column.setSpacing(0)
    column.addWidget(above)
    column.addWidget(page, 1)
