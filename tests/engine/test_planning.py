"""From a file to its plan: exact numbers where llama.cpp can count, sentences where it cannot."""

from __future__ import annotations

import dataclasses
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from app.engine.messages import LoadCancelled, LoadSettings
from app.foundation.cancellation import Cancellation
from app.foundation.errors import (
    ChildFailed,
    HearthError,
    LoadFailed,
    ModelFileInvalid,
    ModelNotFound,
    ModelUnsupported,
)
from app.foundation.paths import Profile, open_profile
from app.gguf.reader import read_header
from app.hardware.profile import MachineProfile, Power
from app.inference import planning as module
from app.inference.planning import Planning, count_memory
from app.inference.preflight import Preflight
from app.inference.rungs import KEPT_S, MAIN, Rung
from app.planner.plan import Plan, Wish
from app.settings import schema
from app.settings.file import SettingsFile
from app.settings.schema import CONTEXT, GPU_LAYERS, THREADS
from tests.fixtures.machines import card, machine
from tests.fixtures.random_model import make_random
from tests.fixtures.tiny_models import make

MIB = 1 << 20


@pytest.fixture
def profile(tmp_path: Path) -> Profile:
    return open_profile(tmp_path / "profile")


@pytest.fixture
def pins(profile: Profile) -> Iterator[SettingsFile]:
    opened = SettingsFile(profile.settings)
    yield opened
    opened.close(5)


@pytest.fixture
def planning(profile: Profile, pins: SettingsFile) -> Planning:
    return Planning(profile, pins)


def notes(plan: Plan) -> str:
    return " ".join(str(r.values["text"]) for r in plan.reasons if r.code == "note")


@pytest.fixture(scope="session")
def real_shape(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A 41 MB model with 32,000 tokens."""
    return make_random(tmp_path_factory.mktemp("random") / "r01.gguf", shape="0.1b")


def test_predicted_and_measured_memory(
    profile: Profile, planning: Planning, real_shape: Path
) -> None:
    plan = planning.plan_file(real_shape)
    assert (plan.confidence, plan.fits) == ("dry-run", "well")
    settings = plan.settings(real_shape)
    preflight = Preflight(profile)
    preflight.check(settings, Cancellation())
    measured = preflight.measured(settings)
    assert measured is not None
    taken, need = measured["devices"]["CPU"], plan.memory[0].need
    assert need.weights_bytes == taken["model"]
    assert need.kv_bytes == taken["context"]
    # What is in no buffer is an estimate; the whole process is within 16 MiB of it.
    assert abs(need.total_bytes - measured["process_bytes"]) <= 16 * MIB


@pytest.mark.parametrize("kind", ["qwen3", "gemma3", "mixtral", "lfm2", "mamba"])
def test_every_kind_of_model_is_planned(kind: str, planning: Planning, tiny_models: Path) -> None:
    path = make(kind, tiny_models)
    plan = planning.plan_file(path)
    assert (plan.confidence, plan.fits) == ("dry-run", "well")
    assert plan.n_ctx == 8192
    plan.settings(path).check()


def test_what_was_counted_once_is_not_counted_again(
    profile: Profile, pins: SettingsFile, tiny_models: Path
) -> None:
    path, asked = make("llama", tiny_models), []

    def count(settings: LoadSettings, _cancellation: object) -> dict[str, Any]:
        asked.append(settings)
        return count_memory(settings)

    planning = Planning(profile, pins, count=count)
    first = planning.plan_file(path)
    again = planning.plan_file(path)
    assert len(asked) == 1
    assert again.configuration == first.configuration
    planning.plan_file(path, Wish(n_ctx=1024))
    assert len(asked) == 2


def test_a_child_that_dies_leaves_the_formula(
    planning: Planning, tiny_models: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.foundation.children.command_for", lambda name: ["false"])
    plan = planning.plan_file(make("llama", tiny_models))
    assert (plan.confidence, plan.fits) == ("formula", "well")
    assert "could not count" in notes(plan)


def test_a_file_that_llama_cpp_refuses_does_not_fit(
    profile: Profile, pins: SettingsFile, real_shape: Path
) -> None:
    asked = []

    def refuse(settings: LoadSettings, _cancellation: object) -> dict[str, Any]:
        asked.append(settings)
        raise LoadFailed("llama.cpp cannot load this model.", "unknown pre-tokenizer", "No.")

    planning = Planning(profile, pins, count=refuse)
    for _ in range(2):
        plan = planning.plan_file(real_shape)
        assert plan.fits == "no"
        assert "unknown pre-tokenizer" in notes(plan)
    assert len(asked) == 1
    pins.set(GPU_LAYERS, 0)
    with pytest.raises(LoadFailed):
        planning.place(real_shape, read_header(real_shape))


def broken(kind: str, folder: Path) -> Path:
    path = folder / f"{kind}.gguf"
    if kind == "missing":
        return path
    if kind == "folder":
        path.mkdir()
    elif kind == "empty":
        path.touch()
    elif kind == "foreign":
        path.write_bytes(b"PK\x03\x04" + bytes(4000))
    else:
        whole = make("llama", folder).read_bytes()
        path.write_bytes(whole[: len(whole) // (2 if kind == "truncated" else 200)])
    return path


@pytest.mark.parametrize(
    ("kind", "error"),
    [
        ("missing", ModelNotFound),
        ("folder", HearthError),
        ("empty", ModelFileInvalid),
        ("foreign", ModelFileInvalid),
        ("truncated", ModelFileInvalid),
        ("only the beginning", ModelFileInvalid),
    ],
)
def test_a_broken_file_is_refused_with_a_remedy(
    kind: str, error: type[HearthError], planning: Planning, tmp_path: Path
) -> None:
    with pytest.raises(error) as caught:
        planning.plan_file(broken(kind, tmp_path))
    assert caught.value.title
    assert caught.value.remedy


def test_a_file_that_is_no_chat_model_is_refused(planning: Planning, tiny_models: Path) -> None:
    with pytest.raises(ModelUnsupported):
        planning.plan_file(make("bert", tiny_models))


def test_another_machine_is_calculated(
    planning: Planning, real_shape: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "run_child", None)
    plan = planning.plan_file(real_shape, machine=machine(cards=(card(7, 8),)))
    assert plan.confidence == "formula"
    assert plan.configuration.n_gpu_layers == plan.n_layers + 1
    assert "another machine" in notes(plan)


def test_settings_pin_what_the_words_leave_open(
    planning: Planning, pins: SettingsFile, tiny_models: Path
) -> None:
    path = make("llama", tiny_models)
    pins.set(CONTEXT, 3000)
    pins.set(THREADS, 3)
    plan = planning.plan_file(path)
    assert (plan.n_ctx, plan.n_threads) == (3072, 3)
    assert planning.plan_file(path, Wish(n_ctx=512)).n_ctx == 512
    assert planning.wish() == Wish(n_ctx=3000, n_threads=3)


def test_the_host_gets_the_plan_and_its_numbers(
    planning: Planning, pins: SettingsFile, tiny_models: Path
) -> None:
    path = make("llama", tiny_models)
    placed = planning.place(path, read_header(path))
    assert placed.settings == placed.plan.settings(path)
    assert (placed.fits, placed.pinned) == ("well", False)
    assert 0 < placed.needed_bytes < placed.free_bytes
    pins.set(CONTEXT, 1024)
    assert planning.place(path, read_header(path)).pinned


def test_a_small_model_is_placed_without_a_child(
    planning: Planning, tiny_models: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = make("llama", tiny_models)
    monkeypatch.setattr("app.foundation.children.command_for", lambda name: ["false"])
    placed = planning.place(path, read_header(path))
    assert placed.fits == "well"
    assert "small" in {reason.code for reason in placed.plan.reasons}
    assert notes(placed.plan) == ""


def test_safe_mode_uses_the_processor_only(
    profile: Profile, pins: SettingsFile, real_shape: Path
) -> None:
    def find(folder: Path, not_asked: object) -> Any:
        return machine(cards=(card(7, 8),))

    pins.set(GPU_LAYERS, 5)
    planning = Planning(profile, pins, safe_mode=True, find=find)
    plan = planning.plan_file(real_shape)
    assert plan.configuration.n_gpu_layers == 0
    assert "safe_mode" in {reason.code for reason in plan.reasons}


def test_free_memory_is_asked_each_time(profile: Profile, pins: SettingsFile) -> None:
    found = []

    def find(folder: Path, not_asked: object) -> Any:
        found.append(folder)
        return dataclasses.replace(machine(), memory=dataclasses.replace(machine().memory))

    planning = Planning(profile, pins, find=find)
    first, second = planning.machine(), planning.machine()
    assert found == [profile.root]
    assert first.memory == machine().memory
    assert second.memory != first.memory  # now this computer's own
    assert second.processor == first.processor


def test_a_count_that_is_cancelled_is_neither_finished_nor_remembered(
    planning: Planning, pins: SettingsFile, real_shape: Path
) -> None:
    pins.set(GPU_LAYERS, 0)
    header, cancellation = read_header(real_shape), Cancellation()
    cancellation.cancel()
    with pytest.raises(LoadCancelled):
        planning.place(real_shape, header, cancellation)
    assert planning.place(real_shape, header).plan.confidence == "dry-run"


def test_pins_of_one_model_go_before_the_settings(
    planning: Planning, pins: SettingsFile, tiny_models: Path
) -> None:
    path = make("llama", tiny_models).resolve()
    other = make("qwen2", tiny_models).resolve()
    pins.set(schema.CONTEXT, 1024)
    own = {
        schema.CONTEXT.key: 2048,
        schema.UBATCH.key: 64,
        schema.BATCH.key: 256,
        schema.SEQUENCES.key: 2,
        schema.CACHE_K.key: "q8_0",
        schema.LOAD_MODE.key: "none",
        schema.THREADS.key: 1,
    }
    planning.pins.set(path, own).result(5)
    settings = planning.place(path, read_header(path)).settings
    assert (settings.n_ctx, settings.n_ubatch, settings.n_batch) == (2048, 64, 256)
    assert (settings.n_seq_max, settings.n_threads) == (2, 1)
    assert (settings.cache_type_k, settings.cache_type_v) == ("q8_0", "f16")
    assert settings.load_mode == "none"
    assert planning.place(other, read_header(other)).settings.n_ctx == 1024
    assert planning.plan_file(path).n_ctx == 2048
    assert planning.plan_file(path, Wish(n_ctx=512)).n_ctx == 512
    planning.pins.set(path, {}).result(5)
    assert planning.place(path, read_header(path)).settings.n_ctx == 1024
    assert planning.pins.close(5)


def test_a_change_of_pins_or_a_rung_changes_the_terms(
    profile: Profile, pins: SettingsFile, tiny_models: Path
) -> None:
    now_s = [5.0]
    planning = Planning(profile, pins, clock=lambda: now_s[0])
    path = make("llama", tiny_models).resolve()
    before = planning.terms(path)
    assert planning.terms(path) == before
    planning.pins.set(path, {schema.CONTEXT.key: 2048}).result(5)
    pinned = planning.terms(path)
    planning.pins.set(path, {}).result(5)
    assert planning.terms(path) == before
    planning.step_down(path, Rung(4096, (), "Because of the test."))
    stepped = planning.terms(path)
    assert len({before, pinned, stepped}) == 3
    plan = planning.place(path, read_header(path)).plan
    assert plan.n_ctx == 4096
    assert "Because of the test." in notes(plan)
    assert "Because of the test." in notes(planning.plan_file(path))
    planning.step_up(path)
    assert planning.terms(path) == stepped
    now_s[0] += KEPT_S
    assert planning.terms(path) == stepped  # no reason to load again by itself
    planning.step_up(path)
    assert planning.terms(path) == before
    # What was learnt waits for the next plan: it is no reason to load again.
    planning.learning.step_down(str(path), Rung(2048, (), "Learnt."))
    assert planning.terms(path) == before
    assert planning.place(path, read_header(path)).plan.n_ctx == 2048
    assert planning.pins.close(5)


def on_battery(folder: Path, not_asked: object) -> Any:
    return dataclasses.replace(machine(), power=Power("battery", 60))


def test_power_is_saved_on_battery_unless_that_is_not_wanted(
    profile: Profile, pins: SettingsFile, real_shape: Path
) -> None:
    planning = Planning(profile, pins, find=on_battery)
    saving = planning.place(real_shape, read_header(real_shape)).plan
    assert "threads_battery" in {reason.code for reason in saving.reasons}
    pins.set(schema.SAVE_POWER, False)
    plan = planning.place(real_shape, read_header(real_shape)).plan
    assert plan.n_threads > saving.n_threads
    assert "threads_battery" not in {reason.code for reason in plan.reasons}


@pytest.mark.parametrize(
    ("text", "devices"),
    [("", None), (" , ", None), ("none", ()), ("A, B,A", ("A", "B")), ("none,A", ("none", "A"))],
)
def test_devices_are_named_with_commas(
    planning: Planning, pins: SettingsFile, text: str, devices: tuple[str, ...] | None
) -> None:
    pins.set(schema.DEVICES, text)
    assert planning.wish().devices == devices


def test_what_was_learnt_is_held_against_the_plan_without_it(
    profile: Profile, pins: SettingsFile, real_shape: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "SMALL_BYTES", 0)
    planning = Planning(profile, pins)
    placed = planning.place(real_shape, read_header(real_shape))
    first = placed.prediction
    assert first is not None
    assert first.teaches
    assert [guess.said == guess.raw for guess in first.speeds] == [True, True]
    planning.learning.loaded(first, {MAIN: first.memory[0].raw_bytes + 200 * MIB})
    planning.learning.answered(first, {"generated": first.speed("generated").raw / 2})
    again = planning.place(real_shape, read_header(real_shape)).prediction
    assert again is not None
    assert again.memory[0].raw_bytes == first.memory[0].raw_bytes
    assert again.memory[0].said_bytes == first.memory[0].raw_bytes + 200 * MIB
    assert again.speed("generated").raw == pytest.approx(first.speed("generated").raw, rel=0.02)
    assert again.speed("generated").said == pytest.approx(first.speed("generated").raw / 2, rel=0.1)


def test_terms_are_told_while_the_machine_is_probed(
    profile: Profile, pins: SettingsFile, tmp_path: Path
) -> None:
    """The window asks for them between two frames; a driver may take a minute to answer."""
    began, told = threading.Event(), threading.Event()

    def find(*_: object) -> MachineProfile:
        began.set()
        assert told.wait(30)
        return machine()

    planning = Planning(profile, pins, find=find)
    probing = threading.Thread(target=planning.machine)
    probing.start()
    assert began.wait(30)
    asking = threading.Thread(
        target=lambda: (planning.terms(tmp_path), planning.step_down(tmp_path, Rung(2048))),
        daemon=True,
    )
    asking.start()
    asking.join(10)
    was_told = not asking.is_alive()
    told.set()
    probing.join()
    assert was_told


def test_a_load_counts_what_is_free_on_cards_now(
    profile: Profile, pins: SettingsFile, monkeypatch: pytest.MonkeyPatch, tiny_models: Path
) -> None:
    """The model before was on the card when the page of models was looked at."""
    monkeypatch.setattr(module, "SMALL_BYTES", 0)
    path, free_gib = make("llama", tiny_models).resolve(), [0.2, 11.0]
    planning = Planning(
        profile,
        pins,
        find=lambda *_: machine(cards=(card(free_gib.pop(0), 12),)),
        count=lambda *_: (_ for _ in ()).throw(ChildFailed("No count.", "", "")),
    )
    planning.machine()
    placement = planning.place(path, read_header(path))
    assert placement.settings.n_gpu_layers > 0
