"""The strip, the list and what is said: with real downloads, by mouse and keyboard."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QCloseEvent
from PySide6.QtWidgets import QApplication, QVBoxLayout, QWidget
from pytestqt.plugin import QtBot

from app.gui.bridge import Bridge
from app.gui.downloads.panel import DownloadsPanel
from app.gui.downloads.place import DownloadsPlace
from app.gui.downloads.row import DownloadRow
from app.gui.downloads.strip import DownloadsButton, DownloadsStrip
from app.gui.downloads.words import are_moving
from app.gui.notify import Notifier
from app.gui.services import GuiServices
from app.models.download.downloads import Downloads
from app.models.wanted import Progress, State
from tests.gui.conftest import sweep
from tests.gui.downloads.conftest import large, missing, tiny
from tests.hub.server import LoopbackHub

Settled = Callable[[Callable[[], bool]], None]


class Stand(QWidget):
    """A window with the strip in it, and something to have the focus."""

    def __init__(self, services: GuiServices, bridge: Bridge, notify: Notifier) -> None:
        super().__init__()
        self.closings = 0
        self.place = DownloadsPlace(services, bridge, notify, self)
        self.strip = DownloadsStrip(self.place.model)
        self.button = DownloadsButton(self.place.model)
        self.place.opens(self.strip, self.button)
        self.field = QWidget()
        self.field.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        column = QVBoxLayout(self)
        column.addWidget(self.field, 1)
        column.addWidget(self.strip)
        column.addWidget(self.button)
        notify.attach(self)
        self.resize(640, 560)

    def closeEvent(self, event: QCloseEvent) -> None:
        self.closings += 1
        super().closeEvent(event)


@pytest.fixture
def stand(
    qtbot: QtBot,
    services: GuiServices,
    build: Callable[[], Downloads],
    bridge: Bridge,
    notify: Notifier,
) -> Iterator[Stand]:
    services.downloads = build
    made = Stand(services, bridge, notify)
    qtbot.addWidget(made)
    made.show()
    made.place.model.open()
    made.field.setFocus()
    yield made
    made.place.telling.let_go()
    made.place.model.close()
    if made.place.panel.isVisible():
        made.place.panel.close_panel()
    if notify.toast is not None:
        notify.toast.dismiss()


def row(panel: DownloadsPanel, key: str) -> DownloadRow:
    return panel.rows[key]


def test_nothing_is_shown_while_there_is_nothing_to_say(stand: Stand, settled: Settled) -> None:
    assert not stand.strip.isVisible()
    assert not stand.button.isVisible()
    stand.place.toggle_list()
    assert stand.place.panel.empty.isVisible()


def test_the_strip_says_how_far_it_is_and_opens_the_list(
    qtbot: QtBot, stand: Stand, slow: LoopbackHub, settled: Settled
) -> None:
    wanted = large()
    stand.place.model.add(wanted)
    assert stand.strip.isVisible()
    settled(lambda: (stand.strip.bar.share or 0) > 0)
    assert stand.strip.title.whole == "Sown 8B"
    assert "%" in stand.strip.detail.whole
    assert "Sown 8B" in stand.strip.accessibleDescription()
    assert "%" in stand.button.accessibleDescription()
    qtbot.mouseClick(stand.strip, Qt.MouseButton.LeftButton)
    panel = stand.place.panel
    assert panel.isVisible()
    assert "MB" in row(panel, wanted.key).words
    assert panel.foot.isVisible()
    assert panel.geometry().bottom() < stand.strip.geometry().top()
    qtbot.mouseClick(row(panel, wanted.key).pause, Qt.MouseButton.LeftButton)
    assert "Paused" in row(panel, wanted.key).words
    assert row(panel, wanted.key).resume.isVisible()
    assert "paused" in stand.strip.detail.whole
    qtbot.mouseClick(stand.strip, Qt.MouseButton.LeftButton)
    assert not panel.isVisible()


def test_cancelling_can_be_undone_in_place(
    qtbot: QtBot, stand: Stand, slow: LoopbackHub, settled: Settled
) -> None:
    wanted = large()
    stand.place.model.add(wanted)
    stand.place.show_list()
    panel = stand.place.panel
    settled(lambda: (stand.strip.bar.share or 0) > 0)
    row(panel, wanted.key).cancel.click()
    assert "Cancelled" in row(panel, wanted.key).words
    assert not stand.strip.isVisible()
    row(panel, wanted.key).undo.click()
    assert stand.strip.isVisible()
    stand.place.model.undo_ms = 0
    row(panel, wanted.key).cancel.click()
    settled(lambda: wanted.key not in panel.rows)


def test_the_list_keeps_its_height_when_nothing_moves_any_more(
    stand: Stand, slow: LoopbackHub, settled: Settled
) -> None:
    wanted = large()
    stand.place.model.add(wanted)
    stand.place.show_list()
    panel = stand.place.panel
    row(panel, wanted.key).pause.click()
    settled(lambda: not panel.foot.isVisible())
    panel.close_panel()
    panel.open()
    assert panel.height() > row(panel, wanted.key).height()


def test_the_list_has_a_height_where_everything_is_there(stand: Stand, settled: Settled) -> None:
    wanted = tiny()
    stand.place.model.add(wanted)
    settled(lambda: (at := stand.place.model.of(wanted)) is not None and at.state == "done")
    stand.place.show_list()
    panel = stand.place.panel
    assert panel.height() > row(panel, wanted.key).height() + panel.clear_button.height()


def test_the_list_takes_the_keyboard_and_gives_it_back(
    qtbot: QtBot, stand: Stand, settled: Settled
) -> None:
    wanted = tiny()
    stand.place.model.add(wanted)
    settled(lambda: (at := stand.place.model.of(wanted)) is not None and at.state == "done")
    stand.place.toggle_list()
    panel = stand.place.panel
    assert stand.focusWidget() is panel
    qtbot.keyClick(panel, Qt.Key.Key_Tab)
    assert panel.isAncestorOf(stand.focusWidget())
    qtbot.keyClick(stand.focusWidget(), Qt.Key.Key_Escape)
    assert not panel.isVisible()
    assert stand.focusWidget() is stand.field


def test_the_list_goes_though_what_had_the_focus_is_gone(qtbot: QtBot, stand: Stand) -> None:
    stand.field.setFocus()
    stand.place.toggle_list()
    stand.field.deleteLater()
    sweep()
    qtbot.keyClick(stand.focusWidget(), Qt.Key.Key_Escape)
    assert not stand.place.panel.isVisible()


def test_a_press_beside_the_list_puts_it_away(qtbot: QtBot, stand: Stand) -> None:
    stand.place.toggle_list()
    qtbot.mouseClick(stand.place.panel, Qt.MouseButton.LeftButton)
    assert stand.place.panel.isVisible()
    qtbot.mouseClick(stand.field, Qt.MouseButton.LeftButton)
    assert not stand.place.panel.isVisible()


def test_what_is_there_is_said_with_a_way_to_use_it(
    stand: Stand, notify: Notifier, settled: Settled
) -> None:
    used: list[str] = []
    stand.place.use_asked.connect(used.append)
    wanted = tiny()
    stand.place.model.add(wanted)
    settled(lambda: notify.toast is not None and notify.toast.isVisible())
    assert notify.toast is not None
    assert notify.toast.title.text() == "Tiny Llama is here and checked."
    notify.toast.action.click()
    (path,) = used
    assert path.endswith("Tiny-Llama-Q8_0.gguf")
    assert stand.strip.detail.whole == "Ready"
    stand.place.show_list()
    stand.place.panel.clear_button.click()
    settled(lambda: not stand.strip.isVisible())


def test_what_failed_says_why_in_the_list(stand: Stand, notify: Notifier, settled: Settled) -> None:
    wanted = missing()
    stand.place.model.add(wanted)
    settled(lambda: notify.toast is not None and notify.toast.isVisible())
    assert notify.toast is not None
    assert "could not be downloaded" in notify.toast.title.text()
    notify.toast.action.click()
    panel = stand.place.panel
    assert panel.isVisible()
    assert row(panel, wanted.key).again.isVisible()
    assert row(panel, wanted.key).reason.text()
    assert "Could not" in stand.strip.detail.whole


def test_closing_says_first_that_it_goes_on_next_time(
    stand: Stand, slow: LoopbackHub, notify: Notifier, settled: Settled
) -> None:
    wanted = large()
    stand.place.model.add(wanted)
    stand.close()
    assert stand.isVisible()
    assert stand.closings == 0
    assert notify.toast is not None
    assert notify.toast.notice is not None
    assert "still being downloaded" in notify.toast.notice.title
    assert "goes on" in notify.toast.notice.detail
    notify.toast.dismiss()
    stand.close()
    assert stand.isVisible()
    stand.close()  # said, and closed all the same
    assert not stand.isVisible()
    assert stand.closings == 1


def test_closing_with_the_button_of_the_sentence_closes(
    stand: Stand, slow: LoopbackHub, notify: Notifier
) -> None:
    stand.place.model.add(large())
    stand.close()
    assert notify.toast is not None
    notify.toast.action.click()
    assert not stand.isVisible()


def test_what_only_waits_keeps_no_window_open() -> None:
    def at(state: State) -> Progress:
        return Progress("k", large(), state)

    assert not are_moving([at("waiting"), at("queued"), at("paused"), at("done")])
    assert are_moving([at("waiting"), at("downloading")])
    assert are_moving([at("queued")])
    assert not are_moving([])


def test_what_is_paused_keeps_no_window_open(
    stand: Stand, slow: LoopbackHub, settled: Settled
) -> None:
    wanted = large()
    stand.place.model.add(wanted)
    stand.place.model.pause(wanted.key)
    stand.close()
    assert not stand.isVisible()
    QApplication.processEvents()
