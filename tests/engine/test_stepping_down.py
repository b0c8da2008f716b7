"""A real load that leaves too little is made again with less, said, and not made a third time."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest

from app.engine.client import EngineClient
from app.engine.messages import LoadSettings
from app.foundation.cancellation import Cancellation
from app.foundation.paths import Profile, open_profile
from app.gguf.reader import read_header
from app.inference import planning as planning_module
from app.inference.advice import Advice, Adviser
from app.inference.aftermath import MeasuredAftermath
from app.inference.host import ModelHost
from app.inference.loading import MAX_RUNGS
from app.inference.placement import Placement
from app.inference.planning import Planning
from app.inference.preflight import Preflight
from app.inference.pressure import PressureWatcher
from app.inference.rungs import KEPT_S, MAIN
from app.inference.service import InferenceService
from app.metrics.recorder import Recorder
from app.planner.plan import Plan
from app.protocol.model_ref import ModelRef
from app.settings import schema
from app.settings.file import SettingsFile
from app.templates.render import Renderer
from tests.fixtures.machines import machine
from tests.fixtures.random_model import make_random
from tests.fixtures.services import PATIENCE_S, starter
from tests.fixtures.tiny_models import make

GIB, MIB = 1 << 30, 1 << 20


class House:
    """Everything between a file and a loaded model, with memory that the test decides on."""

    def __init__(self, profile: Profile, settings: SettingsFile, folder: Path) -> None:
        self.available = [64 * GIB]
        cores = {f"{kind}_cores": 2 for kind in ("logical", "physical", "performance", "usable")}
        self.now_s = 5.0
        self.planning = Planning(
            profile,
            settings,
            find=lambda *_: machine(20, 24, **cores),
            clock=lambda: self.now_s,
        )
        self.preflight = Preflight(profile)
        self.adviser = Adviser()
        self.aftermath = MeasuredAftermath(
            self.planning.learning,
            lambda: self.planning,
            self.adviser,
            available=lambda: (
                self.available.pop(0) if len(self.available) > 1 else self.available[0]
            ),
        )
        self.host = ModelHost(
            EngineClient,
            self.planning,
            self.preflight,
            starter(folder / "starter", make("llama", folder)),
            aftermath=self.aftermath,
        )
        self.service = InferenceService(self.host, Renderer(), Recorder())

    def acquired(self, path: Path) -> tuple[Plan, list[str], float]:
        said: list[str] = []
        lease = self.host.acquire(
            ModelRef(str(path)),
            on_progress=lambda _, sentence: said.append(sentence),
            cancellation=Cancellation(),
        )
        lease.release()
        assert isinstance(lease.placement.plan, Plan)
        assert lease.model.n_ctx == lease.placement.plan.n_ctx
        return lease.placement.plan, said, lease.load_ms


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_random(tmp_path_factory.mktemp("random") / "r01.gguf", shape="0.1b").resolve()


@pytest.fixture
def settings(tmp_path: Path) -> Iterator[SettingsFile]:
    made = SettingsFile(open_profile(tmp_path / "profile").settings)
    yield made
    assert made.close(5)


@pytest.fixture
def house(
    tmp_path: Path, settings: SettingsFile, monkeypatch: pytest.MonkeyPatch
) -> Iterator[House]:
    monkeypatch.setattr(planning_module, "SMALL_BYTES", 0)
    made = House(open_profile(tmp_path / "profile"), settings, tmp_path)
    yield made
    assert made.service.close(PATIENCE_S)


def test_a_load_with_room_is_measured_and_left(house: House, model: Path) -> None:
    plan, said, _ = house.acquired(model)
    assert plan.n_ctx == 8192
    assert not any("again" in sentence for sentence in said)
    (record,) = house.planning.learning.records()
    (memory,) = record.memory
    assert memory.name == MAIN
    assert memory.newest == pytest.approx(plan.needed_bytes, abs=32 * MIB)


def test_a_load_that_leaves_too_little_is_made_again_once_and_says_so(
    house: House, model: Path
) -> None:
    house.available = [100 * MIB, 64 * GIB]
    plan, said, _ = house.acquired(model)
    assert plan.n_ctx == 4096
    assert [sentence for sentence in said if "loading again with less" in sentence]
    assert any("After loading only" in str(reason.values.get("text")) for reason in plan.reasons)
    again, _, load_ms = house.acquired(model)
    assert (again.n_ctx, load_ms) == (4096, 0.0)
    assert house.host.is_loaded(ModelRef(str(model)))


def test_a_load_on_another_day_takes_all_of_it_again(house: House, model: Path) -> None:
    house.available = [100 * MIB, 64 * GIB]
    assert house.acquired(model)[0].n_ctx == 4096
    house.now_s += KEPT_S
    assert house.acquired(model)[0].n_ctx == 4096  # it is in memory, and stays
    house.host.unload()
    assert house.acquired(model)[0].n_ctx == 8192
    _, _, load_ms = house.acquired(model)
    assert load_ms == 0.0


def test_stepping_down_ends(house: House, model: Path) -> None:
    house.available = [0]
    plan, said, _ = house.acquired(model)
    assert plan.n_ctx == 2048
    assert sum("again" in sentence for sentence in said) <= MAX_RUNGS
    assert house.adviser.last is not None  # nothing more can be given


def test_what_is_pinned_stays_and_is_said(
    house: House, settings: SettingsFile, model: Path
) -> None:
    settings.set(schema.CONTEXT, 4096)
    house.available = [0]
    plan, said, _ = house.acquired(model)
    assert plan.n_ctx == 4096
    assert not any("again" in sentence for sentence in said)
    assert house.adviser.last is not None
    assert "pinned" in house.adviser.last.detail


def test_following_advice_frees_memory_without_touching_an_answer(
    house: House, model: Path
) -> None:
    watcher = PressureWatcher(house.host, house.service, lambda: house.planning, house.adviser)
    house.acquired(model)
    advice = Advice("", "", "smaller_context", str(model))
    lease = house.host.acquire(
        ModelRef(str(model)), on_progress=lambda *_: None, cancellation=Cancellation()
    )
    followed = watcher.follow(advice)
    assert not followed.done()  # the answer that holds the lease is not over
    lease.release()
    followed.result(PATIENCE_S)
    loaded = house.host.placement()
    assert loaded is not None
    assert loaded.plan.n_ctx == 4096
    watcher.follow(Advice("", "", "unload", str(model))).result(PATIENCE_S)
    assert house.host.placement() is None
    assert watcher.close(5)


def test_the_trial_times_the_threads_and_the_best_are_used(
    house: House, settings: SettingsFile, model: Path
) -> None:
    placement = house.planning.place(model, read_header(model))
    assert placement.tunes_threads
    tried = house.preflight.check(placement.settings, Cancellation(), tune_threads=True)
    asked, measured = placement.settings.n_threads, tried.measured
    if asked > 1:
        speeds = {int(number): speed for number, speed in measured["thread_speeds"].items()}
        assert set(speeds) <= {asked, asked - 1, max(1, asked // 2)}
        assert asked in speeds
        assert tried.settings.n_threads == measured["n_threads"]
        assert speeds[tried.settings.n_threads] >= speeds[asked] * 0.99
    again = house.preflight.check(placement.settings, Cancellation(), tune_threads=True)
    assert again.measured == {}  # it was not tried again
    assert again.settings == tried.settings
    settings.set(schema.THREADS, 1)
    assert not house.planning.place(model, read_header(model)).tunes_threads


def test_other_threads_need_no_other_trial(house: House, model: Path) -> None:
    placement = house.planning.place(model, read_header(model))
    few: LoadSettings = placement.settings
    many = LoadSettings.of({**asdict(few), "n_threads": 7, "n_threads_batch": 7})
    assert house.preflight.fingerprint(few) == house.preflight.fingerprint(many)
    larger = LoadSettings.of({**asdict(few), "n_ctx": few.n_ctx + 256})
    assert house.preflight.fingerprint(few) != house.preflight.fingerprint(larger)


def test_another_runtime_variant_module_or_driver_is_another_trial(
    house: House, model: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    settings = house.planning.place(model, read_header(model)).settings
    seen = {house.preflight.fingerprint(settings)}
    for name, value in (
        ("HEARTH_RUNTIME", str(tmp_path)),
        ("HEARTH_CPU_VARIANT", "haswell"),
        ("HEARTH_GPU_MODULES", "vulkan"),
        ("VK_DRIVER_FILES", "/other.json"),
    ):
        monkeypatch.setenv(name, value)
        seen.add(house.preflight.fingerprint(settings))
    assert len(seen) == 5


def test_what_is_set_during_a_load_counts_from_the_next_request(
    house: House, settings: SettingsFile, model: Path
) -> None:
    place = house.planning.place

    def slowly(*about: Any) -> Placement:
        placement = place(*about)
        settings.set(schema.CONTEXT, 1024)
        return placement

    house.planning.place = slowly  # type: ignore[method-assign]
    assert house.acquired(model)[0].n_ctx == 8192
    assert not house.host.is_loaded(ModelRef(str(model)))
    assert house.acquired(model)[0].n_ctx == 1024
    assert house.host.is_loaded(ModelRef(str(model)))
