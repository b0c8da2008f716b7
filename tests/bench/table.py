"""Rows of a benchmark and how they are printed. Pure."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Row:
    """One figure: what it is, what was measured, and what it must reach ("" if nothing)."""

    what: str
    measured: str
    target: str = ""


def median(values: Sequence[float]) -> float:
    """The middle value: one busy neighbour does not move it."""
    return statistics.median(values)


def quantile(values: Sequence[float], share: float) -> float:
    """The value below which `share` (0 to 1) of `values` lie; the largest for 1."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


def show(title: str, rows: Sequence[Row]) -> None:
    """Print a table in Markdown, readable in a terminal too."""
    width = max(len(row.what) for row in rows)
    measured = max([8, *(len(row.measured) for row in rows)])
    print(f"\n{title}\n")
    print(f"| {'what':<{width}} | {'measured':<{measured}} | must reach |")
    print(f"|{'-' * (width + 2)}|{'-' * (measured + 2)}|------------|")
    for row in rows:
        print(f"| {row.what:<{width}} | {row.measured:<{measured}} | {row.target:<10} |")
