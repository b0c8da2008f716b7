from __future__ import annotations

import math
import random
import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.metrics.recorder import (
    COUNTERS,
    ERROR_CODES_KEPT,
    HISTOGRAMS,
    LOAD_MS,
    OTHER_ERRORS,
    REQUESTS_FINISHED,
    TTFT_MS,
    Distribution,
    Recorder,
)


def test_a_new_recorder_has_every_name_at_zero() -> None:
    found = Recorder(lambda: 5.0).snapshot()
    assert found.since == 5.0
    assert found.counters == dict.fromkeys(COUNTERS, 0)
    assert found.distributions == dict.fromkeys(HISTOGRAMS, Distribution())
    assert found.distributions[TTFT_MS].mean == 0.0
    assert found.errors == {}


def test_a_snapshot_does_not_change_afterwards() -> None:
    recorder = Recorder()
    recorder.count(REQUESTS_FINISHED, 2)
    before = recorder.snapshot()
    recorder.count(REQUESTS_FINISHED)
    recorder.observe(TTFT_MS, 4.0)
    recorder.count_error("engine_dead")
    assert before.counters[REQUESTS_FINISHED] == 2
    assert before.distributions[TTFT_MS].count == 0
    assert before.errors == {}
    assert recorder.snapshot().counters[REQUESTS_FINISHED] == 3


def test_names_and_numbers_that_make_no_sense_are_refused_or_left_out() -> None:
    recorder = Recorder()
    with pytest.raises(KeyError):
        recorder.count("requests")
    with pytest.raises(KeyError):
        recorder.observe("speed", 1.0)
    with pytest.raises(ValueError, match="grows"):
        recorder.count(REQUESTS_FINISHED, -1)
    for value in (math.nan, math.inf, -1.0):
        recorder.observe(TTFT_MS, value)
    assert recorder.snapshot().distributions[TTFT_MS].count == 0


@given(st.lists(st.floats(0, 1e9, allow_subnormal=False), min_size=1, max_size=300))
def test_a_distribution_is_exact_in_its_ends_and_near_in_between(values: list[float]) -> None:
    recorder = Recorder()
    for value in values:
        recorder.observe(LOAD_MS, value)
    found = recorder.snapshot().distributions[LOAD_MS]
    assert found.count == len(values)
    assert found.total == pytest.approx(sum(values))
    assert found.mean == pytest.approx(sum(values) / len(values))
    assert (found.minimum, found.maximum, found.last) == (min(values), max(values), values[-1])
    assert found.minimum <= found.p50 <= found.p95 <= found.p99 <= found.maximum


def test_quantiles_are_within_nine_percent() -> None:
    source = random.Random(7)
    for spread in (0.3, 1.0, 2.5):
        recorder = Recorder()
        values = sorted(source.lognormvariate(4.0, spread) for _ in range(4000))
        for value in values:
            recorder.observe(TTFT_MS, value)
        found = recorder.snapshot().distributions[TTFT_MS]
        for estimate, fraction in ((found.p50, 0.5), (found.p95, 0.95), (found.p99, 0.99)):
            true = values[int(fraction * len(values)) - 1]
            assert estimate == pytest.approx(true, rel=0.095)


def test_memory_is_bounded_whatever_the_error_codes() -> None:
    recorder = Recorder()
    for number in range(1000):
        recorder.count_error(f"code-{number}")
    recorder.count_error("code-3")
    errors = recorder.snapshot().errors
    assert len(errors) == ERROR_CODES_KEPT + 1
    assert errors["code-3"] == 2
    assert errors[OTHER_ERRORS] == 1000 - ERROR_CODES_KEPT


def test_nothing_is_lost_between_threads() -> None:
    recorder = Recorder()

    def work() -> None:
        for number in range(2000):
            recorder.count(REQUESTS_FINISHED)
            recorder.observe(TTFT_MS, number)
            recorder.count_error("engine_dead")

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    found = recorder.snapshot()
    assert found.counters[REQUESTS_FINISHED] == 8000
    assert found.distributions[TTFT_MS].count == 8000
    assert found.errors == {"engine_dead": 8000}
