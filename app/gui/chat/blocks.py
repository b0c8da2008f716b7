"""What a message is made of once its Markdown is read: flat, frozen blocks.

Pure: knows no Qt, no colour, no width. Offsets and lengths are in characters of `str`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

TextKind = Literal["paragraph", "heading", "thought"]
Align = Literal["left", "center", "right"]


@dataclass(frozen=True, slots=True)
class Run:
    """Text of one style. `link` is a checked http, https or mailto target, or empty."""

    text: str
    bold: bool = False
    italic: bool = False
    strike: bool = False
    code: bool = False
    link: str = ""

    def has_style_of(self, other: Run) -> bool:
        """True if the two differ in their text alone."""
        return (
            self.bold == other.bold
            and self.italic == other.italic
            and self.strike == other.strike
            and self.code == other.code
            and self.link == other.link
        )


@dataclass(frozen=True, slots=True)
class TextBlock:
    """A paragraph, heading or list item. `level` is a heading's; `depth` counts lists around
    it, `quote` block quotes. `joined` continues the block before it without a gap."""

    runs: tuple[Run, ...]
    kind: TextKind = "paragraph"
    level: int = 0
    depth: int = 0
    quote: int = 0
    marker: str = ""
    tight: bool = False
    joined: bool = False

    @property
    def text(self) -> str:
        return "".join(run.text for run in self.runs)


@dataclass(frozen=True, slots=True)
class CodeBlock:
    """A fenced or indented block. `closed` is False while its end has not arrived; `whole` is
    all of the code where `text` is only its beginning."""

    text: str
    language: str = ""
    depth: int = 0
    quote: int = 0
    closed: bool = True
    whole: str = ""


@dataclass(frozen=True, slots=True)
class Columns:
    """Shared by every piece of one table: characters wide and how each column is aligned."""

    widths: tuple[int, ...]
    aligns: tuple[Align, ...]


@dataclass(frozen=True, slots=True)
class TableBlock:
    """Some rows of a table; the first piece starts with its header row."""

    rows: tuple[tuple[tuple[Run, ...], ...], ...]
    columns: Columns
    has_header: bool = False
    is_last: bool = True


@dataclass(frozen=True, slots=True)
class RuleBlock:
    """A horizontal line."""


@dataclass(frozen=True, slots=True)
class FoldBlock:
    """A line to click that shows or hides what follows; `action` says which."""

    label: str
    action: Literal["thought", "all"]
    is_open: bool = False


Block = TextBlock | CodeBlock | TableBlock | RuleBlock | FoldBlock


def plain_text(block: Block) -> str:
    """What copying a whole block gives."""
    if isinstance(block, TextBlock):
        return f"{block.marker} {block.text}" if block.marker else block.text
    if isinstance(block, CodeBlock):
        return block.text
    if isinstance(block, TableBlock):
        return "\n".join(
            "\t".join("".join(run.text for run in cell) for cell in row) for row in block.rows
        )
    return ""


def links_in(block: Block) -> list[str]:
    """The targets of a block's links."""
    if isinstance(block, TextBlock):
        return [run.link for run in block.runs if run.link]
    if isinstance(block, TableBlock):
        return [run.link for row in block.rows for cell in row for run in cell if run.link]
    return []
