"""The list of models in the settings: one quiet line, and nobody is asked before a press."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace

import pytest
from PySide6.QtCore import Qt
from pytestqt.plugin import QtBot

from app.foundation.paths import Profile
from app.gui.bridge import Bridge
from app.gui.notify import Notifier
from app.gui.services import GuiServices
from app.gui.settings.catalogue_row import CatalogueRow
from app.gui.settings.page import SettingsPage
from app.models.catalog import load
from app.models.catalogue_update import CatalogueUpdates
from tests.fixtures.catalogues import NEXT, Place, published
from tests.fixtures.far_end import far_end
from tests.fixtures.signing import Signer

Settled = Callable[[Callable[[], bool]], None]
Show = Callable[[CatalogueUpdates], CatalogueRow]


@pytest.fixture
def place(profile: Profile) -> Iterator[Place]:
    with far_end() as far:
        found = Place(profile.root, far)
        yield found
        found.client.close()


@pytest.fixture
def show(
    qtbot: QtBot, services: GuiServices, bridge: Bridge, notify: Notifier, settled: Settled
) -> Show:
    """Opens the settings page; the line on it, once it says something."""

    def opened(updates: CatalogueUpdates) -> CatalogueRow:
        page = SettingsPage(replace(services, catalogue_updates=lambda: updates), bridge, notify)
        page.fill()
        qtbot.addWidget(page)
        page.resize(900, 700)
        page.show()
        row = page.catalogue
        assert row is not None
        settled(lambda: bool(row.state.text()))
        return row

    return opened


def test_a_build_without_a_source_says_so_and_offers_nothing(show: Show, place: Place) -> None:
    row = show(CatalogueUpdates(place.profile, lambda: place.client))
    assert f"Number {load().serial}, with {len(load().entries)} models." in row.state.text()
    assert "knows no place to ask" in row.state.text()
    assert row.fetch_button.isHidden()
    assert row.undo_button.isHidden()
    assert place.far.asked == []


def test_a_newer_list_is_used_when_asked_for_and_taken_back(
    show: Show, place: Place, settled: Settled, qtbot: QtBot
) -> None:
    place.offer(published(NEXT))
    row = show(place.updates)
    assert place.far.asked == []
    assert not row.fetch_button.isHidden()
    assert row.undo_button.isHidden()
    row.fetch_button.click()
    assert row.state.text() == "Asking…"
    settled(lambda: "New in it: Renamed" in row.state.text())
    assert f"Number {NEXT}, with 6 models." in row.state.text()
    assert " more." in row.state.text()  # of those that are gone only some are named
    assert place.has("renamed")
    row.fetch_button.click()
    settled(lambda: "It is the newest there is." in row.state.text())
    row.undo_button.setFocus(Qt.FocusReason.TabFocusReason)
    row.undo_button.click()
    settled(lambda: f"Number {load().serial}," in row.state.text())
    assert row.undo_button.isHidden()
    assert row.window().focusWidget() is row.fetch_button


def test_what_is_not_believed_is_said_in_place(show: Show, place: Place, settled: Settled) -> None:
    place.offer(published(NEXT), Signer())
    row = show(place.updates)
    row.fetch_button.click()
    settled(lambda: "not signed" in row.problem.text())
    assert row.problem.isVisible()
    assert f"Number {load().serial}," in row.state.text()
    place.offer(published(NEXT))
    row.fetch_button.click()
    settled(lambda: f"Number {NEXT}," in row.state.text())
    assert row.problem.isHidden()


def test_the_line_is_left_out_where_there_is_nothing_behind_it(
    qtbot: QtBot, services: GuiServices, bridge: Bridge, notify: Notifier
) -> None:
    page = SettingsPage(services, bridge, notify)
    page.fill()
    qtbot.addWidget(page)
    assert page.catalogue is None
