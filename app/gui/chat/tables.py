"""Rows of Markdown tables: split into cells, bounded, cut into pieces that lay out quickly.

Pure. Works line by line so that a table can grow while it streams.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from app.gui.chat.blocks import Align, Block, Columns, Run, TableBlock, TextBlock
from app.gui.chat.inline import parse_inline

MAX_COLUMNS = 50
MAX_ROWS = 500
MAX_CELL_CHARS = 2_000
_CELLS_PER_PIECE = 160
_WIDEST_CHARS = 48

_DELIMITER_ROW = re.compile(r"^ {0,3}\|?[ \t]*:?-+:?[ \t]*(\|[ \t]*:?-+:?[ \t]*)*\|?[ \t]*$")


def is_delimiter_row(line: str) -> bool:
    """True for the line of dashes under a table's header."""
    return "|" in line and len(line) < 2_000 and _DELIMITER_ROW.match(line) is not None


def cells_of(line: str) -> list[str]:
    """The cells of one row, without the bars; an escaped bar stays in its cell."""
    row = line.strip()
    row = row[1:] if row.startswith("|") else row
    if row.endswith("|") and not row.endswith("\\|"):
        row = row[:-1]
    if "\\|" not in row:
        return [cell.strip() for cell in row.split("|")]
    parts = re.split(r"(?<!\\)\|", row)
    return [part.strip().replace("\\|", "|") for part in parts]


def aligns_of(line: str) -> list[Align]:
    """How each column is aligned, from the line of dashes."""
    aligns: list[Align] = []
    for cell in cells_of(line):
        if cell.endswith(":"):
            aligns.append("center" if cell.startswith(":") else "right")
        else:
            aligns.append("left")
    return aligns


def parse_table(text: str) -> tuple[Block, ...]:
    """A whole table from its lines: header, dashes, rows."""
    lines = text.rstrip("\n").split("\n")
    if len(lines) < 2:
        return ()
    return table_blocks([cells_of(lines[0]), *map(cells_of, lines[2:])], aligns_of(lines[1]))


def table_blocks(rows: Sequence[list[str]], aligns: Sequence[Align]) -> tuple[Block, ...]:
    """Pieces of a table of at most 50 columns and 500 rows; what is more is said, not shown."""
    n_columns = min(len(rows[0]) if rows else 0, MAX_COLUMNS)
    if n_columns == 0:
        return ()
    kept = [
        [cell[:MAX_CELL_CHARS] for cell in row[:n_columns]] + [""] * (n_columns - len(row))
        for row in rows[: MAX_ROWS + 1]
    ]
    columns = Columns(
        tuple(_rounded(max(len(row[at]) for row in kept)) for at in range(n_columns)),
        tuple(aligns[at] if at < len(aligns) else "left" for at in range(n_columns)),
    )
    step = max(1, _CELLS_PER_PIECE // n_columns)
    starts = range(0, len(kept), step)
    out: list[Block] = [
        TableBlock(
            tuple(tuple(parse_inline(cell) for cell in row) for row in kept[at : at + step]),
            columns,
            has_header=at == 0,
            is_last=at == starts[-1],
        )
        for at in starts
    ]
    left_out = _left_out(rows, n_columns)
    if left_out:
        out.append(TextBlock((Run(left_out, italic=True),)))
    return tuple(out)


def _rounded(n_chars: int) -> int:
    """In steps, so that a table which still grows does not change its columns at each row."""
    return max(4, min(_WIDEST_CHARS, n_chars if n_chars < 8 else -(-n_chars // 4) * 4))


def _left_out(rows: Sequence[list[str]], n_columns: int) -> str:
    n_rows = max(0, len(rows) - 1 - MAX_ROWS)
    more_columns = max(0, len(rows[0]) - n_columns)
    parts = []
    if n_rows:
        parts.append(f"{n_rows:,} more rows")
    if more_columns:
        parts.append(f"{more_columns:,} more columns")
    return f"{' and '.join(parts)}: copy the message to have the whole table." if parts else ""
