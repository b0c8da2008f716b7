"""A request ends once, in order, whoever speaks to it."""

from __future__ import annotations

import hashlib
import threading
from pathlib import Path

import pytest

from app.inference.requests import ActiveRequest
from app.inference.starter import StarterModel
from app.protocol.generation import Event, Finished, GenerationRequest, Loading

PATIENCE_S = 60.0


def active(sink: object, ends: list[Event]) -> ActiveRequest:
    return ActiveRequest(
        "r1",
        GenerationRequest(()),
        sink,
        lambda _request, event: ends.append(event),  # type: ignore[arg-type]
    )


def test_nothing_follows_the_end() -> None:
    seen: list[Event] = []
    ends: list[Event] = []
    request = active(seen.append, ends)
    request.loading(0.5, "Loading")
    request.finish_unsubmitted("cancelled")
    request.finish_unsubmitted("stop")
    request.loading(1.0, "Loading")
    assert [type(event) for event in seen] == [Loading, Finished]
    assert ends == seen[1:]
    assert request.is_ended


def test_many_threads_end_it_once() -> None:
    seen: list[Event] = []
    ends: list[Event] = []
    request = active(seen.append, ends)
    barrier = threading.Barrier(8)

    def finish() -> None:
        barrier.wait(PATIENCE_S)
        request.loading(None, "")
        request.finish_unsubmitted("cancelled")

    threads = [threading.Thread(target=finish) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(PATIENCE_S)
    assert len(ends) == 1
    assert isinstance(seen[-1], Finished)
    assert sum(isinstance(event, Finished) for event in seen) == 1


def test_sink_may_end_its_request_from_within(caplog: pytest.LogCaptureFixture) -> None:
    seen: list[Event] = []

    def sink(event: Event) -> None:
        seen.append(event)
        if isinstance(event, Loading):
            request.finish_unsubmitted("cancelled")

    request = active(sink, [])
    request.loading(None, "")
    assert [type(event) for event in seen] == [Loading, Finished]
    assert not caplog.records


def test_starter_is_genuine_only_with_its_recorded_hash(tmp_path: Path) -> None:
    starter = StarterModel(tmp_path)
    starter.path.write_bytes(b"weights")
    assert not starter.is_genuine()
    recorded = hashlib.sha256(b"weights").hexdigest()
    (tmp_path / "guide.sha256").write_text(f"{recorded}  guide.gguf\n")
    assert StarterModel(tmp_path).is_genuine()
    genuine = StarterModel(tmp_path)
    assert genuine.is_genuine()
    genuine.path.write_bytes(b"other weights")
    assert not genuine.is_genuine()
    (tmp_path / "guide.sha256").write_text("")
    assert not StarterModel(tmp_path).is_genuine()
