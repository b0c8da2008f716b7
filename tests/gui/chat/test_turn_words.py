"""What is said about turns and models, and which answers can be continued."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from PySide6.QtCore import QLocale

from app.conversations.records import Turn
from app.gui.chat.code_tools import file_name, write_text
from app.gui.chat.turn_words import can_continue, note_of, quiet_line, spoken
from app.gui.model_names import MAX_RECENT, display_name, read_recent, remember
from app.protocol.generation import Timings, Usage
from app.protocol.model_ref import ModelRef


@pytest.fixture(autouse=True)
def _english() -> Any:
    before = QLocale()
    QLocale.setDefault(QLocale(QLocale.Language.English, QLocale.Country.UnitedStates))
    yield
    QLocale.setDefault(before)


def answer(**facts: Any) -> Turn:
    base: dict[str, Any] = {
        "id": "1",
        "conversation_id": "c",
        "parent_id": None,
        "role": "assistant",
        "text": "words",
        "state": "complete",
        "created_at": 0.0,
    }
    return Turn(**(base | facts))


def test_the_quiet_line_has_its_three_figures() -> None:
    turn = answer(usage=Usage(1_000, 0, 200), timings=Timings(0.0, 412.0, 90.0, 17.6))
    assert quiet_line(turn, 4_096) == (
        "17.6 tokens/s · first word after 0.4 s · 1,200 of 4,096 tokens of context used"
    )
    assert quiet_line(turn, None).endswith("1,200 tokens of context used")
    assert quiet_line(answer(), 4_096) == ""
    quick = answer(timings=Timings(0.0, 31.0, 90.0, 240.4))
    assert quiet_line(quick, None) == "240 tokens/s · first word after 0.03 s"


@pytest.mark.parametrize(
    ("facts", "words", "goes_on"),
    [
        ({}, "", False),
        ({"state": "interrupted"}, "Interrupted", True),
        ({"state": "stopped"}, "Stopped", True),
        ({"state": "failed", "error": "The engine died."}, "The engine died.", True),
        ({"finish_reason": "length"}, "Ended at the longest answer", True),
        ({"finish_reason": "context"}, "The context is full", False),
        ({"role": "user", "state": "stopped"}, "", False),
        ({"state": "writing"}, "", False),
    ],
)
def test_how_an_answer_ended(facts: dict[str, Any], words: str, goes_on: bool) -> None:
    turn = answer(**facts)
    assert note_of(turn)[0].startswith(words)
    assert bool(note_of(turn)[0]) is bool(words)
    assert can_continue(turn) is goes_on


def test_what_a_screen_reader_says() -> None:
    assert spoken("user", "Hi", "") == "You said: Hi"
    assert spoken("assistant", "Hello", "Stopped") == "Answer: Hello Stopped"


def test_models_by_name() -> None:
    assert display_name(ModelRef()) == "Guide"
    assert display_name(ModelRef("/models/Qwen3-8B-Q4_K_M-00001-of-00002.gguf")) == (
        "Qwen3-8B-Q4_K_M"
    )
    assert "\u202e" not in display_name(ModelRef("/models/evil\u202efugg.gguf"))


def test_recent_models_are_remembered_once_and_while_they_exist(tmp_path: Path) -> None:
    store = tmp_path / "recent.json"
    files = [tmp_path / f"{n}.gguf" for n in range(MAX_RECENT + 2)]
    for file in files:
        file.write_bytes(b"")
        remember(store, str(file))
    remember(store, str(files[3]))
    assert read_recent(store)[0] == str(files[3])
    assert len(read_recent(store)) == MAX_RECENT
    files[3].unlink()
    assert str(files[3]) not in read_recent(store)
    for broken in ("{", json.dumps({"a": 1}), json.dumps([1, None])):
        store.write_text(broken)
        assert read_recent(store) == []


def test_saved_code_is_named_by_its_language_alone(tmp_path: Path) -> None:
    assert file_name("python") == "code.py"
    assert file_name("JSON") == "code.json"
    assert file_name("../../x") == "code.txt"
    assert file_name("") == "code.txt"
    target = tmp_path / "code.py"
    write_text(target, "a = 1\n")
    assert target.read_text() == "a = 1\n"
    assert list(tmp_path.iterdir()) == [target]
