"""However the window ends while an answer is written, what was shown is kept and goes on."""

from __future__ import annotations

import signal
import sys
from pathlib import Path

import pytest

from tests.fixtures.windows import (
    Window,
    at_note,
    choose,
    left_notes,
    opened,
    stored_turns,
    verdict,
)

posix = pytest.mark.skipif(sys.platform == "win32", reason="POSIX signals")
QUESTION = "Tell me a long story."
# The promise is half a second (tests/torture/app_kills.py measures it); this machine is shared.
LATE_S = 2.0


@pytest.fixture
def story_profile(profile: Path, storyteller: Path) -> Path:
    choose(profile, storyteller)
    return profile


def test_an_answer_grows_while_it_is_written(story_profile: Path) -> None:
    # The Guide may write a whole answer between two looks; this model writes on and on.
    with opened(story_profile) as window:
        window.ask(QUESTION)
        first = window.streaming(50).answer
        then = window.streaming(len(first) + 50).answer
        last = window.streaming(len(then) + 50).answer
        assert last.startswith(then)
        assert then.startswith(first)
        window.do("press", keys="Escape")
        window.until(lambda seen: seen.is_answered)
        assert window.close() == 0


def test_closing_while_an_answer_is_written_keeps_it(story_profile: Path) -> None:
    with opened(story_profile) as window:
        window.ask(QUESTION)
        window.streaming(300)
        assert window.close() == 0
        kept(window, story_profile)
    goes_on(story_profile)


@posix
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_request_of_the_system_to_end_is_an_orderly_end(
    story_profile: Path, number: signal.Signals
) -> None:
    with opened(story_profile) as window:
        window.ask(QUESTION)
        window.streaming(300)
        assert window.send(number) == 0
        kept(window, story_profile)
    with opened(story_profile) as window:
        window.ready()
        assert not window.now.safe_mode
        assert window.close() == 0


@posix
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_start_that_is_asked_to_end_is_no_crash(profile: Path, number: signal.Signals) -> None:
    with opened(profile, SIGNAL_WHEN=at_note(number, profile, "start")) as window:
        assert window.ended() in (0, 130), window.complaints()
        assert "Traceback" not in window.complaints()
    assert left_notes(profile) == []
    assert verdict(profile) == "ok"


@posix
def test_killed_while_an_answer_is_written_it_is_kept_and_goes_on(story_profile: Path) -> None:
    with opened(story_profile) as window:
        window.ask(QUESTION)
        window.streaming(300)
        start_s = window.now.at_s
        window.until(lambda seen: seen.at_s > start_s + LATE_S)
        window.kill()
        seen = window.seen
    assert left_notes(story_profile) == []
    assert verdict(story_profile) == "ok"
    question, answer = stored_turns(story_profile)
    assert (question.text, answer.role) == (QUESTION, "assistant")
    last = seen[-1]
    early = [each.answer for each in seen if each.at_s <= last.at_s - LATE_S][-1]
    assert answer.text.startswith(early)
    assert last.answer.startswith(answer.text) or answer.text.startswith(last.answer)
    goes_on(story_profile)


def kept(window: Window, profile: Path) -> None:
    """All that was shown is on the disk, nothing is left over, and nothing complained."""
    assert window.complaints() == ""
    assert left_notes(profile) == []
    question, answer = stored_turns(profile)
    assert (question.text, answer.state) == (QUESTION, "interrupted")
    assert answer.text.startswith(window.now.answer)
    assert answer.usage is not None


def goes_on(profile: Path) -> None:
    """The next start is a usual one, shows the answer as interrupted, and continues it."""
    with opened(profile) as window:
        window.until(lambda seen: seen.chats)
        assert not window.now.safe_mode
        window.do("chat", title=window.now.chats[0])
        shown = window.until(lambda seen: len(seen.messages) == 2 and "Continue" in seen.buttons)
        assert shown.messages[-1].state == "interrupted"
        assert shown.messages[-1].note.startswith("Interrupted")
        before = shown.answer
        window.do("click", name="Continue")
        assert window.streaming(len(before) + 100).focus == "Messages"
        window.do("press", keys="Esc")
        stopped = window.until(lambda seen: seen.is_answered)
        assert stopped.messages[-1].note == "Stopped"
        assert stopped.answer.startswith(before)
        assert window.close() == 0
    _, answer = stored_turns(profile)
    assert (answer.text, answer.state) == (stopped.answer, "stopped")
