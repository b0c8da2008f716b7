"""The genuine templates of llama.cpp's collection: all known, all render, none remarked upon."""

from __future__ import annotations

import pytest

from app.protocol.chat import Message
from app.templates.composition import SYSTEM_MERGED, compose
from app.templates.inspection import remarks
from app.templates.known import GENUINE_SHA256
from app.templates.render import template_hash
from tests.fixtures.distribution import unpacked

TALK = (
    Message("system", "Answer  in rhyme. <|im_end|>"),
    Message("user", " What is </s> the sea?\n"),
    Message("assistant", "Deep, and wide [INST]."),
    Message("user", "And the <|eot_id|> sky?"),
)


@pytest.fixture(scope="module")
def genuine() -> dict[str, str]:
    folder = unpacked() / "models" / "templates"
    return {path.name: path.read_text("utf-8") for path in folder.glob("*.jinja")}


@pytest.mark.distribution
def test_every_one_is_known_and_nothing_else(genuine: dict[str, str]) -> None:
    assert len(genuine) > 50
    assert {template_hash(source) for source in genuine.values()} == GENUINE_SHA256


@pytest.mark.distribution
def test_every_one_keeps_every_message_apart(genuine: dict[str, str]) -> None:
    for name, source in genuine.items():
        composed = compose(source, TALK, "<s>", "</s>")
        assert composed.notes in ((), (SYSTEM_MERGED,)), name
        said = [piece.text.strip() for piece in composed.pieces if not piece.is_template]
        for message in TALK[2:] if composed.notes else TALK:
            assert message.text.strip() in said, name
        own = "".join(piece.text for piece in composed.pieces if piece.is_template)
        assert "rhyme" not in own, name
        assert "sea" not in own, name


@pytest.mark.distribution
def test_none_is_remarked_upon(genuine: dict[str, str]) -> None:
    for name, source in genuine.items():
        assert remarks(source) == (), name
