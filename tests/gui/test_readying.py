"""Pages are imported on a thread of their own, and are shown as they come."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator

import pytest
from pytestqt.plugin import QtBot

from app.gui.bridge import Bridge
from app.gui.main_window import MainWindow
from app.gui.notify import Notifier
from app.gui.services import GuiServices
from app.gui.settings.page import SettingsPage
from app.gui.widgets.coming import ComingPage
from app.gui.window_state import WindowState

Settled = Callable[[Callable[[], bool]], None]
# Objects of Qt belong to the thread that made them: none may be made by the import of a page.
IMPORTED = """
import gc, sys, threading
gc.disable()
from PySide6.QtCore import QObject
from PySide6.QtWidgets import QApplication
app = QApplication([])
import app.gui.readying as readying
before = {id(each) for each in gc.get_objects() if isinstance(each, QObject)}
thread = threading.Thread(target=readying._import_all)
thread.start()
thread.join()
assert all(name in sys.modules for name in readying.MODULES)
found = [each for each in gc.get_objects() if isinstance(each, QObject) and id(each) not in before]
assert not found, found
"""


@pytest.fixture
def window(
    qtbot: QtBot, services: GuiServices, bridge: Bridge, notify: Notifier
) -> Iterator[MainWindow]:
    made = MainWindow(services, bridge, notify)
    qtbot.addWidget(made)
    made.show_first(WindowState(0, 0, 800, 600))
    yield made
    if notify.toast is not None:
        notify.toast.dismiss()


def test_importing_a_page_makes_nothing_of_qt() -> None:
    done = subprocess.run(
        [sys.executable, "-c", IMPORTED], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


def test_a_click_before_that_shows_the_frame_and_then_the_page(
    window: MainWindow, settled: Settled
) -> None:
    window.readying.begin_soon()
    window.side.settings_button.click()
    coming = window.pages.currentWidget()
    assert isinstance(coming, ComingPage)
    assert coming.accessibleName() == "Settings"
    assert coming.isAncestorOf(window.focusWidget())
    assert window.side.settings_button.isChecked()
    settled(lambda: isinstance(window.pages.currentWidget(), SettingsPage))
    page = window.pages.currentWidget()
    assert page is not None
    assert page.isAncestorOf(window.focusWidget())
    assert window.side.settings_button.isChecked()


def test_who_has_gone_on_is_not_led_back(window: MainWindow, settled: Settled) -> None:
    window.readying.begin_soon()
    window.show_settings()
    window.show_chat()
    settled(lambda: not window.readying.has_to_wait(lambda: None))
    assert window.pages.currentWidget() is window.chat_page


def test_nobody_waits_where_nothing_is_on_its_way(window: MainWindow) -> None:
    window.show_settings()
    assert isinstance(window.pages.currentWidget(), SettingsPage)
