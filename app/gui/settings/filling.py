"""What the settings page is made of, from the top: one row after the other. GUI thread.

A page of forty rows at once would hold the window for a fifth of a second.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from functools import partial
from typing import TYPE_CHECKING, TypeAlias

from PySide6.QtWidgets import QVBoxLayout, QWidget

from app.gui import theme
from app.gui.bridge import Bridge
from app.gui.notify import Notifier
from app.gui.services import GuiServices
from app.gui.settings.about import program_facts
from app.gui.settings.catalogue_row import CatalogueRow
from app.gui.settings.folders import ModelsFolderRow
from app.gui.settings.licences import LicencesRow
from app.gui.settings.rows import FactRows
from app.gui.settings.secret_row import proxy_row, token_row
from app.gui.settings.updates.card import UpdatesCard
from app.gui.slices import Slices
from app.gui.widgets.buttons import TextButton
from app.gui.widgets.cards import Card, FoldingRow
from app.gui.widgets.plain import ElidedLabel, PlainLabel
from app.settings.schema import OPTIONS, UPDATES_DAILY

if TYPE_CHECKING:
    from app.gui.settings.page import SettingsPage

Maker: TypeAlias = Callable[[], QWidget]


class Filling(Slices):
    """Puts sections into the page's column, and names on the page what others ask it for."""

    def __init__(
        self,
        page: SettingsPage,
        services: GuiServices,
        bridge: Bridge,
        notify: Notifier,
        column: QVBoxLayout,
    ) -> None:
        self._page = page
        self._services = services
        self._bridge = bridge
        self._notify = notify
        self._column = column
        super().__init__((), page)
        column.addStretch(1)
        self.add(*self._sections())

    def _sections(self) -> Iterator[Callable[[], object]]:
        page, options = self._page, self._options
        yield from self._section(self.tr("General"), options("chat"))
        yield from self._section(self.tr("Appearance"), options("appearance"))
        yield from self._section(self.tr("Performance"), options("performance"))
        found = [lambda: page.machine]
        yield from self._section(self.tr("Found on this computer"), found, minor=True)
        models = [*self._places(), *options("downloads"), *self._token(), *options("library")]
        models += self._catalogue()
        yield from self._section(self.tr("Models and downloads"), models)
        yield from self._section(self.tr("Privacy"), [*self._privacy(), *options("privacy")])
        yield from self._section(self.tr("Network"), [*options("network"), *self._proxy()])
        if self._services.updates is not None:
            yield self._add_updates
        about = [self._program, lambda: page.runtime, self._licences]
        yield from self._section(self.tr("About"), about)

    def _section(
        self, title: str, rows: Iterable[Maker], *, minor: bool = False
    ) -> Iterator[Callable[[], object]]:
        """A title, a card under it, and its rows."""
        card = Card()
        yield partial(self._add_card, title, card, minor=minor)
        for make in rows:
            yield partial(_add_row, card, make)

    def _add_card(self, title: str, card: Card, *, minor: bool = False) -> None:
        label = PlainLabel(title, "strong" if minor else "heading")
        above = theme.SPACE_8 if minor else theme.SPACE_16
        label.setContentsMargins(0, above, 0, 0)
        card.setAccessibleName(title)
        for each in (label, card):
            self._column.insertWidget(self._column.count() - 1, each)

    def _options(self, section: str) -> list[Maker]:
        make = self._page.option_row
        shown = (option for option in OPTIONS if option.section == section and option.shown)
        return [partial(make, option) for option in shown]

    def _places(self) -> list[Maker]:
        library, folder = self._services.library, self._services.models_folder
        if library is None or folder is None:
            return []

        def make() -> QWidget:
            self._page.models_folder = row = ModelsFolderRow(
                library, folder, self._bridge, self._notify
            )
            return row

        return [make]

    def _catalogue(self) -> list[Maker]:
        updates = self._services.catalogue_updates
        if updates is None:
            return []

        def make() -> QWidget:
            self._page.catalogue = row = CatalogueRow(
                updates, self._services.profile, self._bridge, self._notify
            )
            return row

        return [make]

    def _token(self) -> list[Maker]:
        services = self._services
        secrets, endpoint = services.secrets, services.endpoint
        if secrets is None or endpoint is None:
            return []

        def make() -> QWidget:
            self._page.token = row = token_row(secrets, endpoint, services.hub, self._bridge)
            row.settled.connect(self._page.token_changed)
            return row

        return [make]

    def _proxy(self) -> list[Maker]:
        secrets = self._services.secrets
        return [] if secrets is None else [lambda: proxy_row(secrets, self._bridge)]

    def _add_updates(self) -> None:
        updates = self._services.updates
        assert updates is not None
        daily = self._page.option_row(UPDATES_DAILY)
        self._page.updates = card = UpdatesCard(updates, daily, self._bridge, self._notify)
        self._add_card(self.tr("Updates"), card)

    def _privacy(self) -> list[Maker]:
        profile = self._services.profile
        return [
            self._stays,
            self._record,
            partial(
                self._folder_row,
                self.tr("Where your chats and settings are kept"),
                str(profile.root),
                self.tr("Open the folder"),
            ),
            partial(
                self._folder_row,
                self.tr("Logs, for when something goes wrong"),
                str(profile.logs),
                self.tr("Open the log folder"),
            ),
        ]

    def _stays(self) -> QWidget:
        stays = PlainLabel(
            self.tr(
                "What you write, and what is answered, stays on this computer. Hearth connects "
                "to the internet only for what you ask of it, such as looking at a model's file."
            )
        )
        stays.setContentsMargins(0, theme.SPACE_12, 0, theme.SPACE_12)
        return stays

    def _record(self) -> QWidget:
        tr = self.tr
        record = FoldingRow()
        record.words.addWidget(PlainLabel(tr("Connections made so far")))
        record.words.addWidget(
            PlainLabel(tr("When, to whom, what for and how much; all of them."), "secondary")
        )
        record.side.addWidget(self._page.connections_button)
        return record

    def _folder_row(self, label: str, path: str, action: str) -> QWidget:
        row = FoldingRow()
        row.words.addWidget(PlainLabel(label))
        row.words.addWidget(ElidedLabel(path, "secondary"))
        button = TextButton(action, icon="folder-open")
        button.clicked.connect(partial(self._page.open_folder, path))
        row.side.addWidget(button)
        return row

    def _program(self) -> QWidget:
        about = FactRows("")
        about.show_facts(program_facts(self._services.safe_mode))
        return about

    def _licences(self) -> QWidget:
        self._page.licences = row = LicencesRow(self._bridge, self._page.open_folder)
        return row


def _add_row(card: Card, make: Maker) -> None:
    card.add(make())
