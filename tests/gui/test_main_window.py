"""The window places its pages, folds, takes drops and keys, and says what is open."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from PySide6.QtCore import QMimeData, QPoint, QPointF, Qt, QUrl
from PySide6.QtGui import QDragEnterEvent, QDropEvent
from PySide6.QtWidgets import QApplication, QFileDialog, QPlainTextEdit, QScrollArea, QWidget
from pytestqt.plugin import QtBot

from app.conversations.repository import Repository
from app.gui import keys, theme
from app.gui.bridge import Bridge
from app.gui.main_window import MainWindow
from app.gui.notify import Notifier
from app.gui.services import GuiServices
from app.gui.settings.page import SettingsPage
from app.gui.widgets.buttons import TextButton
from app.gui.widgets.shell import RAIL_PX
from app.gui.widgets.shortcuts import ShortcutsOverlay
from app.gui.window_state import LEAST_SIZE, WindowState
from app.inference.planning import Planning
from app.settings.file import SettingsFile
from app.settings.schema import SIDEBAR_VISIBLE
from tests.fixtures.machines import machine
from tests.fixtures.store import chat
from tests.gui.conftest import sweep

Settled = Callable[[Callable[[], bool]], None]
WIDE, SMALL = (1280, 800), (800, 600)


@pytest.fixture
def window(
    qtbot: QtBot, services: GuiServices, bridge: Bridge, notify: Notifier
) -> Iterator[MainWindow]:
    made = MainWindow(services, bridge, notify)
    qtbot.addWidget(made)
    made.show_first(WindowState(0, 0, *SMALL))
    # The offscreen screen is 800 pixels wide; a window may be made larger than it.
    made.resize(*WIDE)
    qtbot.waitUntil(lambda: made.width() == WIDE[0])
    yield made
    if notify.toast is not None:
        notify.toast.dismiss()


@pytest.fixture
def lisbon(repository: Repository) -> str:
    return chat(repository, "Trip to Lisbon", 2)


def press(qtbot: QtBot, window: QWidget, key: str) -> None:
    """A key with its modifiers, as the person presses it, wherever the focus is."""
    sequence = keys.QKeySequence(key)[0]
    target = window.focusWidget() or window
    qtbot.keyClick(target, sequence.key(), sequence.keyboardModifiers())


def test_it_opens_ready_to_type(window: MainWindow, qtbot: QtBot) -> None:
    assert window.windowTitle() == "Hearth"
    assert isinstance(window.focusWidget(), QPlainTextEdit)
    assert window.size().width() == WIDE[0]


def test_a_chat_that_is_opened_gives_the_window_its_name(
    window: MainWindow, settled: Settled, lisbon: str
) -> None:
    window.sidebar.reload()
    settled(lambda: window.sidebar.title_of(lisbon) != "")
    window.open_conversation(lisbon)
    settled(lambda: window.windowTitle() == "Trip to Lisbon — Hearth")
    window.open_conversation(None)
    settled(lambda: window.windowTitle() == "Hearth")


def test_the_sidebar_folds_to_a_rail_and_that_is_remembered(
    window: MainWindow, qtbot: QtBot, settings: SettingsFile
) -> None:
    assert window.side.isVisible()
    press(qtbot, window, keys.SIDEBAR)
    assert not window.side.isVisible()
    assert window.shell.rail.isVisible()
    assert window.shell.page.x() == RAIL_PX
    assert settings.get(SIDEBAR_VISIBLE) is False
    press(qtbot, window, keys.SIDEBAR)
    assert window.side.isVisible()
    assert settings.get(SIDEBAR_VISIBLE) is True


def test_a_small_window_folds_by_itself_and_shows_the_list_over_the_page(
    window: MainWindow, qtbot: QtBot, settings: SettingsFile, settled: Settled, lisbon: str
) -> None:
    window.sidebar.reload()
    settled(lambda: window.sidebar.title_of(lisbon) != "")
    window.resize(*SMALL)
    settled(lambda: not window.side.isVisible())
    assert settings.get(SIDEBAR_VISIBLE) is True
    press(qtbot, window, keys.SIDEBAR)
    assert window.side.isVisible()
    assert window.shell.page.x() == RAIL_PX
    window.sidebar.opened.emit(lisbon, False)
    assert not window.side.isVisible()
    press(qtbot, window, keys.SIDEBAR)
    press(qtbot, window.side, "Esc")
    assert not window.side.isVisible()
    window.resize(*WIDE)
    settled(window.side.isVisible)


def test_the_smallest_window_still_shows_the_composer(window: MainWindow, settled: Settled) -> None:
    window.resize(LEAST_SIZE)
    settled(lambda: window.width() == LEAST_SIZE.width())
    field = window.focusWidget()
    assert field is not None
    bottom = field.mapTo(window, QPoint(0, field.height())).y()
    assert bottom <= window.height()
    assert field.width() > 200


def test_models_open_by_key_and_escape_leads_back(
    window: MainWindow, qtbot: QtBot, services: GuiServices, settings: SettingsFile
) -> None:
    planning = Planning(services.profile, settings, find=lambda *_: machine())
    services.planning = lambda: planning
    press(qtbot, window, keys.MODELS)
    assert window.models_page is window.pages.currentWidget()
    assert window.side.models_button.isChecked()
    assert not window.side.settings_button.isChecked()
    press(qtbot, window, "Esc")
    assert window.pages.currentWidget() is window.chat_page
    assert not window.side.models_button.isChecked()
    window.side.models_button.click()
    assert window.pages.currentWidget() is window.models_page
    window.side.settings_button.click()
    assert not window.side.models_button.isChecked()


def test_settings_open_by_key_and_escape_leads_back(window: MainWindow, qtbot: QtBot) -> None:
    press(qtbot, window, keys.SETTINGS)
    assert isinstance(window.pages.currentWidget(), SettingsPage)
    assert window.side.settings_button.isChecked()
    press(qtbot, window, "Esc")
    assert window.pages.currentWidget() is window.chat_page
    assert isinstance(window.focusWidget(), QPlainTextEdit)
    first = window.pages.count()
    press(qtbot, window, keys.SETTINGS)
    assert window.pages.count() == first


def test_the_list_of_keys_covers_the_window_and_goes(window: MainWindow, qtbot: QtBot) -> None:
    before = window.focusWidget()
    press(qtbot, window, keys.SHORTCUTS)
    overlay = window.focusWidget()
    assert overlay is not None
    assert overlay.accessibleName() == "Keyboard shortcuts"
    assert overlay.size() == window.size()
    window.resize(900, 700)
    assert overlay.size() == window.size()
    qtbot.keyClick(overlay, Qt.Key.Key_Escape)
    assert not overlay.isVisible()
    assert window.focusWidget() is before


def test_the_list_of_keys_goes_though_what_had_the_focus_is_gone(
    window: MainWindow, qtbot: QtBot
) -> None:
    button = TextButton("Retry", parent=window)
    button.show()
    button.setFocus()
    press(qtbot, window, keys.SHORTCUTS)
    overlay = window.focusWidget()
    button.deleteLater()
    sweep()
    assert overlay is not None
    qtbot.keyClick(overlay, Qt.Key.Key_Escape)
    assert not overlay.isVisible()


@pytest.mark.parametrize(("size", "percent"), [(SMALL, 150), (LEAST_SIZE.toTuple(), 150)])
def test_the_list_of_keys_fits_and_scrolls_at_any_size(
    window: MainWindow, qtbot: QtBot, settled: Settled, size: tuple[int, int], percent: int
) -> None:
    theme.current().set_look("dark", percent)
    window.resize(*size)
    settled(lambda: window.height() == size[1])
    press(qtbot, window, keys.SHORTCUTS)
    overlay = window.findChild(ShortcutsOverlay)
    assert overlay is not None
    assert overlay.rect().contains(overlay.card.geometry())
    scroll = overlay.findChild(QScrollArea)
    assert scroll is not None
    settled(lambda: scroll.verticalScrollBar().maximum() > 0)
    assert scroll.widget().width() <= scroll.viewport().width()
    qtbot.keyClick(overlay, Qt.Key.Key_PageDown)
    assert scroll.verticalScrollBar().value() > 0
    qtbot.keyClick(overlay, Qt.Key.Key_F1)
    assert not overlay.isVisible()


def test_search_and_rename_unfold_the_sidebar(
    window: MainWindow, qtbot: QtBot, settled: Settled, lisbon: str
) -> None:
    window.sidebar.reload()
    settled(lambda: window.sidebar.title_of(lisbon) != "")
    window.open_conversation(lisbon)
    press(qtbot, window, keys.SIDEBAR)
    press(qtbot, window, keys.SEARCH)
    assert window.sidebar.search.hasFocus()
    window.open_conversation(lisbon)
    press(qtbot, window, keys.RENAME)
    assert window.sidebar.view.is_editing
    press(qtbot, window, "Esc")


def test_deleting_the_open_chat_shows_an_empty_one_and_undo_brings_it_back(
    window: MainWindow, qtbot: QtBot, settled: Settled, lisbon: str
) -> None:
    window.sidebar.reload()
    settled(lambda: window.sidebar.title_of(lisbon) != "")
    window.open_conversation(lisbon)
    settled(lambda: window.chat_page.conversation_id == lisbon)
    window.sidebar.delete(lisbon)
    settled(lambda: window.chat_page.conversation_id is None)
    assert window.windowTitle() == "Hearth"
    window.sidebar.view.setFocus()
    press(qtbot, window, keys.UNDO)
    settled(lambda: window.chat_page.conversation_id == lisbon)
    settled(lambda: window.windowTitle() == "Trip to Lisbon — Hearth")


def test_what_is_typed_on_the_list_reaches_the_composer(
    window: MainWindow, qtbot: QtBot, settled: Settled, lisbon: str
) -> None:
    window.sidebar.reload()
    settled(lambda: window.sidebar.title_of(lisbon) != "")
    window.sidebar.view.setFocus()
    qtbot.keyClick(window.sidebar.view, "h")
    field = window.focusWidget()
    assert isinstance(field, QPlainTextEdit)
    settled(lambda: field.toPlainText() == "h")
    field.clear()


def drop(window: QWidget, qapp: QApplication, path: Path) -> bool:
    """Drag a file in and let go; whether the window took it."""
    data = QMimeData()
    data.setUrls([QUrl.fromLocalFile(str(path))])
    action, none = Qt.DropAction.CopyAction, Qt.KeyboardModifier.NoModifier
    left = Qt.MouseButton.LeftButton
    enter = QDragEnterEvent(QPoint(50, 50), action, data, left, none)
    enter.setAccepted(False)
    qapp.sendEvent(window, enter)
    if not enter.isAccepted():
        return False
    qapp.sendEvent(window, QDropEvent(QPointF(50, 50), action, data, left, none))
    return True


def test_a_dropped_model_is_opened_and_other_files_are_not(
    window: MainWindow, qapp: QApplication, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    opened: list[str] = []
    monkeypatch.setattr(window.chat_page, "set_model", opened.append)
    assert not drop(window, qapp, tmp_path / "notes.txt")
    assert drop(window, qapp, tmp_path / "Some.GGUF")
    assert opened == [str(tmp_path / "Some.GGUF")]
    assert window.state().model_folder == str(tmp_path)


def test_the_dialog_opens_the_file_that_is_chosen(
    window: MainWindow, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    opened: list[str] = []
    monkeypatch.setattr(window.chat_page, "set_model", opened.append)
    press(qtbot, window, keys.OPEN_MODEL)
    dialog = window.findChild(QFileDialog)
    assert dialog is not None
    assert dialog.nameFilters()[0] == "Models (*.gguf)"
    dialog.fileSelected.emit(str(tmp_path / "m.gguf"))
    assert opened == [str(tmp_path / "m.gguf")]
    dialog.close()


def test_the_place_of_the_window_is_known(window: MainWindow) -> None:
    window.setGeometry(20, 30, 900, 650)
    state = window.state()
    assert (state.width, state.height, state.maximized) == (900, 650, False)


def test_every_key_of_the_list_is_an_action_or_belongs_to_a_page(window: MainWindow) -> None:
    actions = {action.shortcut().toString() for action in window.actions()}
    listed = {key for key, _ in keys.key_list()}
    assert listed - actions == {"Enter", "Shift+Enter", "Esc", "Del", "Alt+Up"}
    assert actions <= listed
