"""The engine leaves the computer usable: it gives way, and takes another number of threads."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from app.engine import loop
from app.engine.client import EngineClient
from app.engine.messages import EngineRequest, LoadSettings
from app.foundation import priority
from app.foundation.cancellation import Cancellation
from app.foundation.errors import EngineDead
from app.foundation.others import OthersBusy
from app.protocol.generation import Failed, Finished, SamplingParams
from tests.fixtures.services import Inbox
from tests.fixtures.tiny_models import make

on_linux = pytest.mark.skipif(sys.platform != "linux", reason="niceness of threads is Linux's")


@pytest.fixture
def engine() -> Iterator[EngineClient]:
    client = EngineClient(check_integrity=True)
    yield client
    assert client.close(30.0)


def answered(engine: EngineClient, name: str = "r1") -> Finished:
    inbox = Inbox()
    engine.submit(EngineRequest(name, (1, 2, 3), SamplingParams(seed=1), 4), inbox)
    end = inbox.until(Finished, Failed)
    assert isinstance(end, Finished)
    return end


def loaded(engine: EngineClient, path: Path, n_threads: int = 2) -> None:
    settings = LoadSettings(str(path), n_ctx=256, n_ubatch=32, n_threads=n_threads)
    engine.load(settings, on_progress=lambda _: None, cancellation=Cancellation()).result(60)


@on_linux
def test_with_few_cores_every_computing_thread_gives_way(
    engine: EngineClient, tiny_models: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(loop, "has_few_cores", lambda: True)
    before = {thread.id for thread in psutil.Process().threads()}
    loaded(engine, make("llama", tiny_models))
    answered(engine)
    started = [thread.id for thread in psutil.Process().threads() if thread.id not in before]
    computing = [os.getpriority(os.PRIO_PROCESS, thread) for thread in started]
    assert len(computing) >= 2  # the engine's own, and llama.cpp's
    assert set(computing) == {max(priority.NICENESS, os.getpriority(os.PRIO_PROCESS, 0))}


@on_linux
def test_with_many_cores_nothing_gives_way(
    engine: EngineClient, tiny_models: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(loop, "has_few_cores", lambda: False)
    loaded(engine, make("llama", tiny_models))
    (thread,) = [t for t in threading.enumerate() if t.name == "hearth-engine"]
    assert thread.native_id is not None
    ours = os.getpriority(os.PRIO_PROCESS, 0)
    assert os.getpriority(os.PRIO_PROCESS, thread.native_id) == ours


def test_another_number_of_threads_is_taken_between_answers(
    engine: EngineClient, tiny_models: Path
) -> None:
    engine.use_threads(3, 3)  # without a model: nothing to do, nothing to fail
    loaded(engine, make("llama", tiny_models))
    first = answered(engine, "r1")
    engine.use_threads(1, 2)
    second = answered(engine, "r2")
    assert first.usage.completion_tokens == second.usage.completion_tokens


def test_the_devices_are_asked_on_the_engine_thread(
    engine: EngineClient, tiny_models: Path
) -> None:
    loaded(engine, make("llama", tiny_models))
    found = engine.device_memory().result(60)
    assert all(n_bytes >= 0 for n_bytes in found.values())
    assert "CPU" not in found


def test_a_closed_engine_neither_hangs_nor_answers(tiny_models: Path) -> None:
    engine = EngineClient()
    assert engine.close(5.0)
    engine.use_threads(1, 1)
    with pytest.raises(EngineDead):
        engine.device_memory()


@on_linux
def test_a_trial_is_the_first_to_go_when_memory_ends() -> None:
    script = (
        "import os, threading; from pathlib import Path; from app.foundation import priority; "
        "priority.go_first(); priority.give_way(); priority.give_way(); "
        "print(Path('/proc/self/oom_score_adj').read_text().strip(), "
        "os.getpriority(os.PRIO_PROCESS, threading.get_native_id()))"
    )
    done = subprocess.run(
        [sys.executable, "-c", script],
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
        check=True,
    )
    first, nice = done.stdout.split()
    assert first == "1000"
    assert int(nice) == max(priority.NICENESS, os.getpriority(os.PRIO_PROCESS, 0))


def test_our_own_work_is_not_taken_for_others() -> None:
    others = OthersBusy()
    assert others.cores() is None
    assert not others.were_idle()
    end = psutil.Process().cpu_times().user + 0.5
    while psutil.Process().cpu_times().user < end:
        sum(range(20_000))
    found = others.cores()
    assert found is not None
    assert 0.0 <= found <= (os.cpu_count() or 1)
