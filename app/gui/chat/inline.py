"""The inside of a paragraph: runs of one style, links where they are safe, images named.

Owns the one Markdown parser. HTML is off, references are off, nothing is ever loaded. Pure.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Sequence
from dataclasses import replace
from functools import lru_cache
from typing import TYPE_CHECKING

from app.gui.chat.blocks import Run
from app.gui.safe_text import host_of, is_openable

if TYPE_CHECKING:
    from markdown_it import MarkdownIt
    from markdown_it.token import Token

MAX_PIECE_CHARS = 4_000
MAX_NESTING = 40
_MAX_OPEN_BRACKETS = 60
_MAX_LINKS = 120
_MAX_DELIMITERS = 1_500

_BARE_LINK = re.compile(r"https?://[^\s<>\"'`\\^{|}]+", re.IGNORECASE)
_DELIMITER = re.compile(r"[*_~`]")
_SPECIAL = re.compile(r"[*_~`\[\]!<>&\\]|https?://", re.IGNORECASE)


@lru_cache(maxsize=1)
def markdown_parser() -> MarkdownIt:
    """The parser, made with the first message: the first paint does not wait for it."""
    from markdown_it import MarkdownIt

    parser = MarkdownIt("commonmark", {"html": False, "maxNesting": MAX_NESTING})
    # Segments are read one by one, so a reference could not be found from another: its
    # definition is shown as written.
    parser.enable(["strikethrough", "table"]).disable("reference")
    # What is refused stays in the text as it was written, target and all.
    parser.validateLink = is_openable  # type: ignore[assignment]
    # At its finest level the parser's log would hold what people and models write.
    logging.getLogger("markdown_it").setLevel(logging.WARNING)
    return parser


@lru_cache(maxsize=4096)
def parse_inline(text: str) -> tuple[Run, ...]:
    """Runs of one line, such as a table's cell."""
    if _SPECIAL.search(text) is None or is_tangled(text) or len(text) > MAX_PIECE_CHARS:
        return (Run(text),) if text else ()
    tokens = markdown_parser().parseInline(text)
    return runs_of(tokens[0].children or []) if tokens else ()


def is_tangled(text: str) -> bool:
    """True for text whose brackets or delimiters would take the parser too long."""
    # These make the parser quadratic (measured: 4 KB of "[" take 80 ms).
    if text.count("](") > _MAX_LINKS:
        return True
    if text.count("[") - text.count("](") > _MAX_OPEN_BRACKETS:
        return True
    return len(_DELIMITER.findall(text)) > _MAX_DELIMITERS


class _Style:
    """What holds for the text that comes next. Runs are made whole: copying one that is nearly
    right takes ten times as long, and a paragraph is read again with each frame it grows in."""

    __slots__ = ("bold", "italic", "link", "strike")

    def __init__(self) -> None:
        self.bold = self.italic = self.strike = False
        self.link = ""

    def change(self, token: Token) -> None:
        """Follow the mark that opens or closes."""
        kind, opens = token.type, token.nesting > 0
        if kind in ("strong_open", "strong_close"):
            self.bold = opens
        elif kind in ("em_open", "em_close"):
            self.italic = opens
        elif kind in ("s_open", "s_close"):
            self.strike = opens
        elif kind in ("link_open", "link_close"):
            self.link = str(token.attrGet("href") or "") if opens else ""

    def run(self, text: str, *, code: bool = False) -> Run:
        return Run(text, self.bold, self.italic, self.strike, code, self.link)


def runs_of(children: Sequence[Token]) -> tuple[Run, ...]:
    """The styled text of one inline token's children."""
    out: list[Run] = []
    style = _Style()
    for token in children:
        kind = token.type
        if kind == "text":
            out.extend(_with_bare_links(style.run(token.content)))
        elif kind == "code_inline":
            out.append(style.run(token.content, code=True))
        elif kind in ("softbreak", "hardbreak"):
            out.append(style.run("\n"))
        elif kind == "image":
            out.append(_image(token, style))
        elif token.nesting:
            style.change(token)
        elif token.content:
            out.append(style.run(token.content))
    return _merged(out)


def _merged(runs: list[Run]) -> tuple[Run, ...]:
    """Neighbours of one style as one."""
    out: list[Run] = []
    at = 0
    while at < len(runs):
        first = runs[at]
        texts = [first.text]
        at += 1
        while at < len(runs) and (not runs[at].text or first.has_style_of(runs[at])):
            texts.append(runs[at].text)
            at += 1
        text = "".join(texts)
        if text:
            out.append(first if text == first.text else replace(first, text=text))
    return tuple(out)


def _image(token: Token, style: _Style) -> Run:
    """An image is named, never fetched: its words, and where it would have come from."""
    source = str(token.attrGet("src") or "")
    words = token.content or "no description"
    host = host_of(source)
    where = f" ({host})" if host else ""
    words = f"[Image, not loaded: {words}{where}]"
    return Run(words, style.bold, True, style.strike, False, source)


def _with_bare_links(run: Run) -> list[Run]:
    if run.link or "://" not in run.text:
        return [run]
    out: list[Run] = []
    at = 0
    for match in _BARE_LINK.finditer(run.text):
        words = _without_tail(match.group())
        target = markdown_parser().normalizeLink(words)
        if not is_openable(target):
            continue
        out.append(replace(run, text=run.text[at : match.start()]))
        out.append(replace(run, text=words, link=target))
        at = match.start() + len(words)
    out.append(replace(run, text=run.text[at:]))
    return out


def _without_tail(words: str) -> str:
    words = words.rstrip(".,;:!?…*_~")
    while words.endswith(")") and words.count(")") > words.count("("):
        words = words[:-1].rstrip(".,;:!?")
    return words
