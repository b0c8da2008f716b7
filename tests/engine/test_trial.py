"""A first load happens in a child: what it measures, how its death is told, what is remembered."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from app.engine.messages import LoadCancelled, LoadSettings
from app.foundation.cancellation import Cancellation
from app.foundation.errors import HearthError, LoadFailed, NotEnoughMemory
from app.foundation.paths import Profile, open_profile
from app.foundation.sentinel import Sentinels
from app.gguf.reader import read_header
from app.inference.preflight import LEDGER, Preflight
from tests.fixtures.tiny_models import make

needs_sh = pytest.mark.skipif(sys.platform == "win32", reason="children die by signals here")


@pytest.fixture
def profile(tmp_path: Path) -> Profile:
    return open_profile(tmp_path / "profile")


@pytest.fixture
def settings(tmp_path: Path) -> LoadSettings:
    return settings_for(make("llama", tmp_path))


def settings_for(path: Path, **changes: Any) -> LoadSettings:
    values: dict[str, Any] = {"n_ctx": 512, "n_ubatch": 32, **changes}
    return LoadSettings(str(path), **values)


def children_run(monkeypatch: pytest.MonkeyPatch, script: str) -> None:
    """Every child from now on is this shell script."""
    monkeypatch.setattr("app.foundation.children.command_for", lambda name: ["sh", "-c", script])


def refusal(profile: Profile, settings: LoadSettings, **changes: Any) -> HearthError:
    with pytest.raises(HearthError) as caught:
        Preflight(profile, **changes).check(settings, Cancellation())
    assert caught.value.title
    assert caught.value.remedy
    return caught.value


def test_a_good_model_is_measured(profile: Profile, settings: LoadSettings) -> None:
    preflight = Preflight(profile)
    assert preflight.measured(settings) is None
    preflight.check(settings, Cancellation())
    measured = preflight.measured(settings)
    assert measured is not None
    for name in ("process_bytes", "load_ms", "prompt_tokens_per_second"):
        assert measured[name] > 0, name
    assert measured["generated_tokens_per_second"] > 0
    assert measured["devices"]["CPU"]["context"] > 0


@needs_sh
def test_what_went_well_is_not_tried_again(
    profile: Profile, settings: LoadSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    Preflight(profile).check(settings, Cancellation())
    children_run(monkeypatch, "exit 3")
    Preflight(profile).check(settings, Cancellation())


@needs_sh
@pytest.mark.parametrize("change", ["settings", "file", "runtime", "ledger"])
def test_what_changed_is_tried_again(
    change: str, profile: Profile, settings: LoadSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    Preflight(profile).check(settings, Cancellation())
    children_run(monkeypatch, "exit 3")
    changes: dict[str, Any] = {}
    if change == "settings":
        settings = settings_for(Path(settings.path), n_ctx=1024)
    elif change == "file":
        os.utime(settings.path, ns=(1, 1))
    elif change == "runtime":
        changes["runtime"] = lambda: "another"
    else:
        (profile.state / LEDGER).write_bytes(b"\xff{")
    assert isinstance(refusal(profile, settings, **changes), LoadFailed)


def test_a_failure_is_not_remembered_as_good(profile: Profile, settings: LoadSettings) -> None:
    spoil_numbers(Path(settings.path))
    for _ in range(2):
        error = refusal(profile, settings)
        assert isinstance(error, LoadFailed)
        assert "not a number" in error.detail


def spoil_numbers(path: Path) -> None:
    """Turn the last norm of a model into NaN: it loads, and computes nonsense."""
    header = read_header(path)
    norm = header.by_name["output_norm.weight"]
    with path.open("r+b") as file:
        file.seek(header.data_offset + norm.offset)
        file.write(np.full(norm.n_bytes // 4, np.nan, dtype=np.float32).tobytes())


@needs_sh
def test_a_model_past_the_memory_limit_is_refused_with_the_cause(profile: Profile) -> None:
    path = make("llama", profile.root)
    # A gigabyte of cache, and half of that to be had.
    greedy = settings_for(path, n_ctx=4 << 20)
    error = refusal(profile, greedy, memory_limit_bytes=700 << 20)
    assert isinstance(error, NotEnoughMemory)
    assert "alloc" in error.detail


@needs_sh
@pytest.mark.parametrize(
    ("script", "words"),
    [
        ("kill -KILL $$", "more memory than the system would give"),
        ("exit 77", "more memory than the system would give"),
        ("echo 'ggml: out of memory' >&2; kill -ABRT $$", "more memory"),
        ("kill -SEGV $$", "signal 11"),
        ("echo 'llama.cpp stopped: GGML_ASSERT(ne == 1) failed' >&2; kill -ABRT $$", "ne == 1"),
        ("echo nonsense", "crash"),
    ],
)
def test_the_death_of_a_trial_is_told(
    script: str,
    words: str,
    profile: Profile,
    settings: LoadSettings,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    children_run(monkeypatch, f"read limits; read request; {script}")
    error = refusal(profile, settings)
    assert isinstance(error, LoadFailed)
    assert words in str(error)


@needs_sh
def test_a_trial_that_hangs_is_ended(
    profile: Profile, settings: LoadSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    children_run(monkeypatch, "exec sleep 60")
    assert "too long" in refusal(profile, settings, deadline_s=0.2).title


def test_a_load_that_was_stopped_is_not_tried(profile: Profile, settings: LoadSettings) -> None:
    cancellation = Cancellation()
    cancellation.cancel()
    with pytest.raises(LoadCancelled):
        Preflight(profile).check(settings, cancellation)


@needs_sh
def test_a_note_lies_on_disk_while_a_trial_runs(
    profile: Profile, settings: LoadSettings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = tmp_path / "seen"
    children_run(monkeypatch, f"read a; cp '{profile.state}'/during-* '{seen}'; kill -SEGV $$")
    refusal(profile, settings)
    assert '"trial"' in seen.read_text()
    assert Sentinels(profile.state).take_left_over() == []


def test_a_ledger_that_cannot_be_written_costs_only_another_trial(
    profile: Profile, settings: LoadSettings
) -> None:
    (profile.state / LEDGER).mkdir()
    Preflight(profile).check(settings, Cancellation())
    assert Preflight(profile).measured(settings) is None
