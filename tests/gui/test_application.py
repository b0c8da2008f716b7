"""The window as a whole: it opens, tells what the start found, and ends by every road."""

from __future__ import annotations

import gc
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from pathlib import Path

import pytest
from PySide6.QtCore import QTimer
from PySide6.QtGui import QFileOpenEvent
from PySide6.QtWidgets import QApplication
from pytestqt.plugin import QtBot

from app.foundation.errors import DatabaseDamaged
from app.gui import application, theme, window_state
from app.gui.application import STATE_FILE, Application, Session, run
from app.gui.collecting import Collecting
from app.gui.instance import claim
from app.gui.services import CloseStep, GuiServices
from app.gui.widgets.banner import Banner
from app.gui.widgets.plain import PlainLabel
from app.gui.window_state import WindowState
from app.settings.file import SettingsFile
from app.settings.schema import TEXT_SIZE, THEME

Settled = Callable[[Callable[[], bool]], None]


@pytest.fixture
def session(qapp: QApplication, services: GuiServices) -> Iterator[Session]:
    made = Session(qapp, services)
    yield made
    made.end()


def banners(session: Session) -> list[str]:
    return [
        label.text()
        for banner in session.window.findChildren(Banner)
        if banner.isVisible()
        for label in banner.findChildren(PlainLabel)
        if label.text()
    ]


def test_run_ends_when_the_window_is_closed(
    qapp: QApplication, services: GuiServices, tmp_path: Path
) -> None:
    closed: list[str] = []
    painted: list[bool] = []

    def after_first_paint() -> None:
        window = next(each for each in qapp.topLevelWidgets() if each.isVisible())
        painted.append(True)
        QTimer.singleShot(0, window, window.close)

    services.after_first_paint = after_first_paint
    services.close_steps.append(CloseStep("last", lambda _: closed.append("last") is None))
    lock = claim(services.profile)
    assert lock is not None
    assert run(services, lock) == 0
    assert painted == [True]
    assert closed == ["last"]
    assert (services.profile.state / STATE_FILE).exists()
    again = claim(services.profile)
    assert again is not None
    again.release()


@pytest.mark.skipif(sys.platform == "win32", reason="signals are sent by kill")
def test_run_ends_on_sigterm(qapp: QApplication, services: GuiServices) -> None:
    def after_first_paint() -> None:
        threading.Timer(0.05, signal.raise_signal, (signal.SIGTERM,)).start()

    services.after_first_paint = after_first_paint
    assert run(services) == 0


def test_the_window_is_gone_before_the_services_are(
    session: Session, services: GuiServices, qtbot: QtBot
) -> None:
    session.open()
    qtbot.waitUntil(session.window.isVisible)
    session.quit()
    assert not session.window.isVisible()


def test_a_start_says_what_it_found(
    services: GuiServices, qapp: QApplication, settled: Settled
) -> None:
    services.safe_mode = True
    services.notices.append(
        DatabaseDamaged("The database was damaged.", "It was kept aside.", "Use the backup.")
    )
    restored: Future[None] = Future()
    services.restore_backup = lambda: restored
    session = Session(qapp, services)
    session.open()
    settled(lambda: "Hearth started in safe mode." in banners(session))
    shown = banners(session)
    assert "The database was damaged." in shown
    assert "It was kept aside. Use the backup." in shown
    banner = next(
        each
        for each in session.window.findChildren(Banner)
        if each.accessibleName() == "The database was damaged."
    )
    banner.take_action()
    restored.set_result(None)
    settled(lambda: session.notify.toast is not None and session.notify.toast.isVisible())
    settled(lambda: "The database was damaged." not in banners(session))
    session.end()


def test_the_look_follows_the_settings(
    session: Session, settings: SettingsFile, settled: Settled
) -> None:
    settings.set(THEME, "dark")
    settled(lambda: theme.current().dark)
    settings.set(TEXT_SIZE, 120)
    settled(lambda: theme.current().text_percent == 120)
    settings.set(THEME, "light")
    settled(lambda: not theme.current().dark)


def test_the_window_comes_back_where_it_was(session: Session, services: GuiServices) -> None:
    path = services.profile.state / STATE_FILE
    window_state.save(path, WindowState(5, 6, 700, 500))
    session.open()
    assert (session.window.width(), session.window.height()) == (700, 500)
    session.window.resize(640, 480)
    session.quit()
    assert (window_state.load(path).width, window_state.load(path).height) == (640, 480)


def test_another_start_opens_its_model_here(
    session: Session, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    opened: list[str] = []
    monkeypatch.setattr(session.window.chat_page, "set_model", opened.append)
    session.open()
    session.window.hide()
    session.raised(str(tmp_path / "m.gguf"))
    assert session.window.isVisible()
    session.raised("")
    assert opened == [str(tmp_path / "m.gguf")]


def test_files_that_macos_asks_for_are_opened_also_those_before_the_window(
    session: Session, qapp: QApplication, monkeypatch: pytest.MonkeyPatch, settled: Settled
) -> None:
    assert isinstance(qapp, Application)
    monkeypatch.setattr(qapp, "_waiting", [])
    opened: list[str] = []
    monkeypatch.setattr(session.window, "open_model", opened.append)
    qapp.sendEvent(qapp, QFileOpenEvent("/before.gguf"))
    assert opened == []
    session.open()
    settled(lambda: opened == ["/before.gguf"])
    qapp.sendEvent(qapp, QFileOpenEvent("/later.gguf"))
    assert opened == ["/before.gguf", "/later.gguf"]


def test_a_model_named_at_the_start_is_opened(
    services: GuiServices, qapp: QApplication, settled: Settled, tmp_path: Path
) -> None:
    services.open_model = str(tmp_path / "missing.gguf")
    session = Session(qapp, services)
    session.open()
    settled(lambda: session.notify.toast is not None and session.notify.toast.isVisible())
    session.end()


def test_garbage_is_collected_on_this_thread_alone(qapp: QApplication) -> None:
    threads: list[int] = []

    def noted(phase: str, _info: dict[str, int]) -> None:
        threads.append(threading.get_ident())

    def make_garbage() -> None:
        for _ in range(20_000):
            cycle: list[object] = []
            cycle.append(cycle)

    collecting = Collecting()
    gc.callbacks.append(noted)
    try:
        worker = threading.Thread(target=make_garbage)
        worker.start()
        worker.join()
        assert threads == []
        collecting.collect()
        assert set(threads) == {threading.get_ident()}
    finally:
        gc.callbacks.remove(noted)
        collecting.close()
        collecting.deleteLater()
    assert gc.isenabled()
    gc.disable()


def test_there_is_one_application(qapp: QApplication) -> None:
    assert application.application() is qapp
