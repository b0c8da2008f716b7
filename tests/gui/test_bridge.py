"""What other threads hand over arrives on the GUI thread, in order, and only while wanted."""

from __future__ import annotations

import gc
import threading
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from typing import Any

import pytest
from PySide6.QtCore import QCoreApplication, QEvent, QObject
from pytestqt.exceptions import capture_exceptions
from pytestqt.plugin import QtBot

from app.gui.bridge import Bridge

N_ITEMS = 5_000


class Desk(QObject):
    """Notes what it is given, and on which thread."""

    def __init__(self) -> None:
        super().__init__()
        self.results: list[Any] = []
        self.batches: list[list[int]] = []
        self.errors: list[BaseException] = []
        self.threads: set[int] = set()

    def result(self, value: Any) -> None:
        self.threads.add(threading.get_ident())
        self.results.append(value)

    def labelled(self, label: str, value: Any) -> None:
        self.results.append((label, value))

    def batch(self, items: list[int]) -> None:
        self.threads.add(threading.get_ident())
        self.batches.append(items)

    def error(self, error: BaseException) -> None:
        self.errors.append(error)

    def fails(self, value: Any) -> None:
        raise ValueError(value)


def test_a_future_of_another_thread_arrives_on_this_one(qtbot: QtBot, bridge: Bridge) -> None:
    desk = Desk()
    with ThreadPoolExecutor(1) as pool:
        bridge.watch(pool.submit(lambda: 3), desk.result)
        qtbot.waitUntil(lambda: desk.results == [3])
    assert desk.threads == {threading.get_ident()}


def test_a_future_that_is_done_is_never_delivered_inside_watch(
    qtbot: QtBot, bridge: Bridge
) -> None:
    desk = Desk()
    future: Future[int] = Future()
    future.set_result(1)
    bridge.watch(future, desk.result)
    assert desk.results == []
    qtbot.waitUntil(lambda: desk.results == [1])


def test_a_partial_carries_its_arguments(qtbot: QtBot, bridge: Bridge) -> None:
    desk = Desk()
    future: Future[int] = Future()
    bridge.watch(future, partial(desk.labelled, "a"))
    future.set_result(2)
    qtbot.waitUntil(lambda: desk.results == [("a", 2)])


def test_an_error_goes_where_it_was_asked_to_or_to_the_common_place(
    qtbot: QtBot, bridge: Bridge
) -> None:
    own, common = Desk(), Desk()
    bridge.set_failure_receiver(common.error)
    for receiver in (own.error, None):
        future: Future[int] = Future()
        bridge.watch(future, own.result, receiver)
        future.set_exception(KeyError("k"))
    qtbot.waitUntil(lambda: len(own.errors) == len(common.errors) == 1)
    assert own.results == []


def test_an_error_nobody_asked_for_is_not_lost(qtbot: QtBot, bridge: Bridge) -> None:
    future: Future[int] = Future()
    with capture_exceptions() as caught:
        bridge.watch(future)
        future.set_exception(KeyError("k"))
        qtbot.waitUntil(lambda: bool(caught))
    assert caught[0][0] is KeyError


def test_a_cancelled_future_calls_nobody(qtbot: QtBot, bridge: Bridge) -> None:
    desk, marker = Desk(), Desk()
    cancelled: Future[int] = Future()
    bridge.watch(cancelled, desk.result, desk.error)
    cancelled.cancel()
    after: Future[int] = Future()
    bridge.watch(after, marker.result)
    after.set_result(0)
    qtbot.waitUntil(lambda: marker.results == [0])
    assert (desk.results, desk.errors) == ([], [])


@pytest.mark.parametrize("way", ["forgotten", "deleted"])
def test_a_receiver_that_is_gone_is_skipped(qtbot: QtBot, bridge: Bridge, way: str) -> None:
    gone, marker = Desk(), Desk()
    future: Future[int] = Future()
    bridge.watch(future, gone.result)
    if way == "forgotten":
        del gone
        gc.collect()
    else:
        gone.deleteLater()
        QCoreApplication.sendPostedEvents(gone, QEvent.Type.DeferredDelete)
    future.set_result(1)
    bridge.watch(future, marker.result)
    qtbot.waitUntil(lambda: marker.results == [1])


def test_only_methods_of_qobjects_may_receive(bridge: Bridge) -> None:
    future: Future[int] = Future()
    for target in (print, lambda value: value, [].append):
        with pytest.raises(TypeError):
            bridge.watch(future, target)


def test_one_receivers_bug_does_not_cost_the_next(qtbot: QtBot, bridge: Bridge) -> None:
    bad, good = Desk(), Desk()
    future: Future[int] = Future()
    bridge.watch(future, bad.fails)
    bridge.watch(future, good.result)
    with capture_exceptions() as caught:
        future.set_result(1)
        qtbot.waitUntil(lambda: good.results == [1])
    assert caught[0][0] is ValueError


def test_a_mailbox_keeps_order_and_delivers_in_batches(qtbot: QtBot, bridge: Bridge) -> None:
    desk = Desk()
    mailbox = bridge.mailbox(desk.batch)
    writer = threading.Thread(target=lambda: [mailbox.append(n) for n in range(N_ITEMS)])
    writer.start()
    qtbot.waitUntil(lambda: sum(map(len, desk.batches)) == N_ITEMS)
    writer.join()
    assert [n for batch in desk.batches for n in batch] == list(range(N_ITEMS))
    assert len(desk.batches) < N_ITEMS / 10
    assert desk.threads == {threading.get_ident()}


def test_several_writers_lose_nothing(qtbot: QtBot, bridge: Bridge) -> None:
    desk = Desk()
    mailbox = bridge.mailbox(desk.batch)

    def write(first: int) -> None:
        for n in range(first, first + N_ITEMS):
            mailbox.append(n)

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(write, range(0, 4 * N_ITEMS, N_ITEMS)))
    qtbot.waitUntil(lambda: sum(map(len, desk.batches)) == 4 * N_ITEMS)
    assert sorted(n for batch in desk.batches for n in batch) == list(range(4 * N_ITEMS))


def test_a_relay_runs_its_method_on_the_gui_thread(qtbot: QtBot, bridge: Bridge) -> None:
    desk = Desk()
    relay = bridge.relay(desk.result)
    threading.Thread(target=relay, args=(7,)).start()
    qtbot.waitUntil(lambda: desk.results == [7])
    assert desk.threads == {threading.get_ident()}


def test_a_closed_bridge_delivers_nothing_and_does_not_fail(qtbot: QtBot, qapp: Any) -> None:
    bridge, desk = Bridge(), Desk()
    mailbox = bridge.mailbox(desk.batch)
    future: Future[int] = Future()
    bridge.watch(future, desk.result)
    mailbox.append(1)
    bridge.close()
    mailbox.append(2)
    future.set_result(1)
    bridge.relay(desk.result)(1)
    qapp.processEvents()
    assert (desk.batches, desk.results) == ([], [])
