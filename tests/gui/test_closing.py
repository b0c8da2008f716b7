"""Quitting: in order, off the GUI thread, within the deadline; signals ask for it."""

from __future__ import annotations

import os
import signal
import threading

import pytest
from pytestqt.plugin import QtBot

from app.gui.bridge import Bridge
from app.gui.closing import Closing
from app.gui.services import CloseStep
from app.gui.signals import QuitSignals


def test_steps_run_in_order_off_the_gui_thread(qtbot: QtBot, bridge: Bridge) -> None:
    seen: list[tuple[str, bool]] = []

    def step(name: str) -> CloseStep:
        def close(deadline_s: float) -> bool:
            seen.append((name, threading.current_thread() is threading.main_thread()))
            return deadline_s > 0

        return CloseStep(name, close)

    closing = Closing([step("chat"), step("engine"), step("database")], bridge)
    with qtbot.waitSignal(closing.ended):
        closing.begin()
        closing.begin()
    assert seen == [("chat", False), ("engine", False), ("database", False)]
    closing.deleteLater()


def test_a_step_that_fails_does_not_keep_the_next_from_closing(
    qtbot: QtBot, bridge: Bridge, caplog: pytest.LogCaptureFixture
) -> None:
    closed = threading.Event()

    def fails(_: float) -> bool:
        raise OSError("no")

    def works(_: float) -> bool:
        closed.set()
        return False

    closing = Closing([CloseStep("engine", fails), CloseStep("database", works)], bridge)
    with qtbot.waitSignal(closing.ended):
        closing.begin()
    assert closed.is_set()
    assert "engine failed" in caplog.text
    assert "database did not end" in caplog.text
    closing.deleteLater()


def test_a_step_that_hangs_does_not_keep_the_window_from_ending(
    qtbot: QtBot, bridge: Bridge
) -> None:
    release = threading.Event()
    closing = Closing([CloseStep("engine", lambda _: release.wait(60))], bridge, deadline_s=0.05)
    with qtbot.waitSignal(closing.ended):
        closing.begin()
    assert not closing.wait()
    release.set()
    closing.deleteLater()


def test_without_an_event_loop_the_steps_are_waited_for(bridge: Bridge) -> None:
    closed = threading.Event()

    def close(_: float) -> bool:
        closed.set()
        return True

    closing = Closing([CloseStep("database", close)], bridge, deadline_s=30)
    assert closing.wait()
    assert closed.is_set()
    closing.deleteLater()


@pytest.mark.skipif(os.name != "posix", reason="signals are sent by kill")
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_asks_to_quit_and_the_old_handlers_return(qtbot: QtBot, number: int) -> None:
    before = signal.getsignal(number)
    signals = QuitSignals()
    with qtbot.waitSignal(signals.asked):
        os.kill(os.getpid(), number)
    signals.close()
    signals.deleteLater()
    assert signal.getsignal(number) is before
