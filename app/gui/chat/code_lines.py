"""The lines of a code block that may grow: where each starts, and where long ones are broken.

Pure. Offsets are UTF-16 units. A line longer than 2,000 units is shown as several.
"""

from __future__ import annotations

from bisect import bisect_right

MAX_LINE_UNITS = 2_000
TAB_CHARS = 4


def units(text: str) -> int:
    """Length in UTF-16 units."""
    if text.isascii():
        return len(text)
    return len(text) + sum(1 for char in text if char > "\uffff")


def cut(text: str, start: int, end: int) -> str:
    """The text between two UTF-16 offsets."""
    if text.isascii():
        return text[start:end]
    raw = text.encode("utf-16-le", "surrogatepass")
    return raw[2 * start : 2 * end].decode("utf-16-le", "replace")


class CodeLines:
    """Shown lines of a text. `source_line` tells which real line one is (part of)."""

    def __init__(self) -> None:
        self.text = ""
        self.widest_chars = 0
        self._is_ascii = True
        self._starts: list[int] = []
        self._ends: list[int] = []
        self._reals: list[int] = []
        self._chars: list[int] = []  # where each shown line starts in the text
        self._tail = (0, 0, 0)  # character, unit and number of the last real line

    def __len__(self) -> int:
        return len(self._starts)

    @property
    def total(self) -> int:
        """Length of the text in units."""
        return self._ends[-1] if self._ends else 0

    def extend(self, text: str) -> int:
        """Take the text as it is now; returns the first shown line that may have changed."""
        if not text.startswith(self.text):
            self._tail = (0, 0, 0)
            self.widest_chars = 0
            self._is_ascii = True
        character, unit, real = self._tail
        first = bisect_right(self._starts, unit - 1) if unit else 0
        for each in (self._starts, self._ends, self._reals, self._chars):
            del each[first:]
        self.text = text
        lines = text[character:].split("\n")
        for line in lines:
            self._tail = (character, unit, real)
            size = self._add(line, character, unit, real)
            character += len(line) + 1
            unit += size + 1
            real += 1
        return first

    def _add(self, line: str, character: int, unit: int, real: int) -> int:
        size = units(line)
        self._is_ascii = self._is_ascii and size == len(line) and line.isascii()
        width = len(line) if "\t" not in line else len(line.expandtabs(TAB_CHARS))
        self.widest_chars = max(self.widest_chars, min(width, MAX_LINE_UNITS))
        step = MAX_LINE_UNITS // 2 if size != len(line) else MAX_LINE_UNITS
        for part in range(0, len(line) or 1, step):
            piece = line[part : part + step]
            length = units(piece)
            self._starts.append(unit)
            self._ends.append(unit + length)
            self._reals.append(real)
            self._chars.append(character + part)
            unit += length
        return size

    def bounds(self, line: int) -> tuple[int, int]:
        """Where a shown line starts and ends, without its line end."""
        return self._starts[line], self._ends[line]

    def shown_text(self, line: int) -> str:
        start = self._chars[line]
        following = self._chars[line + 1] if line + 1 < len(self._chars) else len(self.text) + 1
        return self.text[start:following].rstrip("\n") if following > start else ""

    def source_line(self, line: int) -> int | None:
        """The number of the real line; None when it had to be broken."""
        real = self._reals[line]
        before = line > 0 and self._reals[line - 1] == real
        after = line + 1 < len(self._reals) and self._reals[line + 1] == real
        return None if before or after else real

    def line_of(self, offset: int) -> int:
        return max(0, bisect_right(self._starts, offset) - 1)

    def between(self, start: int, end: int) -> str:
        """The true text between two offsets."""
        if self._is_ascii:
            return self.text[start:end]
        return cut(self.text, start, end)
