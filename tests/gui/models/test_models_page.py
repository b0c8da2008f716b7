"""What is here, what suits, the filter; details by keyboard, and the way back."""

from __future__ import annotations

from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QAccessible, QGuiApplication
from PySide6.QtWidgets import QAbstractButton, QLineEdit, QScrollArea, QSlider, QWidget
from pytestqt.plugin import QtBot

from app.gui import theme
from app.gui.models.memory_bar import MemoryBar
from app.gui.models.page import ModelsPage
from app.gui.models.tile import BrokenRow, ModelRow
from app.gui.notify import Notifier
from app.hardware.profile import MachineProfile
from app.inference.planning import Planning
from app.settings.file import SettingsFile
from app.settings.schema import MODEL_PATH
from tests.gui.models.conftest import Settled, without_memory


@pytest.fixture
def filled(tiny: str, page: ModelsPage, settled: Settled) -> ModelsPage:
    settled(lambda: bool(page.listing.rows) and len(page.listing.here_rows) == 2)
    return page


def opened(page: ModelsPage, widget: QAbstractButton, settled: Settled) -> None:
    widget.click()
    settled(lambda: page.details is not None)


def test_it_lists_what_is_here_with_the_one_in_use_marked(filled: ModelsPage) -> None:
    guide, own = filled.listing.here_rows
    assert guide.accessibleName().startswith("Guide, in use, runs well")
    assert "in use" not in own.accessibleName()
    assert "llama" in own.accessibleName()


def test_the_three_best_stand_first_in_words(filled: ModelsPage) -> None:
    tiles = filled.listing.tiles
    assert len(tiles) == 3
    for tile in tiles:
        assert tile.outlook.plan.fits == "well"
        assert "runs well" in tile.accessibleName()
        assert "free memory" in tile.accessibleName()
        assert "as you read" in tile.accessibleName()
    best = {tile.outlook.model.name for tile in tiles}
    assert best.isdisjoint(row.outlook.model.name for row in filled.listing.rows)


def test_the_filter_narrows_by_words_and_by_what_runs(filled: ModelsPage, qtbot: QtBot) -> None:
    listing = filled.listing
    qtbot.keyClicks(listing.search, "granite")
    shown = [row.outlook.model.name for row in listing.rows if not row.isHidden()]
    assert shown
    assert all("Granite" in name for name in shown)
    listing.search.clear()
    assert not any(row.isHidden() for row in listing.rows)
    listing.only_fitting.setChecked(True)
    hidden = [row for row in listing.rows if row.isHidden()]
    assert hidden
    assert all(row.outlook.plan.fits == "no" for row in hidden)
    listing.search.setText("no such model")
    assert all(row.isHidden() for row in listing.rows)


def test_a_recommended_model_opens_by_keyboard_and_escape_leads_back(
    filled: ModelsPage, qtbot: QtBot, settled: Settled
) -> None:
    tile = filled.listing.tiles[0]
    tile.setFocus()
    qtbot.keyClick(tile, Qt.Key.Key_Return)
    settled(lambda: filled.details is not None)
    assert filled.details is not None
    assert filled.details.model.name == tile.outlook.model.name
    qtbot.keyClick(filled.details, Qt.Key.Key_Escape)
    assert filled.details is None
    with qtbot.waitSignal(filled.left):
        qtbot.keyClick(filled, Qt.Key.Key_Escape)


def test_what_is_not_here_can_be_had_by_its_address(
    filled: ModelsPage, settled: Settled, notify: Notifier
) -> None:
    opened(filled, filled.listing.tiles[0], settled)
    assert filled.details is not None
    summary = filled.details.summary
    assert not summary.use.isVisible()
    assert not summary.anyway.isVisible()
    summary.copy.click()
    address = QGuiApplication.clipboard().text()
    assert address.startswith("https://huggingface.co/")
    assert address.endswith(filled.details.variant.file_name)
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
    settled(lambda: any(isinstance(row, BrokenRow) for row in page.listing.here_rows))
    page.listing.here_rows[0].click()
    assert notify.toast is not None
    assert notify.toast.notice is not None


def test_a_computer_without_room_says_so(
    page: ModelsPage, planning: Planning, machine: MachineProfile, settled: Settled
) -> None:
    planning.machine = lambda: without_memory(machine)  # type: ignore[method-assign]
    page.hide()
    page.show()
    settled(lambda: bool(page.listing.rows) and not page.listing.tiles)
    assert all(row.outlook.plan.fits == "no" for row in page.listing.rows)


def controls(page: QWidget) -> list[QWidget]:
    kinds = (QAbstractButton, QLineEdit, QSlider, MemoryBar)
    found = [each for kind in kinds for each in page.findChildren(kind)]
    return [each for each in found if each.isVisible() and not isinstance(each.parent(), QLineEdit)]


@pytest.mark.parametrize("where", ["list", "file", "catalogue"])
def test_every_control_has_a_name_and_is_reached_by_tab(
    filled: ModelsPage, settled: Settled, where: str
) -> None:
    if where == "file":
        opened(filled, filled.listing.here_rows[1], settled)
    elif where == "catalogue":
        opened(filled, filled.listing.tiles[0], settled)
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
    settled(lambda: all_fit(filled))
    opened(filled, filled.listing.tiles[0], settled)
    settled(lambda: all_fit(filled))
    filled.grab()


def all_fit(page: ModelsPage) -> bool:
    areas = [area for area in page.findChildren(QScrollArea) if area.isVisible()]
    return all(area.widget().width() <= area.viewport().width() for area in areas)


def test_rows_and_tiles_are_as_high_as_their_words(filled: ModelsPage, settled: Settled) -> None:
    filled.resize(520, 700)
    settled(lambda: all_fit(filled))
    for tile in [*filled.listing.tiles, *filled.listing.rows]:
        if isinstance(tile, ModelRow) and not tile.isVisible():
            continue
        settled(lambda tile=tile: tile.height() >= tile.heightForWidth(tile.width()))
