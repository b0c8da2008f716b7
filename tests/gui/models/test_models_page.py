"""What suits, the filter, what is here; details by keyboard, and the way back."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QAccessible, QGuiApplication
from PySide6.QtWidgets import (
    QAbstractButton,
    QApplication,
    QLineEdit,
    QMenu,
    QScrollArea,
    QSlider,
    QWidget,
)
from pytestqt.plugin import QtBot
from shiboken6 import isValid

from app.gui import theme
from app.gui.bridge import Bridge
from app.gui.models.feed import FIRST, PRESSED, STEP
from app.gui.models.memory_bar import MemoryBar
from app.gui.models.page import HERE, HUB, SUITED, ModelsPage
from app.gui.models.subjects import Broken
from app.gui.notify import Notifier
from app.gui.services import GuiServices
from app.gui.widgets.buttons import TextButton
from app.hardware.profile import MachineProfile
from app.inference.planning import Planning
from app.settings.file import SettingsFile
from app.settings.schema import MODEL_PATH
from tests.fixtures.shown_windows import shown_windows
from tests.gui.conftest import sweep
from tests.gui.models.conftest import Settled, saved, without_memory


@pytest.fixture
def filled(tiny: str, page: ModelsPage, settled: Settled) -> ModelsPage:
    settled(lambda: bool(page.listing.rows) and len(page.library.rows) == 2)
    settled(lambda: page.listing.feed.is_settled)
    return page


def opened(page: ModelsPage, widget: QAbstractButton, settled: Settled) -> None:
    widget.click()
    settled(lambda: page.details is not None)


def test_nothing_of_it_is_ever_a_window_of_its_own(
    qtbot: QtBot,
    services: GuiServices,
    planning: Planning,
    bridge: Bridge,
    notify: Notifier,
    settled: Settled,
) -> None:
    services.planning = lambda: planning
    with shown_windows() as windows:
        page = ModelsPage(services, bridge, notify)
        qtbot.addWidget(page)
        page.show()
        settled(lambda: bool(page.listing.cards and page.listing.rows))
        opened(page, page.listing.cards[0].details, settled)
    page.hide()
    assert windows == ["ModelsPage Models"]


@pytest.mark.parametrize("where", [SUITED, HERE])
def test_details_of_a_single_file_are_no_window_either(
    filled: ModelsPage, settled: Settled, where: int
) -> None:
    filled.places.buttons[where].click()
    rows = filled.listing.rows if where == SUITED else []
    row = next(
        (row for row in rows if len(row.outlook.model.variants) == 1), filled.library.rows[1]
    )
    before = set(map(id, QApplication.topLevelWidgets()))
    with shown_windows() as windows:
        opened(filled, row.tile, settled)
        assert filled.details is not None
        assert len(filled.details.model.variants) == 1
        settled(lambda: filled.details is not None and filled.details.isVisible())
    assert windows == []
    later = [each for each in QApplication.topLevelWidgets() if id(each) not in before]
    assert [each for each in later if not isinstance(each, QMenu)] == []


def test_it_lists_what_is_here_with_the_one_in_use_marked(
    filled: ModelsPage, settled: Settled
) -> None:
    filled.places.buttons[HERE].click()
    guide, own = filled.library.rows
    settled(lambda: guide.outlook is not None and own.outlook is not None)
    assert guide.tile.accessibleName().startswith("Guide, in use, runs well")
    assert "in use" not in own.tile.accessibleName()
    assert "llama" in own.tile.accessibleName()


def test_the_three_best_stand_first_in_words(filled: ModelsPage) -> None:
    cards = filled.listing.cards
    assert len(cards) == 3
    for card in cards:
        assert card.outlook.plan.fits == "well"
        assert "runs well" in card.accessibleName()
        assert "free memory" in card.accessibleName()
        assert "as you read" in card.accessibleName()
    best = {card.outlook.model.name for card in cards}
    assert filled.listing.suited is not None
    assert best.isdisjoint(each.model.name for each in filled.listing.suited.others)


def test_looking_again_makes_nothing_anew_that_looks_the_same(filled: ModelsPage) -> None:
    listing = filled.listing
    assert listing.suited is not None
    cards, rows = list(listing.cards), list(listing.rows)
    listing.cards[1].details.setFocus()
    machine = dataclasses.replace(listing.suited.machine, memory=saved("laptop-8gb-no-gpu").memory)
    listing.show_suited(dataclasses.replace(listing.suited, machine=machine), lambda _: "")
    assert (listing.cards, listing.rows) == (cards, rows)
    assert filled.window().focusWidget() is cards[1].details
    listing.show_suited(
        dataclasses.replace(listing.suited, best=listing.suited.best[::-1]), lambda _: ""
    )
    assert listing.rows == rows
    assert [card.outlook for card in listing.cards] == [card.outlook for card in cards[::-1]]


def test_a_list_that_is_made_anew_stays_where_it_was_scrolled_to(
    filled: ModelsPage, settled: Settled
) -> None:
    listing = filled.listing
    area = next(a for a in filled.findChildren(QScrollArea) if a.isAncestorOf(listing))
    bar = area.verticalScrollBar()
    listing.feed.show_up_to(30)
    settled(lambda: listing.feed.is_settled and bar.maximum() > area.height())
    bar.setValue(bar.maximum() - 100)
    suited, scrolled, n_rows = listing.suited, bar.value(), len(listing.rows)
    assert suited is not None
    kept = listing.rows[29]
    # Free memory is another now: some run otherwise, and one that was best is among the others.
    slower = dataclasses.replace(suited.others[3].plan, fits="no")
    others = list(suited.others)
    others[3] = dataclasses.replace(others[3], plan=slower)
    others.insert(5, suited.best[2])
    listing.show_suited(
        dataclasses.replace(suited, best=suited.best[:2], others=tuple(others)), lambda _: ""
    )
    settled(lambda: listing.feed.is_settled)
    assert [row.outlook for row in listing.rows] == others[: len(listing.rows)]
    assert len(listing.rows) >= n_rows
    assert kept in listing.rows
    assert abs(bar.value() - scrolled) < 3 * kept.height()


def test_details_close_though_the_row_that_opened_them_is_gone(
    filled: ModelsPage, settled: Settled
) -> None:
    row = filled.listing.rows[0]
    row.tile.setFocus()
    opened(filled, row.tile, settled)
    assert filled.listing.suited is not None
    fewer = dataclasses.replace(filled.listing.suited, others=filled.listing.suited.others[3:])
    filled.listing.show_suited(fewer, lambda _: "")
    sweep()
    assert not isValid(row)
    filled.go_back()
    assert filled.details is None
    assert filled.head.back.hasFocus()


def shown(page: ModelsPage) -> list[str]:
    """The names of the rows that a person may see."""
    rows = page.listing.rows
    return [row.outlook.model.name for row in rows if row.isVisibleTo(page.listing)]


def test_the_filter_narrows_by_words_and_by_what_runs(
    filled: ModelsPage, qtbot: QtBot, settled: Settled
) -> None:
    listing = filled.listing
    qtbot.keyClicks(listing.search, "granite")
    settled(lambda: listing.feed.is_settled)
    assert shown(filled)
    assert all("Granite" in name for name in shown(filled))
    listing.search.clear()
    assert listing.suited is not None
    assert shown(filled)[0] == listing.suited.others[0].model.name
    listing.only_fitting.setChecked(True)
    while not listing.feed.is_complete:
        listing.feed.show_more()
        settled(lambda: listing.feed.is_settled)
    fitting = [each for each in listing.suited.others if each.plan.fits != "no"]
    assert sorted(shown(filled)) == sorted(each.model.name for each in fitting)
    assert len(fitting) < len(listing.suited.others)
    listing.search.setText("no such model")
    assert shown(filled) == []


def test_a_long_list_makes_its_rows_as_they_are_seen(filled: ModelsPage, settled: Settled) -> None:
    feed = filled.listing.feed
    assert filled.listing.suited is not None
    n_all = len(filled.listing.suited.others)
    assert n_all > FIRST + STEP
    assert len(feed.made) < n_all
    area = next(a for a in filled.findChildren(QScrollArea) if a.isAncestorOf(feed))
    bar = area.verticalScrollBar()

    def at_the_end() -> bool:
        bar.setValue(bar.maximum())
        return feed.is_complete

    settled(at_the_end)
    assert [row.outlook for row in filled.listing.rows] == list(filled.listing.suited.others)


def test_what_is_below_can_be_asked_for_by_keyboard(
    filled: ModelsPage, qtbot: QtBot, settled: Settled
) -> None:
    feed = filled.listing.feed
    before = len(feed.made)
    more = next(b for b in feed.findChildren(TextButton) if b.text().startswith("Show "))
    more.setFocus()
    qtbot.keyClick(more, Qt.Key.Key_Return)
    settled(lambda: len(feed.made) >= before + PRESSED)
    assert filled.window().focusWidget() is more


def test_a_recommended_model_opens_by_keyboard_and_escape_leads_back(
    filled: ModelsPage, qtbot: QtBot, settled: Settled
) -> None:
    card = filled.listing.cards[0]
    card.details.setFocus()
    qtbot.keyClick(card.details, Qt.Key.Key_Return)
    settled(lambda: filled.details is not None)
    assert filled.details is not None
    assert filled.details.model.name == card.outlook.model.name
    assert not filled.places.isVisible()
    qtbot.keyClick(filled.details, Qt.Key.Key_Escape)
    assert filled.details is None
    assert filled.places.isVisible()
    assert filled.focusWidget() is card.details
    with qtbot.waitSignal(filled.left):
        qtbot.keyClick(filled, Qt.Key.Key_Escape)


def test_the_places_are_changed_by_keyboard(filled: ModelsPage, qtbot: QtBot) -> None:
    first, second, third = filled.places.buttons
    first.setFocus()
    qtbot.keyClick(first, Qt.Key.Key_Right)
    assert filled.focusWidget() is second
    assert filled.library.isVisible()
    qtbot.keyClick(second, Qt.Key.Key_Right)
    assert third.isChecked()
    assert filled.hub.isVisible()
    qtbot.keyClick(third, Qt.Key.Key_Right)
    assert filled.listing.isVisible()


def test_the_address_of_a_file_can_be_copied(
    filled: ModelsPage, settled: Settled, notify: Notifier
) -> None:
    opened(filled, filled.listing.cards[0].details, settled)
    details = filled.details
    assert details is not None
    assert details.where is not None
    details.where.copy_asked.emit()
    address = QGuiApplication.clipboard().text()
    assert address.startswith("https://huggingface.co/")
    assert address.endswith(details.variant.file_name)
    assert notify.toast is not None
    assert notify.toast.notice is not None


def test_a_file_that_is_no_model_says_why(
    page: ModelsPage,
    settings: SettingsFile,
    tmp_path: Path,
    notify: Notifier,
    settled: Settled,
) -> None:
    broken = tmp_path / "broken.gguf"
    broken.write_bytes(b"not a model")
    settings.set(MODEL_PATH, str(broken))
    page.hide()
    page.show()
    settled(lambda: any(isinstance(row.outlook, Broken) for row in page.library.rows))
    row = page.library.rows[0]
    assert not row.chat.isVisibleTo(page.library)
    row.tile.click()
    assert notify.toast is not None
    assert notify.toast.notice is not None


def test_a_computer_without_room_says_so(
    page: ModelsPage, planning: Planning, machine: MachineProfile, settled: Settled
) -> None:
    planning.machine = lambda: without_memory(machine)  # type: ignore[method-assign]
    page.hide()
    page.show()
    settled(lambda: bool(page.listing.rows) and not page.listing.cards)
    settled(lambda: page.listing.feed.is_settled)
    rows = [row for row in page.listing.rows if row.isVisibleTo(page.listing)]
    assert len(rows) >= FIRST
    assert all(row.outlook.plan.fits == "no" for row in rows)
    assert "free" in page.listing.situation.title.text()
    assert page.listing.situation.action.isVisible()


def controls(page: QWidget) -> list[QWidget]:
    kinds = (QAbstractButton, QLineEdit, QSlider, MemoryBar)
    found = [each for kind in kinds for each in page.findChildren(kind)]
    return [each for each in found if each.isVisible() and not isinstance(each.parent(), QLineEdit)]


@pytest.mark.parametrize("where", ["suited", "here", "hub", "file", "catalogue"])
def test_every_control_has_a_name_and_is_reached_by_tab(
    filled: ModelsPage, settled: Settled, where: str
) -> None:
    if where in ("suited", "here", "hub"):
        filled.places.buttons[{"suited": SUITED, "here": HERE, "hub": HUB}[where]].click()
    elif where == "file":
        opened(filled, filled.library.rows[1].tile, settled)
    else:
        opened(filled, filled.listing.cards[0].details, settled)
    nameless = []
    for control in controls(filled):
        interface = QAccessible.queryAccessibleInterface(control)
        assert interface is not None
        if not interface.text(QAccessible.Text.Name).strip():
            nameless.append(control)
        assert control.focusPolicy() & Qt.FocusPolicy.TabFocus
    assert nameless == []


@pytest.mark.parametrize("look", ["light", "dark"])
def test_it_can_be_read_in_a_small_window_at_the_largest_text(
    filled: ModelsPage, settled: Settled, look: theme.Mode
) -> None:
    theme.current().set_look(look, 150)
    filled.resize(432, 400)
    for at in (SUITED, HERE, HUB):
        filled.places.buttons[at].click()
        settled(lambda: all_fit(filled))
    assert filled.width() == 432
    opened(filled, filled.listing.cards[0].details, settled)
    settled(lambda: all_fit(filled))
    filled.grab()


def all_fit(page: ModelsPage) -> bool:
    areas = [area for area in page.findChildren(QScrollArea) if area.isVisible()]
    return all(area.widget().width() <= area.viewport().width() for area in areas)


def test_rows_and_cards_are_as_high_as_their_words(filled: ModelsPage, settled: Settled) -> None:
    filled.resize(520, 700)
    settled(lambda: all_fit(filled))
    for card in filled.listing.cards:
        settled(lambda card=card: card.height() >= card.heightForWidth(card.width()))
    for row in filled.listing.rows:
        if row.isVisible():
            tile = row.tile
            settled(lambda tile=tile: tile.height() >= tile.heightForWidth(tile.width()))
