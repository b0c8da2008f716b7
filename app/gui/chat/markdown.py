"""Markdown to blocks: HTML off, images named but never loaded, links only where they are safe.

Pure, for one segment at a time (see `segments`); bounded in time for hostile text.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from app.gui.chat.blocks import Align, Block, CodeBlock, RuleBlock, Run, TextBlock
from app.gui.chat.inline import (
    MAX_NESTING,
    MAX_PIECE_CHARS,
    is_tangled,
    markdown_parser,
    runs_of,
)
from app.gui.chat.tables import table_blocks
from app.gui.safe_text import pieces

if TYPE_CHECKING:
    from markdown_it.token import Token

MAX_PARSED_CHARS = 12_000
MAX_PIECE_LINES = 48
MAX_DEPTH = 16

#: A line in which no character means anything: most of what grows, and read with each frame.
_PLAIN_LINE = re.compile(r"[^\W\d_][^*_~`\[\]<&\\\n\r\x00]*\n*")


def parse(text: str) -> tuple[Block, ...]:
    """Blocks of one segment. Text too long or too tangled to read comes back as it is."""
    if len(text) > MAX_PARSED_CHARS or is_tangled(text):
        return plain(text)
    if _PLAIN_LINE.fullmatch(text) and "://" not in text and len(text) <= MAX_PIECE_CHARS:
        return (TextBlock((Run(text.strip()),)),)
    return read_in_full(text)


def read_in_full(text: str) -> tuple[Block, ...]:
    """What the parser makes of it, whatever it is."""
    tokens = markdown_parser().parse(text)
    if any(token.level >= MAX_NESTING - 2 for token in tokens):
        return plain(text)
    return tuple(_Reader().read(tokens))


def plain(text: str, *, joined: bool = False) -> tuple[Block, ...]:
    """Text exactly as it is, in pieces that can be laid out quickly."""
    return tuple(
        TextBlock((Run(piece),), joined=joined or index > 0)
        for index, piece in enumerate(pieces(text, MAX_PIECE_CHARS, MAX_PIECE_LINES))
    )


@dataclass(slots=True)
class _List:
    ordered: bool
    number: int
    marker: str = ""  # of the item whose first block has not come yet


@dataclass(slots=True)
class _Reader:
    """Walks block tokens and keeps what they are nested in."""

    lists: list[_List] = field(default_factory=list)
    quote: int = 0
    heading: int = 0
    hidden: bool = False
    begins_list: bool = False
    out: list[Block] = field(default_factory=list)

    def read(self, tokens: Sequence[Token]) -> list[Block]:
        at = 0
        while at < len(tokens):
            token = tokens[at]
            if token.type == "table_open":
                at = self._table(tokens, at)
                continue
            self._one(token)
            at += 1
        return self.out

    def _one(self, token: Token) -> None:
        kind = token.type
        if kind == "inline":
            self._text(runs_of(token.children or []))
        elif kind in ("fence", "code_block"):
            self._code(token)
        elif kind == "hr":
            self.out.append(RuleBlock())
        elif kind == "heading_open":
            self.heading = int(token.tag[1:])
        elif kind == "heading_close":
            self.heading = 0
        elif kind == "paragraph_open":
            self.hidden = token.hidden
        elif kind.startswith("blockquote"):
            self.quote += token.nesting
        else:
            self._list(token)

    def _list(self, token: Token) -> None:
        kind = token.type
        if kind in ("bullet_list_open", "ordered_list_open") and not self.lists:
            self.begins_list = True
            self.hidden = False  # what was said of the paragraph before does not hold here
        if kind == "bullet_list_open":
            self.lists.append(_List(ordered=False, number=0))
        elif kind == "ordered_list_open":
            self.lists.append(_List(ordered=True, number=int(token.attrGet("start") or 1)))
        elif kind in ("bullet_list_close", "ordered_list_close"):
            self.lists.pop()
        elif kind == "list_item_open":
            current = self.lists[-1]
            current.marker = f"{current.number}." if current.ordered else "•"
            current.number += 1
        elif kind == "list_item_close" and self.lists[-1].marker:
            self._text(())  # an empty item still shows its mark

    def _marker(self) -> str:
        if not self.lists:
            return ""
        marker, self.lists[-1].marker = self.lists[-1].marker, ""
        return marker

    def _text(self, runs: tuple[Run, ...]) -> None:
        marker = self._marker()
        if not runs and not marker:
            return
        block = TextBlock(
            (),
            kind="heading" if self.heading else "paragraph",
            level=self.heading,
            depth=min(len(self.lists), MAX_DEPTH),
            quote=min(self.quote, MAX_DEPTH),
            marker=marker,
            tight=self.hidden and bool(self.lists) and not self.begins_list,
        )
        self.begins_list = False
        if marker == "•" and runs:
            block, runs = _with_check_mark(block, runs)
        for index, part in enumerate(_split_runs(runs)):
            self.out.append(
                replace(block, runs=part)
                if index == 0
                else replace(block, runs=part, marker="", joined=True)
            )

    def _code(self, token: Token) -> None:
        self._marker()
        text = token.content[:-1] if token.content.endswith("\n") else token.content
        self.out.append(
            CodeBlock(
                text,
                language=language_of(token.info),
                depth=min(len(self.lists), MAX_DEPTH),
                quote=min(self.quote, MAX_DEPTH),
            )
        )

    def _table(self, tokens: Sequence[Token], at: int) -> int:
        rows: list[list[str]] = []
        aligns: list[str] = []
        while tokens[at].type != "table_close":
            token = tokens[at]
            if token.type == "tr_open":
                rows.append([])
            elif token.type == "th_open":
                aligns.append(str(token.attrGet("style") or ""))
            elif token.type == "inline":
                rows[-1].append(token.content)
            at += 1
        self.out.extend(table_blocks(rows, [_align(style) for style in aligns]))
        return at + 1


def _with_check_mark(block: TextBlock, runs: tuple[Run, ...]) -> tuple[TextBlock, tuple[Run, ...]]:
    """A task's brackets become a box to its left."""
    for brackets, mark in (("[ ] ", "☐"), ("[x] ", "☑"), ("[X] ", "☑")):
        if runs[0].text.startswith(brackets):
            first = replace(runs[0], text=runs[0].text[len(brackets) :])
            return replace(block, marker=mark), (first, *runs[1:])
    return block, runs


def _align(style: str) -> Align:
    if style.endswith("center"):
        return "center"
    return "right" if style.endswith("right") else "left"


def language_of(info: str) -> str:
    """The first word after a fence, at most 24 plain characters."""
    match = re.match(r"\{?\.?([A-Za-z0-9+#._-]{1,24})", info.strip())
    return match.group(1) if match else ""


def _split_runs(runs: tuple[Run, ...]) -> list[tuple[Run, ...]]:
    n_lines = sum(run.text.count("\n") for run in runs)
    if n_lines <= MAX_PIECE_LINES and sum(len(run.text) for run in runs) <= MAX_PIECE_CHARS:
        return [runs]
    parts: list[list[Run]] = [[]]
    size = lines = 0
    for run in runs:
        for piece in pieces(run.text, MAX_PIECE_CHARS, MAX_PIECE_LINES):
            more = piece.count("\n")
            is_full = size + len(piece) > MAX_PIECE_CHARS or lines + more > MAX_PIECE_LINES
            if is_full and parts[-1]:
                parts.append([])
                size = lines = 0
            parts[-1].append(replace(run, text=piece))
            size += len(piece)
            lines += more
    return [tuple(part) for part in parts]
