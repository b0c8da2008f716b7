"""Cutting a message: the same cuts whatever pieces it came in, nothing lost, nothing too long."""

from __future__ import annotations

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.gui.chat.markdown import parse
from app.gui.chat.reading import blocks_of
from app.gui.chat.segments import HARD_LIMIT_CHARS, Source

SAMPLE = """<think>
first this

then that</think>
# Title
Words
more words

- a

- b
  ```py
  x

  y
  ```

- c

After the list

```python
def f():

    return 1
```
text | with a bar
| a | b |
|---|---|
| 1 | 2 |

~~~
not ``` closed by another mark
~~~

1. a

1. b

    indented

> q

> r
"""


def cuts(source: Source) -> list[tuple[str, str, str, bool]]:
    return [(s.kind, source.body(s), s.language, s.closed) for s in source.segments]


def test_the_kinds_of_a_sample() -> None:
    kinds = [(kind, body.strip("\n")) for kind, body, _, _ in cuts(Source(SAMPLE))]
    assert kinds[0] == ("thought", "first this\n\nthen that")
    assert ("code", "def f():\n\n    return 1") in kinds
    assert ("table", "| a | b |\n|---|---|\n| 1 | 2 |") in kinds
    assert ("code", "not ``` closed by another mark") in kinds
    lists = [body for kind, body in kinds if kind == "prose" and "- a" in body]
    assert "- c" in lists[0]
    assert "  y" in lists[0]
    assert any("1. a\n\n1. b\n\n    indented" in body for _, body in kinds)


@pytest.mark.parametrize("seed", range(20))
def test_pieces_do_not_matter(seed: int) -> None:
    draw = random.Random(seed)
    source = Source()
    at = 0
    while at < len(SAMPLE):
        step = draw.choice((1, 1, 2, 5, 40))
        source.append(SAMPLE[at : at + step])
        at += step
    source.close()
    assert cuts(source) == cuts(Source(SAMPLE))


@settings(max_examples=60, deadline=None)
@given(st.text(alphabet="ab `~|-#>*1.\n\t<think>/", max_size=400), st.integers(1, 7))
def test_any_text_in_any_pieces(text: str, step: int) -> None:
    source = Source()
    for at in range(0, len(text), step):
        source.append(text[at : at + step])
    source.close()
    whole = Source(text)
    assert cuts(source) == cuts(whole)
    covered = "".join(whole.text[s.start : s.end] for s in whole.segments)
    assert covered.split() == text.split()


MARKDOWN = (
    *("word and more\n", "\n", "\n", "- item\n", "* item **b\n", "1. one\n", "12) x\n"),
    *("  indented\n", "    code\n", "\ttab\n", "> quote\n", "# head\n", "==\n", "---\n"),
    *(
        "```py\n",
        "```\n",
        "~~~\n",
        "| a | b |\n",
        "|---|---|\n",
        "text **bold\n",
        "closes** here\n",
    ),
    *("`code\n", "[a](http://x.y)\n", "+ p\n", "*\n", "-\n", "0\n", "word", " "),
)


@pytest.mark.parametrize("seed", range(60))
def test_what_has_settled_reads_as_it_does_in_the_whole(seed: int) -> None:
    draw = random.Random(seed)
    text = "".join(draw.choices(MARKDOWN, k=draw.randint(2, 14)))
    source = Source()
    at = 0
    while at < len(text):
        step = draw.randint(1, 9)
        source.append(text[at : at + step])
        at += step
        last = source.segments[-1] if source.segments else None
        if last is not None and last.kind == "prose" and not last.closed:
            assert blocks_of(source, last, opened=False) == parse(source.body(last))


def test_a_paragraph_that_has_ended_is_settled_while_the_next_one_is_written() -> None:
    source = Source()
    source.append("First.\n\nSec")
    assert source.text[: source.segments[-1].settled] == "First.\n\n"
    source.append("ond.\n\n- a\n\n")
    assert source.text[: source.segments[-1].settled] == "First.\n\nSecond.\n\n"
    source.append("- b")
    assert source.text[: source.segments[-1].settled] == "First.\n\nSecond.\n\n"


def test_only_the_last_segment_changes() -> None:
    source = Source()
    source.append("One. " * 200 + "\n\n" + "Two. " * 200 + "\n\nThree")
    before = [(s.start, s.end, s.kind) for s in source.segments[:-1]]
    assert len(before) == 1
    first = source.append(" goes on.\n\nFour.")
    assert first == len(before)
    assert [(s.start, s.end, s.kind) for s in source.segments[: len(before)]] == before


@pytest.mark.parametrize(
    "text",
    [
        "word " * 60_000,
        "x" * 300_000,
        "a line of text\n" * 20_000,
        "> quoted\n" * 20_000,
        "- item\n" * 20_000,
        ">" * 50_000,
    ],
)
def test_prose_is_never_long(text: str) -> None:
    for source in (Source(text), Source(text, as_written=True)):
        assert all(s.end - s.start <= HARD_LIMIT_CHARS + 200 for s in source.segments)
        assert "".join(source.text[s.start : s.end] for s in source.segments) == text


def test_a_persons_own_words_stay_as_they_are() -> None:
    source = Source("# not a title\n```\nnot code\n| a |\n|---|\n", as_written=True)
    assert {s.kind for s in source.segments} == {"plain"}


def test_windows_line_ends_also_between_pieces() -> None:
    source = Source()
    for piece in ("```\r", "\nx\r\n", "```\r\n"):
        source.append(piece)
    source.close()
    assert cuts(source) == [("code", "x\n", "", True)]
