"""The pure parts of a chat: titles, the messages of a path, steps, figures."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.chat.context_window import may_exceed, messages_for
from app.chat.steps import Edit, Regenerate, Resume, Send
from app.chat.tally import Tally
from app.chat.titles import MAX_TITLE_CHARS, title_from
from app.conversations.records import Turn, TurnState
from app.foundation.errors import InvalidInput
from app.protocol.chat import Message, Role
from app.protocol.generation import Started, Timings, TokensArrived, Usage


def turn(
    number: int,
    role: Role,
    text: str = "words",
    state: TurnState = "complete",
    finish_reason: str | None = None,
) -> Turn:
    parent = f"t{number - 1}" if number else None
    return Turn(f"t{number}", "c", parent, role, text, state, 0.0, finish_reason=finish_reason)


PATH = (turn(0, "user", "one"), turn(1, "assistant", "two"), turn(2, "user", "three"))


@pytest.mark.parametrize(
    ("text", "title"),
    [
        ("How do I add a model?", "How do I add a model?"),
        ("  **How**\n do `I`  add\ta model", "How do I add a model"),
        ("", ""),
        (" \n\u200b ", ""),
        ("Explain [this page](https://example.org/x) to me", "Explain this page to me"),
        ("a" * 100, "a" * 47 + "…"),
        (
            "One two three four five six seven eight nine ten eleven",
            "One two three four five six seven eight nine…",
        ),
        ("Is this one question? And this is another one.", "Is this one question?"),
        ("Hi. What can you do?", "Hi. What can you do?"),
        ("\u202eevil title", "evil title"),
        ("Note *:", "Note"),
    ],
)
def test_titles(text: str, title: str) -> None:
    assert title_from(text) == title


@given(st.text(max_size=300))
def test_any_text_gives_a_short_title_of_one_line(text: str) -> None:
    title = title_from(text)
    assert len(title) <= MAX_TITLE_CHARS
    assert "\n" not in title
    assert title == title.strip()


def test_messages_of_a_path() -> None:
    assert messages_for(PATH, "Be kind.", "four") == (
        Message("system", "Be kind."),
        Message("user", "one"),
        Message("assistant", "two"),
        Message("user", "three\n\nfour"),
    )
    assert messages_for((), " ") == ()


def test_empty_answers_are_no_messages_and_roles_alternate() -> None:
    path = (turn(0, "user", "one"), turn(1, "assistant", "", "stopped"), turn(2, "user", "two"))
    assert messages_for(path, "") == (Message("user", "one\n\ntwo"),)


def test_what_certainly_fits_needs_no_counting() -> None:
    assert not may_exceed((Message("user", "a" * 100),), 1024)
    assert may_exceed((Message("user", "é" * 300),), 1024)


def test_send_follows_the_last_turn_and_names_a_new_chat() -> None:
    task = Send("Hello there").task(())
    assert (task.parent_id, task.history, task.question, task.title) == (
        None, (), "Hello there", "Hello there",
    )  # fmt: skip
    later = Send("More").task(PATH)
    assert (later.parent_id, later.title) == ("t2", "")
    stored = turn(3, "user", "More")
    asked = later.asked(stored)
    assert asked.parent_id == "t3"
    assert asked.history == (*PATH, stored)
    assert asked.question is None


def test_edit_branches_beside_the_message() -> None:
    task = Edit("t2", "other").task(PATH)
    assert (task.parent_id, task.history, task.question) == ("t1", PATH[:2], "other")
    first = Edit("t0", "other").task(PATH)
    assert (first.parent_id, first.history, first.title) == (None, (), "other")


def test_regenerate_answers_the_question_again() -> None:
    for turn_id in ("t0", "t1"):
        task = Regenerate(turn_id).task(PATH)
        assert (task.parent_id, task.history, task.question) == ("t0", PATH[:1], None)


@pytest.mark.parametrize(
    ("state", "reason", "ok"),
    [
        ("interrupted", None, True),
        ("stopped", "cancelled", True),
        ("failed", None, True),
        ("complete", "length", True),
        ("complete", "stop", False),
        ("complete", "context", False),
    ],
)
def test_resume_continues_what_broke_off(state: TurnState, reason: str | None, ok: bool) -> None:
    path = (PATH[0], turn(1, "assistant", "tw", state, reason))
    if not ok:
        with pytest.raises(InvalidInput):
            Resume("t1").task(path)
        return
    task = Resume("t1").task(path)
    assert task.resumed == path[1]
    assert task.history == path[:1]


@pytest.mark.parametrize(
    "step", [Send(" "), Edit("t2", ""), Edit("t1", "x"), Edit("gone", "x"), Regenerate("gone"),
             Resume("t1"), Resume("t2"), Resume("gone")],
)  # fmt: skip
def test_senseless_steps(step: Send | Edit | Regenerate | Resume) -> None:
    with pytest.raises(InvalidInput):
        step.task(PATH)


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def test_tally_stands_in_for_the_engines_figures() -> None:
    clock = Clock()
    tally = Tally("so far ", clock)
    clock.now += 2.0
    tally.started(Started("r", 30, 10, 512))
    assert tally.timings(True) == Timings(0.0, 0.0, 0.0, 0.0)
    clock.now += 0.5
    tally.grew(TokensArrived("r", "one ", 1))
    clock.now += 1.0
    tally.grew(TokensArrived("r", "two three", 2))
    assert tally.text == "so far one two three"
    assert tally.usage() == Usage(30, 10, 3)
    assert tally.timings(was_loading=True) == Timings(2000.0, 500.0, 40.0, 2.0)
    assert tally.timings(was_loading=False) == Timings(0.0, 2500.0, 40.0, 2.0)


def test_answer_left_in_writing_can_be_continued() -> None:
    left = turn(1, "assistant", "two", "writing")
    assert Resume(left.id).task((PATH[0], left)).resumed == left
    with pytest.raises(InvalidInput):
        Resume("t1").task(PATH[:2])
