"""A double click on a model file: the window opens with it, and commands stay what they are."""

from __future__ import annotations

import pytest

from app.cli.main import parse
from app.cli.opening import with_file


@pytest.mark.parametrize(
    ("words", "path"),
    [
        (["/models/a b.gguf"], "/models/a b.gguf"),
        (["ask.GGUF"], "ask.GGUF"),
        (["--profile", "there", "a.gguf"], "a.gguf"),
        (["--safe-mode", "a.gguf"], "a.gguf"),
        (["--open", "a.gguf"], "a.gguf"),
        (["a.gguf", "--offline"], "a.gguf"),
        (["file:///models/a%20b%C3%BC.gguf"], "/models/a bü.gguf"),
    ],
)
def test_the_window_opens_with_the_file(words: list[str], path: str) -> None:
    command = parse(words)
    assert command.command is None
    assert command.open == path


@pytest.mark.parametrize(
    "words",
    [
        [],
        ["plan", "a.gguf"],
        ["--profile", "a.gguf", "probe"],
        ["ask", "What is a.gguf"],
        ["--", "a.gguf"],
        ["notes.txt"],
    ],
)
def test_everything_else_stays_as_it_was(words: list[str]) -> None:
    assert with_file(words) == words
