"""The window as a process: first and second start, one window a profile, commands beside it."""

from __future__ import annotations

import signal
from pathlib import Path

import pytest

from tests.fixtures.windows import choose, hearth, left_notes, opened, stored_turns

QUESTION = "How do I add a model?"
GUIDE = "Start with the built-in guide"


def test_a_first_start_answers_and_a_second_shows_the_chat(profile: Path) -> None:
    with opened(profile) as window:
        first = window.ready()
        assert GUIDE in first.buttons
        assert (first.banners, first.chats, first.safe_mode) == ((), (), False)
        window.ask(QUESTION)
        answered = window.until(lambda seen: seen.is_answered and seen.chats)
        assert answered.messages[0].text == QUESTION
        assert answered.answer
        assert answered.messages[-1].state == "complete"
        assert answered.title.startswith(answered.chats[0])
        assert window.close() == 0
        assert window.complaints() == ""
    assert left_notes(profile) == []
    texts = [turn.text for turn in stored_turns(profile)]
    assert texts == [QUESTION, answered.answer]
    with opened(profile) as window:
        window.until(lambda seen: seen.chats == answered.chats)
        window.do("chat", title=answered.chats[0])
        shown = window.until(lambda seen: len(seen.messages) == 2)
        assert [message.text for message in shown.messages] == texts
        assert window.close() == 0


def test_a_suggested_question_and_a_second_one_are_answered(profile: Path) -> None:
    with opened(profile) as window:
        window.ready()
        window.do("click", name=GUIDE)
        window.until(lambda seen: QUESTION in seen.buttons and seen.focus == "Message")
        window.do("click", name=QUESTION)
        window.until(lambda seen: seen.is_answered)
        window.ask("And how do I remove it?")
        window.until(lambda seen: len(seen.messages) == 4 and seen.is_answered)
        window.do("press", keys="Ctrl+N")
        window.until(lambda seen: not seen.messages)
        window.ask("What can you do?")
        seen = window.until(lambda seen: len(seen.chats) == 2 and seen.is_answered)
        assert len(seen.messages) == 2
        window.do("press", keys="Ctrl+Q")
        assert window.ended() == 0
    assert [turn.role for turn in stored_turns(profile)].count("assistant") == 3


def test_a_second_start_raises_the_first_and_passes_its_model_on(
    profile: Path, storyteller: Path
) -> None:
    with opened(profile) as window:
        window.until(lambda seen: seen.engine == "ready")
        window.do("minimize")
        window.until(lambda seen: seen.minimized)
        second = hearth(profile)
        assert (second.returncode, second.stdout, second.stderr) == (0, "", "")
        window.until(lambda seen: seen.shown and not seen.minimized)
        assert hearth(profile, "--open", str(storyteller)).returncode == 0
        window.until(lambda seen: "storyteller" in seen.model and "fits" in seen.model)
        assert window.close() == 0


def test_of_two_starts_at_once_one_opens_and_the_other_ends_well(profile: Path) -> None:
    with opened(profile) as first, opened(profile) as second:
        first.found(lambda: first.is_over or second.is_over, look=False)
        winner, loser = (second, first) if first.is_over else (first, second)
        assert loser.ended() == 0, loser.complaints()
        winner.ready()
        assert winner.close() == 0


def test_commands_work_beside_an_open_window(profile: Path) -> None:
    with opened(profile) as window:
        window.until(lambda seen: seen.engine == "ready")
        assert hearth(profile, "ask", QUESTION, "--max-tokens", "8").returncode == 0
        assert "hearth-guide" in hearth(profile, "models", "list").stdout
        assert hearth(profile, "doctor").returncode == 0
        window.ask(QUESTION)
        window.until(lambda seen: seen.is_answered)
        assert window.close() == 0


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="POSIX signals")
def test_a_lock_that_a_crash_left_is_taken_over(profile: Path) -> None:
    with opened(profile) as window:
        window.until(lambda seen: seen.engine == "ready")
        window.kill()
    assert (profile / "state" / "window.lock").exists()
    with opened(profile) as window:
        window.ready()
        assert window.close() == 0


def test_a_model_that_has_vanished_is_said_and_the_guide_is_at_hand(
    profile: Path, tmp_path: Path
) -> None:
    choose(profile, tmp_path / "gone.gguf")
    with opened(profile) as window:
        window.ready()
        window.until(lambda seen: seen.says("There is no such model") and seen.says("gone.gguf"))
        window.found(lambda: not left_notes(profile))
        window.do("click", name="Use the built-in guide")
        window.until(lambda seen: seen.engine == "ready")
        window.ask(QUESTION)
        window.until(lambda seen: seen.is_answered)
        assert window.close() == 0
    with opened(profile) as window:
        window.until(lambda seen: seen.engine == "ready")
        assert window.now.banners == ()
        assert window.close() == 0


def test_a_start_while_the_last_window_is_closing_opens_one(
    profile: Path, storyteller: Path
) -> None:
    choose(profile, storyteller)
    with opened(profile) as closing:
        closing.ask("Tell me a long story.")
        closing.streaming(100)
        closing.do("close")
        with opened(profile) as window:
            window.ready()
            assert closing.ended() == 0
            window.until(lambda seen: seen.chats and seen.engine == "ready")
            assert window.close() == 0
