"""What a crash during a start or a load leads to, and what must not lead to it."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from tests.fixtures.program import program
from tests.fixtures.windows import (
    PATIENCE_S,
    ROOT,
    Window,
    at_note,
    choose,
    hearth,
    left_notes,
    opened,
)

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="POSIX signals")
BANNER = "Hearth started in safe mode."
KILL = getattr(signal, "SIGKILL", signal.SIGTERM)


def test_after_a_start_that_died_comes_one_safe_start(profile: Path) -> None:
    with opened(profile, SIGNAL_WHEN=at_note(KILL, profile, "start")) as window:
        assert window.ended() == -KILL
    assert left_notes(profile) == ["during-start.json"]
    with opened(profile) as window:
        is_safe(window, profile)
        window.ask("How do I add a model?")
        window.until(lambda seen: seen.is_answered)
        assert window.close() == 0
    is_usual(profile)


def test_after_a_death_during_a_load_comes_one_safe_start(profile: Path, storyteller: Path) -> None:
    note = at_note(KILL, profile, "load")
    with opened(profile, "--open", str(storyteller), SIGNAL_WHEN=note) as window:
        assert window.ended() == -KILL
    assert left_notes(profile) == ["during-load.json"]
    with opened(profile) as window:
        is_safe(window, profile)
        assert "storyteller" in window.now.model
        assert window.close() == 0
    is_usual(profile)


def test_after_a_death_during_a_trial_comes_one_safe_start(
    profile: Path, storyteller: Path
) -> None:
    note = at_note(KILL, profile, "trial")
    with opened(profile, "--open", str(storyteller), SIGNAL_WHEN=note) as window:
        assert window.ended() == -KILL
    with opened(profile) as window:
        is_safe(window, profile)
        assert window.close() == 0


def test_a_safe_start_that_is_wished_says_so(profile: Path) -> None:
    with opened(profile, "--safe-mode") as window:
        is_safe(window, profile)
        assert window.close() == 0
    is_usual(profile)


def test_a_command_that_was_killed_is_nobody_elses_crash(profile: Path, storyteller: Path) -> None:
    command = [*program(), "--profile", str(profile), "ask", "hi"]
    with subprocess.Popen([*command, "--model", str(storyteller)], cwd=ROOT) as asking:
        process = psutil.Process(asking.pid)
        trials: list[psutil.Process] = []
        while not trials and asking.poll() is None:
            trials = process.children(recursive=True)
        asking.kill()
    assert trials, "it ended before its trial was seen"
    _, left = psutil.wait_procs(trials, timeout=PATIENCE_S)
    assert not left
    assert left_notes(profile) == []
    is_usual(profile)


def test_a_command_beside_a_window_takes_none_of_its_notes(
    profile: Path, storyteller: Path
) -> None:
    choose(profile, storyteller)
    with opened(profile) as window:
        window.until(lambda seen: seen.engine == "ready")
        note = profile / "state" / "during-load.json"
        note.write_text("{}")
        assert hearth(profile, "ask", "hi", "--max-tokens", "2").returncode == 0
        assert note.exists()
        assert window.close() == 0
    assert left_notes(profile) == []


def is_safe(window: Window, profile: Path) -> None:
    """The banner is there, and the start is over without a model having been loaded."""
    window.until(lambda seen: seen.says(BANNER) and seen.focus == "Message")
    seen = window.found(lambda: not left_notes(profile))
    assert seen.safe_mode
    assert seen.engine == "empty"
    assert "loading" not in {each.engine for each in window.seen}


def is_usual(profile: Path) -> None:
    """No banner, and the model is loaded by itself."""
    with opened(profile) as window:
        window.until(lambda seen: seen.engine == "ready")
        assert not window.now.safe_mode
        assert window.now.banners == ()
        assert window.close() == 0
