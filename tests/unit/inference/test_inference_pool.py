"""The pool: order, bounds, bugs, closing."""

from __future__ import annotations

import threading

import pytest

from app.inference.pool import Pool

PATIENCE_S = 60.0


def test_jobs_run_in_order_on_one_thread() -> None:
    pool, seen = Pool("one", 1), list[int]()
    for number in range(50):
        assert pool.run(lambda number=number: seen.append(number))  # type: ignore[misc]
    assert pool.close(PATIENCE_S)
    assert seen == list(range(50))
    assert not pool.run(lambda: None)


def test_threads_start_when_needed_and_no_more_than_allowed() -> None:
    pool, names = Pool("few", 3), set[str]()
    barrier = threading.Barrier(3)

    def meet() -> None:
        barrier.wait(PATIENCE_S)
        names.add(threading.current_thread().name)

    for _ in range(6):
        pool.run(meet)
    assert pool.close(PATIENCE_S)
    assert names == {"few-1", "few-2", "few-3"}


def test_bug_in_a_job_does_not_end_the_thread(caplog: pytest.LogCaptureFixture) -> None:
    pool, done = Pool("one", 1), threading.Event()

    def bug() -> None:
        raise ValueError("a bug")

    pool.run(bug)
    pool.run(done.set)
    assert done.wait(PATIENCE_S)
    assert pool.close(PATIENCE_S)
    assert "a bug" in caplog.text


def test_close_says_when_a_job_does_not_end_in_time() -> None:
    pool, held = Pool("one", 1), threading.Event()
    pool.run(lambda: held.wait(PATIENCE_S) and None)
    assert not pool.close(0.0)
    held.set()
    assert pool.close(PATIENCE_S)
