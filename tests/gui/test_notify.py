"""Errors for people are told, bugs are kept and reported, nothing is lost."""

from __future__ import annotations

import stat
import sys
import threading
from collections.abc import Iterator

import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QWidget
from pytestqt.plugin import QtBot

from app.foundation.errors import StorageFull
from app.foundation.paths import Profile
from app.gui import crash_log
from app.gui.bridge import Bridge
from app.gui.crash_log import CrashLog
from app.gui.notify import Notifier
from app.gui.widgets.report import ReportDialog
from app.gui.widgets.toast import STAYS_MS, Notice, Toast

FULL = StorageFull("The disk is full.", "Nothing was saved.", "Free some space.")


@pytest.fixture
def host(qtbot: QtBot) -> QWidget:
    widget = QWidget()
    widget.resize(700, 500)
    qtbot.addWidget(widget)
    widget.show()
    return widget


@pytest.fixture
def hooked(notify: Notifier) -> Iterator[Notifier]:
    notify.install_hooks()
    yield notify
    notify.remove_hooks()


def shown(notify: Notifier) -> Notice:
    assert notify.toast is not None
    notice = notify.toast.notice
    assert notice is not None
    return notice


def test_an_error_for_people_is_a_sentence_with_its_remedy(notify: Notifier, host: QWidget) -> None:
    notify.attach(host)
    notify.error(FULL)
    notice = shown(notify)
    assert notice.title == "The disk is full."
    assert notice.detail == "Nothing was saved. Free some space."
    assert notice.lasting


def test_what_is_told_before_the_window_is_there_is_shown_by_it(
    notify: Notifier, host: QWidget, qtbot: QtBot
) -> None:
    notify.error(FULL)
    try:
        raise ZeroDivisionError("early")
    except ZeroDivisionError as error:
        notify.error(error)
    qtbot.wait(1)
    notify.attach(host)
    assert shown(notify).title == "The disk is full."
    assert "early" in report_of(host, qtbot).text
    report_of(host, qtbot).close()


def report_of(host: QWidget, qtbot: QtBot) -> ReportDialog:
    qtbot.waitUntil(lambda: bool(host.findChildren(ReportDialog)))
    return host.findChildren(ReportDialog)[0]


def test_a_bug_in_a_thread_is_kept_and_reported(
    hooked: Notifier, host: QWidget, qtbot: QtBot, profile: Profile
) -> None:
    hooked.attach(host)

    def fail() -> None:
        raise RuntimeError("in a thread")

    worker = threading.Thread(target=fail, name="the-worker")
    worker.start()
    worker.join()
    report = report_of(host, qtbot)
    assert "RuntimeError: in a thread" in report.text
    kept = profile.crash_report.read_text("utf-8")
    assert "RuntimeError: in a thread" in kept
    assert "the-worker" in kept
    report.close()


def test_bugs_of_slots_and_finalizers_are_caught_too(
    hooked: Notifier, host: QWidget, qtbot: QtBot, profile: Profile
) -> None:
    hooked.attach(host)
    try:
        raise LookupError("in a slot")
    except LookupError as error:
        sys.excepthook(LookupError, error, error.__traceback__)

    class Dying:
        def __del__(self) -> None:
            raise OSError("at the end")

    dying = Dying()
    del dying
    report = report_of(host, qtbot)
    qtbot.waitUntil(lambda: "at the end" in report.text)
    assert "in a slot" in report.text
    assert len(host.findChildren(ReportDialog)) == 1
    report.close()


def test_the_hooks_are_put_back(notify: Notifier) -> None:
    before = (sys.excepthook, threading.excepthook, sys.unraisablehook)
    notify.install_hooks()
    assert sys.excepthook is not before[0]
    notify.remove_hooks()
    assert (sys.excepthook, threading.excepthook, sys.unraisablehook) == before


def test_ctrl_c_is_not_a_bug(hooked: Notifier, host: QWidget, profile: Profile) -> None:
    hooked.attach(host)
    sys.excepthook(KeyboardInterrupt, KeyboardInterrupt(), None)
    assert not profile.crash_report.exists()


def test_an_error_that_a_future_ends_in_is_told(
    notify: Notifier, host: QWidget, bridge: Bridge, qtbot: QtBot
) -> None:
    from concurrent.futures import Future

    notify.attach(host)
    future: Future[None] = Future()
    bridge.watch(future)
    future.set_exception(FULL)
    qtbot.waitUntil(lambda: notify.toast is not None and notify.toast.notice is not None)
    assert shown(notify).title == FULL.title


def test_an_offer_is_taken_with_its_button(notify: Notifier, host: QWidget, qtbot: QtBot) -> None:
    taken: list[int] = []
    notify.attach(host)
    notify.offer("It was deleted.", "Undo", lambda: taken.append(1))
    toast = notify.toast
    assert isinstance(toast, Toast)
    assert toast.isVisible()
    qtbot.mouseClick(toast.action, Qt.MouseButton.LeftButton)
    assert taken == [1]
    assert toast.isHidden()


def test_a_toast_goes_by_itself_but_an_error_stays(notify: Notifier, host: QWidget) -> None:
    notify.attach(host)
    toast = notify.toast
    assert toast is not None
    notify.tell("Copied.")
    assert 0 < toast.remaining_ms < 2 * STAYS_MS
    notify.error(FULL)
    assert toast.remaining_ms < 0
    notify.withdraw()
    assert toast.notice is not None
    toast.dismiss()


def test_a_toast_lies_above_what_must_stay_clear(notify: Notifier, host: QWidget) -> None:
    foot = QWidget(host)
    foot.setGeometry(0, 400, 700, 100)
    foot.show()
    notify.attach(host)
    notify.keep_clear(foot)
    notify.tell("Words.", "More words. " * 20)
    toast = notify.toast
    assert toast is not None
    assert toast.geometry().bottom() < 400
    assert toast.geometry().top() >= 0
    host.resize(400, 500)
    assert toast.geometry().right() <= 400
    toast.dismiss()


def test_the_crash_log_is_private_and_bounded(
    profile: Profile, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(crash_log, "LIMIT_BYTES", 1000)
    log = CrashLog(profile.crash_report)
    for number in range(20):
        log.append(f"Traceback {number}\n" + "x" * 200, "a thread")
    assert stat.S_IMODE(profile.crash_report.stat().st_mode) == 0o600
    assert profile.crash_report.stat().st_size < 2000
    assert "Traceback 19" in profile.crash_report.read_text("utf-8")
    assert profile.crash_report.with_suffix(".old.txt").exists()


def test_a_crash_log_that_cannot_be_written_is_no_second_error(profile: Profile) -> None:
    CrashLog(profile.root / "missing" / "crash.txt").append("Traceback")
