"""llama.cpp's log: lines put together, errors kept, buffer sizes added up."""

from __future__ import annotations

import logging

import pytest

from app.engine.native.log import MAX_LINES, LogCapture

DEBUG, INFO, WARN, ERROR, CONT = 1, 2, 3, 4, 5


def test_pieces_become_lines_and_a_continuation_keeps_its_level() -> None:
    log = LogCapture()
    log.write(ERROR, "llama_model_load: cannot ")
    log.write(CONT, "open file\nsecond")
    log.write(CONT, " line\n")
    log.write(INFO, "fine\n")
    assert log.lines() == ["llama_model_load: cannot open file", "second line", "fine"]
    assert log.errors() == ["cannot open file", "second line"]


def test_buffer_and_lines_are_bounded_and_debug_is_not_kept() -> None:
    log = LogCapture()
    for index in range(MAX_LINES + 50):
        log.write(INFO, f"line {index}\n")
        log.write(DEBUG, "noise\n")
    log.write(INFO, "x" * 100_000 + "\n")
    lines = log.lines()
    assert len(lines) == MAX_LINES
    assert len(lines[-1]) <= 2_000
    assert "noise" not in lines


def test_memory_is_the_sum_of_what_was_logged() -> None:
    log = LogCapture()
    for line in (
        "load_tensors:   CPU_Mapped model buffer size =   100.00 MiB",
        "load_tensors:   CPU_REPACK model buffer size =    50.00 MiB",
        "llama_kv_cache:        CPU KV buffer size =    12.00 MiB",
        "llama_kv_cache:        CPU KV buffer size =     3.00 MiB",
        "llama_memory_recurrent:        CPU RS buffer size =     1.00 MiB",
        "sched_reserve:        CPU compute buffer size =    30.00 MiB",
        "sched_reserve:        CPU compute buffer size =    20.00 MiB",
        "llama_context:        CPU  output buffer size =     0.50 MiB",
    ):
        log.write(INFO, line + "\n")
    mib = 1024 * 1024
    assert log.memory() == {
        "weights_bytes": 150 * mib,
        "kv_bytes": 16 * mib,
        "compute_bytes": 20 * mib,
        "output_bytes": mib // 2,
    }
    log.clear()
    assert sum(log.memory().values()) == 0


def test_lines_go_to_our_log_one_level_lower(caplog: pytest.LogCaptureFixture) -> None:
    log = LogCapture()
    with caplog.at_level(logging.DEBUG, "llama.cpp"):
        log.write(ERROR, "bad\n")
        log.write(WARN, "odd\n")
        log.write(INFO, "well\n")
    assert [(record.levelname, record.message) for record in caplog.records] == [
        ("WARNING", "bad"),
        ("INFO", "odd"),
        ("DEBUG", "well"),
    ]
