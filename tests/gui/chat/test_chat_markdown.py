"""Markdown to blocks: what is read, what stays as written, and that hostile text stays cheap."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.gui.chat.blocks import CodeBlock, RuleBlock, TableBlock, TextBlock, plain_text
from app.gui.chat.inline import parse_inline
from app.gui.chat.markdown import MAX_DEPTH, parse, plain, read_in_full
from app.gui.chat.tables import MAX_COLUMNS, MAX_ROWS, parse_table


def text_blocks(text: str) -> list[TextBlock]:
    return [block for block in parse(text) if isinstance(block, TextBlock)]


def test_styles_of_a_paragraph() -> None:
    (block,) = text_blocks("a **b** *c* ~~d~~ `e` [f](https://x.org/y)")
    styles = {run.text: run for run in block.runs}
    assert styles["b"].bold
    assert styles["c"].italic
    assert styles["d"].strike
    assert styles["e"].code
    assert styles["f"].link == "https://x.org/y"
    assert block.text == "a b c d e f"


def test_line_ends_are_kept() -> None:
    (block,) = text_blocks("roses\nviolets")
    assert block.text == "roses\nviolets"


def test_headings_lists_and_quotes() -> None:
    blocks = text_blocks("## Title\n\n3. three\n4. four\n   - nested\n\n> said\n> > again")
    assert [(b.kind, b.level) for b in blocks[:1]] == [("heading", 2)]
    assert [(b.marker, b.depth, b.text) for b in blocks[1:4]] == [
        ("3.", 1, "three"),
        ("4.", 1, "four"),
        ("•", 2, "nested"),
    ]
    assert [(b.quote, b.text) for b in blocks[4:]] == [(1, "said"), (2, "again")]


def test_tasks_show_a_box() -> None:
    assert [b.marker for b in text_blocks("- [ ] to do\n- [x] done")] == ["☐", "☑"]


def test_code_and_rule() -> None:
    code, rule = parse("```python title=x\na = 1\n\nb = 2\n```\n\n---")
    assert code == CodeBlock("a = 1\n\nb = 2", "python")
    assert isinstance(rule, RuleBlock)


def test_html_is_text() -> None:
    (block,) = text_blocks('<b onclick="x">bold</b> <img src="file:///etc/passwd">')
    assert block.text == '<b onclick="x">bold</b> <img src="file:///etc/passwd">'
    assert not any(run.link or run.bold for run in block.runs)


def test_an_image_is_named_not_loaded() -> None:
    (block,) = text_blocks("![a cat](https://tracker.example/x.png?id=1)")
    assert block.text == "[Image, not loaded: a cat (tracker.example)]"


@pytest.mark.parametrize(
    "target",
    [
        "file:///etc/passwd",
        "//host/share",
        "\\\\host\\share",
        "javascript:alert(1)",
        "data:text/html,x",
        "smb://host/x",
        "vbscript:x",
        "relative/path",
        "https:///nohost",
    ],
)
def test_links_that_may_not_open_stay_text(target: str) -> None:
    for source in (f"[words]({target})", f"![words]({target})", f"<{target}>"):
        assert not any(run.link for block in text_blocks(source) for run in block.runs), source


def test_bare_addresses_become_links_without_their_full_stop() -> None:
    runs = parse_inline("see https://example.org/a_(b), or not.")
    assert [run.link for run in runs if run.link] == ["https://example.org/a_(b)"]
    assert "".join(run.text for run in runs) == "see https://example.org/a_(b), or not."


def test_international_hosts_are_shown_in_ascii() -> None:
    (run,) = [run for run in parse_inline("[x](https://аррӏе.com/)") if run.link]
    assert run.link.startswith("https://xn--")


def test_reference_definitions_are_not_swallowed() -> None:
    assert "https://x.org" in "".join(b.text for b in text_blocks("[a]: https://x.org"))


def test_deep_nesting_is_bounded_and_complete() -> None:
    blocks = parse("> " * 60 + "deep")
    assert "deep" in "".join(plain_text(block) for block in blocks)
    nested = text_blocks("\n".join("  " * level + "- x" for level in range(15)))
    assert max(block.depth for block in nested) <= MAX_DEPTH


@pytest.mark.parametrize(
    "unit", ["[", "![", "*a ", "_a", "`a ``b ", "[a](", "**", "~~a", "<a ", "\\"]
)
def test_tangled_text_comes_back_whole(unit: str) -> None:
    source = unit * (11_000 // len(unit))
    shown = "".join(plain_text(block) for block in parse(source))
    letters = [char for char in source if char.isalpha()]
    assert [char for char in shown if char.isalpha()] == letters


def test_long_paragraphs_are_cut_into_joined_pieces() -> None:
    blocks = text_blocks("word " * 2_000)
    assert len(blocks) > 1
    assert all(len(block.text) <= 4_000 for block in blocks)
    assert [block.joined for block in blocks] == [False] + [True] * (len(blocks) - 1)


def test_plain_keeps_every_character() -> None:
    source = "x" * 9_000 + "\n  y\t" * 900
    assert "".join(plain_text(block) for block in plain(source)) == source


def test_tables() -> None:
    (table,) = parse("| a | b |\n|:--|--:|\n| **1** | x \\| y |\n| 2 |\n")
    assert isinstance(table, TableBlock)
    assert table.columns.aligns == ("left", "right")
    assert plain_text(table) == "a\tb\n1\tx | y\n2\t"
    assert table.rows[1][0][0].bold


def test_tables_are_bounded_and_say_so() -> None:
    line = "|" + "c|" * 70
    blocks = parse_table("\n".join([line, "|" + "-|" * 70, *[line] * 600]))
    pieces = [block for block in blocks if isinstance(block, TableBlock)]
    assert sum(len(piece.rows) for piece in pieces) == MAX_ROWS + 1
    assert all(len(row) == MAX_COLUMNS for piece in pieces for row in piece.rows)
    assert plain_text(blocks[-1]).startswith("100 more rows and 20 more columns")


@settings(max_examples=400, deadline=None)
@given(st.text(alphabet="aé漢1 -=+#|>!.):/\t\n\u00a0\u2028_*`[]<&\\~", max_size=24))
def test_a_plain_line_reads_as_the_parser_reads_it(text: str) -> None:
    for each in (text, f"word{text}", f"Some words, and {text}\n\n"):
        assert parse(each) == read_in_full(each)
