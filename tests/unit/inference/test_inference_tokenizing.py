"""Prompts to token ids: special tokens in the template's text only, and no run too long."""

from __future__ import annotations

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.foundation.errors import ContextExceeded, InvalidInput
from app.inference.tokenizing import (
    MAX_PROMPT_BYTES,
    PromptTokenizer,
    Stretch,
    check_context,
    check_size,
    plainly_too_long,
)
from app.protocol.chat import Message
from app.templates.composition import Piece

SPECIAL = re.compile(r"<s>|</s>|<\|im_end\|>")
SPECIAL_IDS = {"<s>": 1, "</s>": 2, "<|im_end|>": 3}


class Letters:
    """A vocabulary of characters and three special tokens: the far side of the native seam."""

    def __init__(self, *, prefixes_space: bool = False) -> None:
        self.prefixes_space = prefixes_space
        self.calls: list[str] = []

    def tokenize(self, text: str, *, add_special: bool, parse_special: bool) -> list[int]:
        self.calls.append(text)
        tokens = [1] if add_special else []
        if self.prefixes_space:
            text = " " + text
        if not parse_special:
            return tokens + [ord(letter) + 10 for letter in text]
        end = 0
        for found in SPECIAL.finditer(text):
            tokens += [ord(letter) + 10 for letter in text[end : found.start()]]
            tokens.append(SPECIAL_IDS[found[0]])
            end = found.end()
        return tokens + [ord(letter) + 10 for letter in text[end:]]

    def token_text(self, token: int) -> str:
        return chr(token - 10) if token >= 10 else ""

    def is_end(self, token: int) -> bool:
        return token in (2, 3)


def tokens(pieces: list[Piece], bos: str = "", vocabulary: Letters | None = None) -> list[int]:
    return PromptTokenizer().tokens(pieces, path="m", bos=bos, vocabulary=vocabulary or Letters())


def spelled(text: str) -> list[int]:
    return [ord(letter) + 10 for letter in text]


def test_special_tokens_are_read_in_the_templates_text_only() -> None:
    pieces = [Piece("<s>", True), Piece("a</s>b", False), Piece("<|im_end|>", True)]
    assert tokens(pieces) == [1, *spelled("a</s>b"), 3]


def test_harmless_messages_are_joined_with_the_text_around_them() -> None:
    pieces = [Piece("<s>x ", True), Piece("hello", False), Piece(" y", True)]
    found = PromptTokenizer().stretches(pieces, path="m", vocabulary=Letters())
    assert found == [Stretch("<s>x hello y", True)]


def test_bos_is_put_in_front_once() -> None:
    assert tokens([Piece("ab", True)], "<s>") == [1, *spelled("ab")]
    assert tokens([Piece("<s>ab", True)], "<s>") == [1, *spelled("ab")]
    assert tokens([Piece("ab", True)]) == spelled("ab")
    assert tokens([], "<s>") == [1]
    assert tokens([Piece("<s>ab", False)], "<s>") == [1, *spelled("<s>ab")]


@pytest.mark.parametrize("letter", ["a", " ", "1", "é", "漢"])
def test_long_runs_are_cut_and_nothing_is_lost(letter: str) -> None:
    vocabulary = Letters()
    text = letter * 5432
    assert tokens([Piece(text, False)], vocabulary=vocabulary) == spelled(text)
    assert max(map(len, vocabulary.calls)) <= 800


def test_ordinary_prose_is_not_cut() -> None:
    text = "Words with spaces, as people write them. " * 200
    found = PromptTokenizer().stretches([Piece(text, False)], path="m", vocabulary=Letters())
    assert found == [Stretch(text, True)]


def test_special_tokens_beside_long_runs_stay_whole() -> None:
    pieces = [
        Piece("<s>", True),
        Piece("x" * 2500, False),
        Piece("<|im_end|>", True),
        Piece("y" * 2500, False),
        Piece("</s>", True),
    ]
    vocabulary = Letters()
    expected = [1, *spelled("x" * 2500), 3, *spelled("y" * 2500), 2]
    assert tokens(pieces, vocabulary=vocabulary) == expected
    assert max(map(len, vocabulary.calls)) < 2000


def test_vocabulary_that_prefixes_a_space_is_not_cut() -> None:
    vocabulary = Letters(prefixes_space=True)
    assert tokens([Piece("a" * 3000, False)], vocabulary=vocabulary) == spelled(" " + "a" * 3000)


def test_a_message_is_looked_through_for_special_tokens_once() -> None:
    vocabulary, tokenizer = Letters(), PromptTokenizer()
    pieces = [Piece("<s>", True), Piece("hello", False)]
    tokenizer.tokens(pieces, path="m", bos="", vocabulary=vocabulary)
    assert vocabulary.calls.count("hello") == 2
    tokenizer.tokens(pieces, path="m", bos="", vocabulary=vocabulary)
    assert vocabulary.calls.count("hello") == 2
    tokenizer.tokens(pieces, path="another model", bos="", vocabulary=vocabulary)
    assert vocabulary.calls.count("hello") == 4


@settings(deadline=None)
@given(
    st.lists(
        st.tuples(
            st.text(alphabet="ab \n漢", max_size=30).map(lambda text: text * 40)
            | st.sampled_from(["<s>", "</s>", "x</s>y", "<|im_end|>", "<|im_", "end|>"]),
            st.booleans(),
        ),
        max_size=8,
    )
)
def test_text_is_kept_and_messages_hold_no_special_token(parts: list[tuple[str, bool]]) -> None:
    pieces = [Piece(text, is_template) for text, is_template in parts]
    found = PromptTokenizer().stretches(pieces, path="m", vocabulary=Letters())
    assert "".join(stretch.text for stretch in found) == "".join(text for text, _ in parts)
    for piece in pieces:
        if not piece.is_template and SPECIAL.search(piece.text):
            assert Stretch(piece.text, False) in found or len(piece.text) > 1000


def test_only_what_is_plainly_too_long_is_estimated() -> None:
    assert plainly_too_long((Message("user", "a" * 199_999),), 10) is None
    assert plainly_too_long((Message("user", "a" * 200_000),), 12_504) is None
    assert plainly_too_long((Message("user", "a" * 200_000),), 12_503) == 50_004
    many = (Message("user", "a" * 100),) * 4000
    assert plainly_too_long(many, 40_999) == 116_000
    assert plainly_too_long(many, 41_000) is None


def test_sizes_are_checked() -> None:
    check_size(["a" * MAX_PROMPT_BYTES])
    with pytest.raises(InvalidInput, match=r"2\.0 MB"):
        check_size(["é" * (MAX_PROMPT_BYTES // 2), "x"])
    with pytest.raises(InvalidInput, match="UTF-8"):
        check_size(["\ud800"])


@pytest.mark.parametrize(
    ("prompt", "n_ctx", "max_tokens", "fits"),
    [
        (511, 512, None, False),
        (480, 512, None, True),
        (481, 512, None, False),
        (511, 512, 1, True),
        (512, 512, 1, False),
        (4032, 4096, None, True),
        (4033, 4096, None, False),
        (4033, 4096, 10, True),
    ],
)
def test_room_for_an_answer(prompt: int, n_ctx: int, max_tokens: int | None, fits: bool) -> None:
    if fits:
        check_context(prompt, n_ctx, max_tokens)
    else:
        with pytest.raises(ContextExceeded) as caught:
            check_context(prompt, n_ctx, max_tokens)
        assert (caught.value.prompt_tokens, caught.value.n_ctx) == (prompt, n_ctx)
