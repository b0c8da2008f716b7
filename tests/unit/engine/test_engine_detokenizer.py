"""Whole characters only, and nothing of a stop text, however the bytes arrive."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.engine.detokenizer import MAX_STOPS, Detokenizer, check_stops
from app.foundation.errors import InvalidInput

TEXT = "a ü € 😀 e\u0301 \u200d 漢"


def fed(pieces: list[bytes], stops: tuple[str, ...] = (), *, is_complete: bool = True) -> list[str]:
    detokenizer = Detokenizer(stops)
    out = [detokenizer.push(piece) for piece in pieces]
    out.append(detokenizer.finish(is_complete=is_complete))
    return out


def splits(data: bytes) -> list[list[bytes]]:
    """Every way to cut `data` into three, and byte by byte."""
    cuts = itertools.combinations_with_replacement(range(len(data) + 1), 2)
    return [
        *([data[:a], data[a:b], data[b:]] for a, b in cuts),
        [bytes([byte]) for byte in data],
    ]


def test_every_split_of_multi_byte_text_gives_the_text_in_whole_characters() -> None:
    for pieces in splits(TEXT.encode()):
        out = fed(pieces)
        assert "".join(out) == TEXT
        assert "\ufffd" not in "".join(out)


def test_a_character_comes_only_once_complete() -> None:
    detokenizer = Detokenizer()
    assert [detokenizer.push(bytes([byte])) for byte in "😀".encode()] == ["", "", "", "😀"]
    assert not detokenizer.holds_back
    assert detokenizer.push(b"\xe2") == ""
    assert detokenizer.holds_back


@pytest.mark.parametrize(
    "data", [b"a\xffb", b"\xc3(", b"\xe2\x28\xa1", b"\xed\xa0\x80", b"\xf8\x88\x80", b"\x80\x80x"]
)
def test_invalid_bytes_are_replaced_alike_in_every_split(data: bytes) -> None:
    expected = data.decode("utf-8", "replace")
    for pieces in splits(data):
        assert "".join(fed(pieces)) == expected


def test_half_a_character_at_the_end_is_replaced_if_the_model_ended_and_dropped_if_it_was_cut() -> (
    None
):
    assert fed([b"ok\xf0\x9f"]) == ["ok", "\ufffd"]
    assert fed([b"ok\xf0\x9f"], is_complete=False) == ["ok", ""]


@pytest.mark.parametrize(
    ("text", "stops", "expected"),
    [
        ("one two three", ("two",), "one "),
        ("one two three", ("three",), "one two "),
        ("aaab", ("aab",), "a"),
        ("ababac", ("abac",), "ab"),
        ("xabcd", ("bc", "abcd"), "xa"),
        ("xabcd", ("abc", "bc"), "x"),
        ("User: hi", ("User:",), ""),
        ("no stop here", ("zzz",), "no stop here"),
        ("ends with zz", ("zzz",), "ends with zz"),
        ("täst €uro 😀 end", ("€uro",), "täst "),
        ("\n\n### done", ("\n\n###",), ""),
    ],
)
def test_nothing_of_a_stop_text_is_said_in_any_split(
    text: str, stops: tuple[str, ...], expected: str
) -> None:
    for pieces in splits(text.encode()):
        assert "".join(fed(pieces, stops)) == expected


def test_text_that_may_become_a_stop_is_held_until_decided() -> None:
    detokenizer = Detokenizer(("<end>",))
    assert detokenizer.push(b"Hi <e") == "Hi "
    assert detokenizer.holds_back
    assert detokenizer.push(b"n") == ""
    assert detokenizer.push(b"x") == "<enx"
    assert detokenizer.push(b"<end") == ""
    assert detokenizer.push(b"> more") == ""
    assert detokenizer.stopped
    assert detokenizer.push(b"and more") == ""
    assert detokenizer.finish(is_complete=True) == ""


def test_held_text_is_said_when_the_answer_ends_otherwise() -> None:
    assert fed([b"Hi <en"], ("<end>",), is_complete=False) == ["Hi ", "<en"]
    assert fed([b"Hi <en"], ("<end>",)) == ["Hi ", "<en"]


def test_replacement_at_the_very_end_can_complete_a_stop_text() -> None:
    assert fed([b"a\xf0"], ("\ufffd",)) == ["a", ""]


@given(
    st.text(alphabet="ab<", max_size=30),
    st.lists(st.text(alphabet="ab<", min_size=1, max_size=5), max_size=3),
    st.data(),
)
def test_the_way_text_was_split_never_matters(
    text: str, stops: list[str], data: st.DataObject
) -> None:
    whole = "".join(fed([text.encode()], tuple(stops)))
    cuts = sorted(data.draw(st.lists(st.integers(0, len(text)), max_size=6)))
    bounds = [0, *cuts, len(text)]
    pieces = [text[a:b].encode() for a, b in itertools.pairwise(bounds)]
    assert "".join(fed(pieces, tuple(stops))) == whole
    ends = [text.find(stop) + len(stop) for stop in stops if stop in text]
    if not ends:
        assert whole == text
    else:
        assert len(whole) < min(ends)
        assert text.startswith(whole)
        assert not any(stop in whole for stop in stops)


def test_useless_stop_texts_are_refused() -> None:
    check_stops(("x", "y" * 100))
    with pytest.raises(InvalidInput):
        check_stops(("",))
    with pytest.raises(InvalidInput):
        check_stops(("x" * 5_000,))
    with pytest.raises(InvalidInput):
        check_stops(tuple(str(index) for index in range(MAX_STOPS + 1)))
