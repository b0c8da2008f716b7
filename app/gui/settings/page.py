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
from app.gui.settings.about import program_facts
from app.gui.settings.catalogue_row import CatalogueRow
from app.gui.settings.folders import FoldersControl, ModelsFolderRow
from app.gui.settings.licences import LicencesRow
from app.gui.settings.rows import FactRows, OptionRow
from app.gui.settings.secret_row import SecretRow, proxy_row, token_row
from app.gui.settings.updates.card import UpdatesCard
from app.gui.widgets.buttons import IconButton, TextButton
from app.gui.widgets.cards import Card, FoldingRow, centred, scrolled
from app.gui.widgets.plain import ElidedLabel, PlainLabel
from app.network import offline
from app.settings.option import Option
from app.settings.schema import (
    CONTEXT,
    GPU_LAYERS,
    LIBRARY_FOLDERS,
    OFFLINE,
    OPTIONS,
    THREADS,
    UPDATES_DAILY,
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
        self._column = QVBoxLayout()
        self._stack = QStackedWidget()
        self.connections: ConnectionsPage | None = None
        self._arrange()
        self._fill()
        self._unsubscribe = services.settings.subscribe(bridge.relay(self._changed))
        self.destroyed.connect(self._unsubscribe)
        self._look(services.machine_facts, self.machine)
        self._look(services.runtime_facts, self.runtime)

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

    def _fill(self) -> None:
        self._section(self.tr("General"), self._options("chat"))
        self._section(self.tr("Appearance"), self._options("appearance"))
        self._section(self.tr("Performance"), [*self._options("performance")])
        self._section(self.tr("Found on this computer"), [self.machine], minor=True)
        models = [*self._places(), *self._options("downloads"), *self._token()]
        models += [*self._options("library"), *self._catalogue()]
        self._section(self.tr("Models and downloads"), models)
        self._section(self.tr("Privacy"), [*self._privacy(), *self._options("privacy")])
        self._section(self.tr("Network"), [*self._proxy(), *self._options("network")])
        about = FactRows("")
        about.show_facts(program_facts(self._services.safe_mode))
        if self._services.updates is not None:
            daily = self._option_row(UPDATES_DAILY)
            self.updates = UpdatesCard(self._services.updates, daily, self._bridge, self._notify)
            self._section(self.tr("Updates"), [], card=self.updates)
        self.licences = LicencesRow(self._bridge, self._open_folder)
        self._section(self.tr("About"), [about, self.runtime, self.licences])
        self._column.addStretch(1)

    def _section(
        self,
        title: str,
        rows: Sequence[QWidget],
        *,
        minor: bool = False,
        card: Card | None = None,
    ) -> None:
        label = PlainLabel(title, "strong" if minor else "heading")
        above = theme.SPACE_8 if minor else theme.SPACE_16
        label.setContentsMargins(0, above, 0, 0)
        card = card or Card()
        card.setAccessibleName(title)
        for row in rows:
            card.add(row)
        self._column.addWidget(label)
        self._column.addWidget(card)

    def _options(self, section: str) -> list[QWidget]:
        rows: list[QWidget] = []
        for option in OPTIONS:
            if option.section == section and option.shown:
                rows.append(self._option_row(option))
        return rows

    def _option_row(self, option: Option[Any]) -> OptionRow:
        special = FoldersControl(option) if option is LIBRARY_FOLDERS else None
        row = OptionRow(option, control=special)
        row.show_value(self._services.settings.get(option))
        if option is OFFLINE and offline.is_forced():
            row.hold(True, offline.forced_by())
        row.chosen.connect(self._choose)
        row.reset_asked.connect(self._reset)
        self.rows[option.key] = row
        return row

    def _places(self) -> list[QWidget]:
        services = self._services
        if services.library is None or services.models_folder is None:
            return []
        self.models_folder = ModelsFolderRow(
            services.library, services.models_folder, self._bridge, self._notify
        )
        return [self.models_folder]

    def _catalogue(self) -> list[QWidget]:
        services = self._services
        if services.catalogue_updates is None:
            return []
        self.catalogue = CatalogueRow(
            services.catalogue_updates, services.profile, self._bridge, self._notify
        )
        return [self.catalogue]

    def _token(self) -> list[QWidget]:
        services = self._services
        if services.secrets is None or services.endpoint is None:
            return []
        self.token = token_row(services.secrets, services.endpoint, services.hub, self._bridge)
        self.token.settled.connect(self.token_changed)
        return [self.token]

    def _proxy(self) -> list[QWidget]:
        secrets = self._services.secrets
        return [] if secrets is None else [proxy_row(secrets, self._bridge)]

    def _privacy(self) -> list[QWidget]:
        stays = PlainLabel(
            self.tr(
                "What you write, and what is answered, stays on this computer. Hearth connects "
                "to the internet only for what you ask of it, such as looking at a model's file."
            )
        )
        stays.setContentsMargins(0, theme.SPACE_12, 0, theme.SPACE_12)
        profile = self._services.profile
        self.connections_button = TextButton(self.tr("Connections…"), icon="globe")
        self.connections_button.clicked.connect(self.show_connections)
        record = FoldingRow()
        record.words.addWidget(PlainLabel(self.tr("Connections made so far")))
        record.words.addWidget(
            PlainLabel(self.tr("When, to whom, what for and how much; all of them."), "secondary")
        )
        record.side.addWidget(self.connections_button)
        return [
            stays,
            record,
            self._folder_row(
                self.tr("Where your chats and settings are kept"),
                str(profile.root),
                self.tr("Open the folder"),
            ),
            self._folder_row(
                self.tr("Logs, for when something goes wrong"),
                str(profile.logs),
                self.tr("Open the log folder"),
            ),
        ]

    def _folder_row(self, label: str, path: str, action: str) -> QWidget:
        row = FoldingRow()
        row.words.addWidget(PlainLabel(label))
        row.words.addWidget(ElidedLabel(path, "secondary"))
        button = TextButton(action, icon="folder-open")
        button.clicked.connect(partial(self._open_folder, path))
        row.side.addWidget(button)
        return row

    def _open_folder(self, path: str) -> None:
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
            row = self.rows[option.key]
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
