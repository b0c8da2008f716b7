"""The settings page: every shown option from its declaration, used as soon as it is changed.

GUI thread; the file is written elsewhere. Also shows what was found on this computer, where
things are kept, and what this program is.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import Future
from functools import partial
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import Qt, QUrl, Signal
from PySide6.QtGui import QDesktopServices, QKeyEvent, QShowEvent
from PySide6.QtWidgets import QHBoxLayout, QStackedWidget, QVBoxLayout, QWidget

from app.foundation.errors import HearthError, InvalidInput
from app.gui import theme
from app.gui.bridge import Bridge
from app.gui.notify import Notifier
from app.gui.services import Fact, GuiServices
from app.gui.settings.catalogue_row import CatalogueRow
from app.gui.settings.filling import Filling
from app.gui.settings.folders import FoldersControl, ModelsFolderRow
from app.gui.settings.licences import LicencesRow
from app.gui.settings.rows import FactRows, OptionRow
from app.gui.settings.secret_row import SecretRow
from app.gui.settings.updates.card import UpdatesCard
from app.gui.widgets.buttons import IconButton, TextButton
from app.gui.widgets.cards import centred, scrolled
from app.gui.widgets.plain import PlainLabel
from app.network import offline
from app.settings.option import Option
from app.settings.schema import (
    CONTEXT,
    GPU_LAYERS,
    LIBRARY_FOLDERS,
    OFFLINE,
    THREADS,
)

if TYPE_CHECKING:
    from app.gui.settings.connections import ConnectionsPage


class SettingsPage(QWidget):
    """`left` asks the window to go back to the chat. What waits may wait for `token_changed`."""

    left = Signal()
    token_changed = Signal()

    def __init__(
        self,
        services: GuiServices,
        bridge: Bridge,
        notify: Notifier,
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self._services = services
        self._bridge = bridge
        self._notify = notify
        self.rows: dict[str, OptionRow] = {}
        self.setProperty("kind", "page")
        self.setAccessibleName(self.tr("Settings"))
        self.models_folder: ModelsFolderRow | None = None
        self.catalogue: CatalogueRow | None = None
        self.token: SecretRow | None = None
        self.updates: UpdatesCard | None = None
        self.machine = FactRows(self.tr("Looking at this computer…"))
        self.runtime = FactRows(self.tr("Looking…"))
        self.licences: LicencesRow | None = None
        self.connections_button = TextButton(self.tr("Connections…"), icon="globe")
        self.connections_button.clicked.connect(self.show_connections)
        self._column = QVBoxLayout()
        self._stack = QStackedWidget()
        self.connections: ConnectionsPage | None = None
        self._arrange()
        self._filling = Filling(self, services, bridge, notify, self._column)
        self._filling.done.connect(self._show_in_use)
        self._unsubscribe = services.settings.subscribe(bridge.relay(self._changed))
        self.destroyed.connect(self._unsubscribe)
        self._look(services.machine_facts, self.machine)
        self._look(services.runtime_facts, self.runtime)

    def fill(self) -> None:
        """Have all sections now; otherwise they come one after the other once it is shown."""
        self._filling.finish()

    def lead_to_token(self) -> None:
        """Whoever is asked for a token need not look for where it is written."""
        self.fill()
        if self.token is not None:
            self.token.field.setFocus(Qt.FocusReason.OtherFocusReason)

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        self._show_in_use()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Escape leads from the connections back to the settings, from those to the chat."""
        if event.key() == Qt.Key.Key_Escape and self._stack.currentIndex() > 0:
            self.show_options()
            return
        super().keyPressEvent(event)

    def show_connections(self) -> None:
        """Show the record of connections; made on first use."""
        if self.connections is None:
            from app.gui.settings.connections import ConnectionsPage

            page = ConnectionsPage(self._services.profile, self._bridge, self._notify)
            page.left.connect(self.show_options)
            self._stack.addWidget(page)
            self.connections = page
        self._stack.setCurrentWidget(self.connections)
        self.connections.setFocus(Qt.FocusReason.OtherFocusReason)

    def show_options(self) -> None:
        """Show the options again."""
        self._stack.setCurrentIndex(0)
        self.fill()
        self.connections_button.setFocus(Qt.FocusReason.OtherFocusReason)

    def _arrange(self) -> None:
        back = IconButton("arrow-left", self.tr("Back to the chat"), shortcut_text="Esc")
        back.clicked.connect(self.left)
        header = QWidget()
        head = QHBoxLayout(header)
        head.setContentsMargins(theme.SPACE_16, theme.SPACE_16, theme.SPACE_24, theme.SPACE_8)
        head.setSpacing(theme.SPACE_8)
        head.addWidget(back)
        head.addWidget(PlainLabel(self.tr("Settings"), "title", wrap=False), 1)
        inner = QWidget()
        inner.setProperty("kind", "column")
        self._column = QVBoxLayout(inner)
        self._column.setContentsMargins(theme.SPACE_24, 0, theme.SPACE_24, theme.SPACE_32)
        self._column.setSpacing(theme.SPACE_8)
        scroll = scrolled(inner, self.tr("Settings"))
        head.addSpacing(scroll.verticalScrollBar().sizeHint().width())
        options = QWidget()
        column = QVBoxLayout(options)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        column.addWidget(centred(header))
        column.addWidget(scroll, 1)
        self._stack.addWidget(options)
        whole = QVBoxLayout(self)
        whole.setContentsMargins(0, 0, 0, 0)
        whole.addWidget(self._stack)
        self.setFocusProxy(back)

    def option_row(self, option: Option[Any]) -> OptionRow:
        """A new row of an option; used as soon as it is changed."""
        special = FoldersControl(option) if option is LIBRARY_FOLDERS else None
        row = OptionRow(option, control=special)
        row.show_value(self._services.settings.get(option))
        if option is OFFLINE and offline.is_forced():
            row.hold(True, offline.forced_by())
        row.chosen.connect(self._choose)
        row.reset_asked.connect(self._reset)
        self.rows[option.key] = row
        return row

    def open_folder(self, path: str) -> None:
        """Show a folder in the system's file manager."""
        if not QDesktopServices.openUrl(QUrl.fromLocalFile(path)):
            self._notify.tell(self.tr("The folder could not be opened."), path)

    def _choose(self, option: Option[Any], value: Any) -> None:
        try:
            written = self._services.settings.set(option, value)
        except InvalidInput as error:
            self._notify.error(error)
            self.rows[option.key].show_value(self._services.settings.get(option))
            return
        self._bridge.watch(written)

    def _reset(self, option: Option[Any]) -> None:
        self._bridge.watch(self._services.settings.reset(option))

    def _changed(self, option: Option[Any], value: Any) -> None:
        row = self.rows.get(option.key)
        if row is not None:
            row.show_value(value)
            self._show_in_use()

    def _look(self, ask: Callable[[], Future[Sequence[Fact]]] | None, shown: FactRows) -> None:
        if ask is None:
            shown.hide()
            return
        self._bridge.watch(ask(), partial(self._found, shown), partial(self._not_found, shown))

    def _found(self, shown: FactRows, facts: Sequence[Fact]) -> None:
        shown.show_facts(facts)

    def _not_found(self, shown: FactRows, error: BaseException) -> None:
        if isinstance(error, HearthError):
            shown.show_sentence(error.title)
        else:
            shown.show_sentence(self.tr("This could not be found out."))
            self._notify.error(error)

    def _show_in_use(self) -> None:
        """Say in words what the automatic values came to for the model that is loaded."""
        plan = self._services.inference.snapshot().plan
        settings = self._services.settings
        for option, name in (
            (THREADS, "n_threads"),
            (CONTEXT, "n_ctx"),
            (GPU_LAYERS, "n_gpu_layers"),
        ):
            row = self.rows.get(option.key)
            if row is None:  # not made yet
                continue
            used = getattr(plan, name, None)
            automatic = settings.get(option) == option.default
            if used is None:
                row.show_in_use("")
            elif automatic:
                row.show_in_use(
                    self.tr("Automatic is {value} for the model in use.").format(
                        value=self.locale().toString(used)
                    )
                )
            elif used != settings.get(option):
                row.show_in_use(self.tr("Used when the model is loaded next."))
            else:
                row.show_in_use("")
