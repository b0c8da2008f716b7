"""Heights, code lines, highlighting and safe text: the arithmetic under the transcript."""

from __future__ import annotations

import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.gui.chat.code_lines import MAX_LINE_UNITS, CodeLines, cut, units
from app.gui.chat.heights import HeightIndex
from app.gui.chat.highlight import MAX_LINE_CHARS, Highlighter
from app.gui.chat.turn_words import loading_words
from app.gui.safe_text import host_of, is_openable, one_line, pieces, shown


@settings(max_examples=100, deadline=None)
@given(
    st.lists(st.integers(0, 90), min_size=1, max_size=60),
    st.lists(st.tuples(st.integers(0, 59), st.integers(0, 200)), max_size=30),
)
def test_heights_against_plain_sums(start: list[int], changes: list[tuple[int, int]]) -> None:
    index = HeightIndex(start[: len(start) // 2])
    for height in start[len(start) // 2 :]:
        index.append(height)
    plain = list(start)
    for item, height in changes:
        if item < len(plain):
            index.set(item, height)
            plain[item] = height
    assert index.total == sum(plain)
    assert [index.top(item) for item in range(len(plain) + 1)] == [
        sum(plain[:item]) for item in range(len(plain) + 1)
    ]
    for y in range(0, index.total, 7):
        item = index.find(y)
        assert index.top(item) <= y < index.top(item) + index.height(item)


def test_heights_forget_the_last() -> None:
    index = HeightIndex([5, 6, 7, 8])
    index.pop()
    index.append(9)
    assert (index.total, index.top(3), len(index)) == (27, 18, 4)


@settings(max_examples=80, deadline=None)
@given(st.lists(st.text(alphabet="ab\n😀é\t", max_size=40), max_size=8))
def test_code_lines_grow_as_if_read_at_once(parts: list[str]) -> None:
    grown, text = CodeLines(), ""
    for part in parts:
        text += part
        grown.extend(text)
    once = CodeLines()
    once.extend(text)
    if parts:
        assert [grown.bounds(n) for n in range(len(grown))] == [
            once.bounds(n) for n in range(len(once))
        ]
        assert [grown.shown_text(n) for n in range(len(grown))] == text.split("\n")
        assert grown.total == units(text)
        assert grown.between(0, grown.total) == text


def test_a_long_line_is_shown_as_several_and_copied_as_one() -> None:
    lines = CodeLines()
    text = "short\n" + "y" * (2 * MAX_LINE_UNITS + 5) + "\nend"
    lines.extend(text)
    assert len(lines) == 5
    assert lines.source_line(0) == 0
    assert lines.source_line(2) is None
    assert lines.source_line(4) == 2
    assert lines.between(0, lines.total) == text


def test_utf16_units() -> None:
    assert units("a😀b") == 4
    assert cut("a😀b", 1, 3) == "😀"


CODE = '"""Doc\nstring."""\nimport os\n\n\ndef f(x):\n    return "a" + str(12)  # why\n'


def colored(text: str, *, step: int, slices: bool) -> list[list[tuple[int, int, str]]]:
    highlighter = Highlighter("python")
    for at in range(step, len(text) + step, step):
        highlighter.set_text(text[:at], closed=False)
        if slices:
            highlighter.advance(time.perf_counter, 0.0)
    highlighter.set_text(text, closed=True)
    while not highlighter.finished:
        highlighter.advance(time.perf_counter, 0.0)
    return [list(highlighter.spans(line)) for line in range(text.count("\n") + 1)]


def test_highlighting_in_slices_while_growing_ends_like_at_once() -> None:
    whole = colored(CODE, step=len(CODE), slices=False)
    assert [kind for line in whole for _, _, kind in line] != []
    assert (4, 1, "function") in whole[5]
    for step in (1, 7, 30):
        assert colored(CODE, step=step, slices=True) == whole


def test_highlighting_skips_what_it_does_not_know_or_is_too_long() -> None:
    for language, text in (("nonsense", "x"), ("python", "x" * (MAX_LINE_CHARS + 1)), ("", "x")):
        highlighter = Highlighter(language)
        highlighter.set_text(text, closed=True)
        while not highlighter.finished:
            highlighter.advance(time.perf_counter, 0.0)
        assert highlighter.spans(0) == []


def test_hidden_marks_are_visible_one_for_one() -> None:
    text = "a\u202eb\x1bc\x00d\u2066e"
    assert len(shown(text)) == len(text)
    assert not set(shown(text)) & {"\u202e", "\x1b", "\x00", "\u2066"}
    assert shown("zero\u200bwidth") == "zero\u200bwidth"
    assert "\u200b" not in shown("zero\u200bwidth", in_code=True)
    assert shown("👩\u200d👩") == "👩\u200d👩"


@pytest.mark.parametrize(
    ("target", "is_fine"),
    [
        ("https://example.org", True),
        ("http://[::1]:80/x", True),
        ("mailto:a@b.c", True),
        ("MAILTO:a@b.c", True),
        ("file:///etc/passwd", False),
        ("//host/share", False),
        ("https://exa\u202emple.org", False),
        ("https://", False),
        ("http://[", False),
        ("javascript:alert(1)", False),
        ("data:text/html,x", False),
        ("https://" + "a" * 3_000, False),
    ],
)
def test_what_may_be_opened(target: str, is_fine: bool) -> None:
    assert is_openable(target) is is_fine


def test_the_host_is_what_counts() -> None:
    assert host_of("https://bank.example@evil.example/login") == "evil.example"


def test_pieces_join_again() -> None:
    text = ("some words\n" * 50) + "z" * 500
    assert "".join(pieces(text, 64)) == text
    assert max(map(len, pieces(text, 64))) <= 64


def test_one_line_is_one_line() -> None:
    assert one_line("a\n b\u202e c" * 100, 20).count("\n") == 0
    assert len(one_line("word " * 1000, 20)) <= 20


def test_loading_in_words() -> None:
    assert loading_words(0.4, "Opening the Guide…") == "Opening the Guide: 40 %"
    assert loading_words(None, "") == "Opening the model"
