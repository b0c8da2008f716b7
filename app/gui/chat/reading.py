"""From a segment of a message to its blocks, whatever kind it is. Pure."""

from __future__ import annotations

from functools import lru_cache

from app.foundation.units import bytes_text
from app.gui.chat.blocks import Block, CodeBlock, FoldBlock, Run, TextBlock
from app.gui.chat.markdown import parse, plain
from app.gui.chat.segments import Segment, Source
from app.gui.chat.tables import parse_table

FOLD_CODE_CHARS = 64 * 1024
FOLD_OWN_CHARS = 1_600
FOLD_OWN_LINES = 16


def blocks_of(source: Source, segment: Segment, *, opened: bool) -> tuple[Block, ...]:
    """The blocks to show. `opened` shows what is folded away otherwise."""
    body = source.body(segment)
    if segment.kind == "code":
        return _code(body, segment, opened)
    if segment.kind == "thought":
        return _thought(body, segment, opened)
    if segment.kind == "table":
        return parse_table(body)
    if segment.kind == "plain":
        return plain(body, joined=segment.joined)
    return _prose(source, segment)


def _prose(source: Source, segment: Segment) -> tuple[Block, ...]:
    """While a segment is open, only what can still change is read anew."""
    if segment.closed or segment.settled <= segment.start:
        return parse(source.body(segment))
    settled = source.text[segment.start : segment.settled]
    return (*_settled(settled), *parse(source.text[segment.settled : segment.end]))


#: Of the answers that grow now, what was read of each the last time.
_settled = lru_cache(maxsize=4)(parse)


def excerpt(text: str) -> str:
    """The beginning of a long message of one's own; the text itself when it is short."""
    if len(text) <= FOLD_OWN_CHARS and text.count("\n") <= FOLD_OWN_LINES:
        return text
    lines = text[:FOLD_OWN_CHARS].split("\n")[:FOLD_OWN_LINES]
    return "\n".join(lines).rstrip() + " …"


def fold_label(text: str, *, is_open: bool) -> str:
    """What the line under a long message says."""
    if is_open:
        return "Show less"
    size = len(text.encode("utf-8", "replace"))
    return f"Show all of it ({bytes_text(size)})"


def _code(body: str, segment: Segment, opened: bool) -> tuple[Block, ...]:
    text = body[:-1] if body.endswith("\n") else body
    is_long = segment.closed and len(text) > FOLD_CODE_CHARS
    if not is_long:
        return (CodeBlock(text, segment.language, closed=segment.closed),)
    if opened:
        fold = FoldBlock("Show less", "all", is_open=True)
        return (CodeBlock(text, segment.language), fold)
    shown = text[: text.rfind("\n", FOLD_CODE_CHARS // 2, FOLD_CODE_CHARS)]
    n_lines = text.count("\n") + 1
    fold = FoldBlock(f"Show all {n_lines:,} lines", "all")
    return (CodeBlock(shown, segment.language, whole=text), fold)


def _thought(body: str, segment: Segment, opened: bool) -> tuple[Block, ...]:
    text = body.strip("\n")
    if not text.strip() and segment.closed:
        return ()
    label = "Thoughts" if segment.closed else "Thinking…"
    fold = FoldBlock(label, "thought", is_open=opened)
    if not opened:
        return (fold,)
    return (
        fold,
        *(
            TextBlock((Run(block.text),), kind="thought", quote=1, joined=block.joined)
            for block in plain(text)
            if isinstance(block, TextBlock)
        ),
    )
