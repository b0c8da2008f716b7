"""The window's thread: while an answer streams, and at the first opening of each page."""

from __future__ import annotations

from tests.bench import gui_stalls, openings
from tests.bench.table import Row


def run() -> list[Row]:
    """Both, one after the other."""
    return [*gui_stalls.run(), *openings.run()]
