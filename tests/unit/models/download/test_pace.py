"""Speeds over a window of a steady clock, and one limit for all."""

from __future__ import annotations

import threading
import time

import pytest

from app.foundation.cancellation import Cancellation
from app.models.download.pace import Limit, Meter

MB = 1_000_000


class Clock:
    """Stands still unless it is moved."""

    def __init__(self) -> None:
        self.now_s = 1000.0

    def __call__(self) -> float:
        return self.now_s


def fed(clock: Clock, meter: Meter, seconds: float, bytes_per_s: int, step_s: float = 0.1) -> None:
    for _ in range(round(seconds / step_s)):
        clock.now_s += step_s
        meter.add(round(bytes_per_s * step_s))


def begun(clock: Clock) -> Meter:
    meter = Meter(clock)
    meter.begin()
    return meter


def test_an_even_flow_has_its_speed_and_time_left() -> None:
    clock = Clock()
    meter = begun(clock)
    fed(clock, meter, 40, 2 * MB)
    assert meter.bytes_per_s() == pytest.approx(2 * MB, rel=0.1)
    assert meter.left_s(100 * MB) == pytest.approx(50, rel=0.1)


def test_it_is_the_speed_of_now_not_of_long_ago() -> None:
    clock = Clock()
    meter = begun(clock)
    fed(clock, meter, 60, 10 * MB)
    fed(clock, meter, 8, MB)
    assert meter.bytes_per_s() == pytest.approx(MB, rel=0.1)


def test_a_line_that_stalls_goes_down_to_nothing() -> None:
    clock = Clock()
    meter = begun(clock)
    fed(clock, meter, 10, 10 * MB)
    clock.now_s += 4
    assert 0 < meter.bytes_per_s() < 5 * MB
    clock.now_s += 600
    assert meter.bytes_per_s() < 1 * MB


def test_nothing_is_said_before_anything_is_known() -> None:
    clock = Clock()
    meter = Meter(clock)
    assert meter.bytes_per_s() == 0
    assert meter.left_s(MB) is None
    meter.begin()
    clock.now_s += 0.01
    meter.add(MB)
    assert meter.bytes_per_s() == 0


def test_a_computer_that_slept_is_right_again_soon() -> None:
    clock = Clock()
    meter = begun(clock)
    fed(clock, meter, 30, 10 * MB)
    clock.now_s += 8 * 3600
    fed(clock, meter, 3, 10 * MB)
    assert meter.bytes_per_s() == pytest.approx(10 * MB, rel=0.1)
    assert meter.left_s(100 * MB) == pytest.approx(10, rel=0.1)


def test_what_was_taken_long_ago_takes_no_room() -> None:
    clock = Clock()
    meter = begun(clock)
    fed(clock, meter, 3600, MB)
    assert len(meter._marks) < 200


def test_no_limit_makes_nobody_wait() -> None:
    limit = Limit(lambda: 0)
    for _ in range(1000):
        limit.take(MB, Cancellation())
    assert limit.piece_bytes() >= 64 * 1024


def test_a_limit_holds_for_all_together() -> None:
    most, n_threads, each_bytes, piece = 2 * MB, 4, 250_000, 10_000
    limit, stop = Limit(lambda: most), Cancellation()
    began_s = time.monotonic()

    def read() -> None:
        for _ in range(each_bytes // piece):
            limit.take(piece, stop)

    threads = [threading.Thread(target=read) for _ in range(n_threads)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    # A burst of an eighth of a second is free; what is over the limit must have been waited for.
    least_s = (n_threads * each_bytes - most / 8 - n_threads * piece) / most
    assert time.monotonic() - began_s >= least_s


def test_a_wait_ends_when_it_is_stopped_or_the_limit_goes() -> None:
    values = [1000]
    limit = Limit(lambda: values[0])
    stop = Cancellation()
    timer = threading.Timer(0.05, stop.cancel)
    timer.start()
    limit.take(100 * MB, stop)
    assert stop.is_set
    timer.join()
    timer = threading.Timer(0.05, lambda: values.__setitem__(0, 0))
    timer.start()
    limit.take(100 * MB, Cancellation())
    assert values == [0]
    timer.join()
    limit.take(100 * MB, Cancellation())


def test_a_slow_limit_is_taken_in_small_pieces() -> None:
    assert Limit(lambda: 20_000).piece_bytes() == 2500
    assert Limit(lambda: 10).piece_bytes() == 1024
