"""Real services around a tiny model, and guards: no window, no timer, no Qt warning is left."""

from __future__ import annotations

import gc
import re
import weakref
from collections.abc import Iterator, Sequence
from concurrent.futures import Future
from pathlib import Path
from typing import Any

import pytest
from PySide6.QtCore import QCoreApplication, QEvent, QTimer
from PySide6.QtWidgets import QApplication
from pytestqt.plugin import QtBot
from shiboken6 import isValid

from app.chat.session import ChatService
from app.conversations.repository import Repository
from app.foundation.paths import Profile, open_profile
from app.gui import theme
from app.gui.bridge import Bridge
from app.gui.crash_log import CrashLog
from app.gui.notify import Notifier
from app.gui.services import CloseStep, Fact, GuiServices
from app.settings.file import SettingsFile
from tests.fixtures.services import Bench, make_bench, starter
from tests.fixtures.store import opened_database
from tests.fixtures.tiny_models import make

DEADLINE_S = 60.0
PATIENCE_MS = 30_000
_HARMLESS = re.compile(r"This plugin does not support|QStandardPaths: XDG_RUNTIME_DIR")


def sweep() -> None:
    """Let everything that was to be deleted be deleted."""
    QCoreApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete)
    QCoreApplication.processEvents()


@pytest.fixture(autouse=True)
def _garbage_stays_on_this_thread() -> Iterator[None]:
    """As in the window: no QObject may be collected by a thread of the services."""
    gc.disable()
    yield
    gc.collect()
    gc.enable()


@pytest.fixture(autouse=True)
def _no_window_left(qapp: QApplication) -> Iterator[None]:
    """Fails the test that leaves a window behind."""
    before = set(map(id, qapp.topLevelWidgets()))
    yield
    sweep()
    left = [each for each in qapp.topLevelWidgets() if id(each) not in before]
    visible = [each for each in left if each.isVisible()]
    for each in left:
        each.deleteLater()
    sweep()
    assert not visible, f"left open: {visible}; give it to qtbot.addWidget or close it"


@pytest.fixture(autouse=True)
def _no_timer_left(qapp: QApplication, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Fails the test that leaves a timer running."""
    started: list[weakref.ref[QTimer]] = []
    start = QTimer.start

    def noted(timer: QTimer, *args: Any) -> None:
        started.append(weakref.ref(timer))
        start(timer, *args)

    monkeypatch.setattr(QTimer, "start", noted)
    yield
    sweep()
    running = [
        timer
        for timer in (reference() for reference in started)
        if timer is not None and isValid(timer) and timer.isActive()
    ]
    assert not running, f"still running: {running}, of {[each.parent() for each in running]}"


@pytest.fixture(autouse=True)
def _no_qt_warning(qtlog: Any) -> Iterator[None]:
    """Fails the test in which Qt warned of something."""
    yield
    warned = [
        record.message
        for record in qtlog.records
        if record.log_type_name in ("WARNING", "CRITICAL", "FATAL")
        and not _HARMLESS.search(record.message)
    ]
    assert not warned


@pytest.fixture(autouse=True)
def _plain_theme(qapp: QApplication) -> Iterator[None]:
    """Every test begins in the light theme at the usual text size."""
    theme.current().set_look("light", 100)
    yield
    theme.current().set_look("light", 100)


@pytest.fixture
def bridge(qapp: QApplication) -> Iterator[Bridge]:
    made = Bridge()
    yield made
    made.close()


@pytest.fixture
def profile(tmp_path: Path) -> Profile:
    return open_profile(tmp_path / "profile")


@pytest.fixture
def notify(bridge: Bridge, profile: Profile) -> Notifier:
    return Notifier(bridge, CrashLog(profile.crash_report), bridge)


@pytest.fixture
def settings(profile: Profile) -> Iterator[SettingsFile]:
    made = SettingsFile(profile.settings)
    yield made
    assert made.close(DEADLINE_S)


@pytest.fixture
def repository(profile: Profile) -> Iterator[Repository]:
    with opened_database(profile.root) as opened:
        yield Repository(opened.database)


@pytest.fixture
def bench(tmp_path: Path, tiny_models: Path) -> Iterator[Bench]:
    """A real engine, started at the first load, with a tiny model as the built-in one."""
    made = make_bench(starter(tmp_path / "starter", make("llama", tiny_models)))
    yield made
    assert made.service.close(DEADLINE_S)


def found(*facts: tuple[str, str]) -> Future[Sequence[Fact]]:
    """Facts that are there already."""
    future: Future[Sequence[Fact]] = Future()
    future.set_result([Fact(label, text) for label, text in facts])
    return future


@pytest.fixture
def services(
    profile: Profile, settings: SettingsFile, repository: Repository, bench: Bench
) -> Iterator[GuiServices]:
    chat = ChatService(repository, bench.service, settings, bench.recorder)
    yield GuiServices(
        profile=profile,
        settings=settings,
        repository=repository,
        chat=chat,
        inference=bench.service,
        recorder=bench.recorder,
        machine_facts=lambda: found(("Processor", "A tiny one"), ("Memory", "8 GB")),
        runtime_facts=lambda: found(("llama.cpp", "build 1")),
        close_steps=[CloseStep("chat", chat.close)],
    )
    assert chat.close(DEADLINE_S)


@pytest.fixture
def settled(qtbot: QtBot) -> Any:
    """Waits until something holds: `settled(lambda: list.count() == 3)`."""

    def wait(holds: Any) -> None:
        qtbot.waitUntil(holds, timeout=PATIENCE_MS)

    return wait
