"""A message's source cut where its meaning does not cross: what is closed is never read again.

Pure. `Source` takes text as it streams in, in any pieces, and keeps a list of segments; only
the last one can still change. Each is at most about 5,000 characters, code and tables aside.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

from app.gui.chat.markdown import language_of
from app.gui.chat.tables import is_delimiter_row
from app.gui.safe_text import pieces

Kind = Literal["prose", "code", "table", "thought", "plain"]

LEAST_CHARS = 600
SOFT_LIMIT_CHARS = 3_000
HARD_LIMIT_CHARS = 5_000
HARD_LIMIT_LINES = 150
MAX_TABLE_CHARS = 64_000

_FENCE = re.compile(r"^( {0,3})(`{3,}(?=[^`\n]*$)|~{3,})([^\n]*)$")
_LIST_ITEM = re.compile(r"^ {0,3}(?:[-*+]|\d{1,9}[.)])(?:[ \t]|$)")
_HEADING = re.compile(r"^#{1,6}[ \t]")
_THINK_OPEN = re.compile(r"^\s{0,3}<think(?:ing)?>")
_THINK_CLOSE = re.compile(r"</think(?:ing)?>")


@dataclass(slots=True)
class Segment:
    """Source from `start` to `end`; `body_start` and `body_end` leave out fences and marks.
    `joined` continues the text of the segment before it. Up to `settled`, while it is open, no
    later text can reach: there it could be cut, were it longer."""

    kind: Kind
    start: int
    end: int
    body_start: int
    body_end: int
    language: str = ""
    closed: bool = False
    joined: bool = False
    settled: int = 0


class Source:
    """Text that grows, and where it may be cut. `as_written` keeps a person's own words plain."""

    def __init__(self, text: str = "", *, as_written: bool = False) -> None:
        self.text = ""
        self.segments: list[Segment] = []
        self._as_written = as_written
        self._line_start = 0
        self._fence = ("", 0)  # the character and how many close the open code block
        self._inner_fence = ""  # inside a list, left to the Markdown parser
        self._after_blank = True
        self._in_list = False
        self._previous_line = (0, "")
        self._in_giant = False
        self._held = ""
        if text:
            self.append(text)
            self.close()

    def append(self, text: str) -> int:
        """Take more text; returns the index of the first segment that may have changed."""
        first = max(0, len(self.segments) - 1)
        self.text += self._line_ends(text)
        end = len(self.text)
        while True:
            stop = self.text.find("\n", self._line_start)
            if stop < 0:
                break
            self._line(self._line_start, stop + 1)
            self._line_start = stop + 1
        if self._line_start < end:
            self._partial_line(end)
        return first

    def close(self) -> None:
        """No more text will come."""
        if self._line_start < len(self.text):
            self._line(self._line_start, len(self.text))
            self._line_start = len(self.text)
        if self.segments:
            self.segments[-1].closed = True

    def _line_ends(self, text: str) -> str:
        """Windows line ends become plain ones, also when a piece of text ends between the two."""
        if self._held or "\r" in text:
            text = self._held + text
            self._held = "\r" if text.endswith("\r") else ""
            text = text.removesuffix("\r").replace("\r\n", "\n")
        return text

    def body(self, segment: Segment) -> str:
        return self.text[segment.body_start : segment.body_end]

    def _partial_line(self, end: int) -> None:
        """A line whose end has not come: it belongs to the open segment, for now."""
        last = self._last_open()
        if last is None:
            self._begin("plain" if self._as_written else "prose", self._line_start, end)
            last = self.segments[-1]
        self._extend(last, end)
        if last.kind == "prose" and self._stands_apart(self.text[self._line_start]):
            last.settled = self._line_start
        if last.kind in ("prose", "plain") and end - self._line_start > HARD_LIMIT_CHARS:
            self._cut_giant_line(last, end)

    def _cut_giant_line(self, last: Segment, end: int) -> None:
        """A line too long to lay out at once becomes plain segments without a gap."""
        if last.start < self._line_start:
            last.end = last.body_end = self._line_start
            last.closed = True
            self._begin("plain", self._line_start, end)
            last = self.segments[-1]
        last.kind = "plain"
        self._in_giant = True
        at = last.start
        parts = pieces(self.text[at:end], SOFT_LIMIT_CHARS)
        for part in parts:
            if part is not parts[0]:
                self.segments[-1].closed = True
                self._begin("plain", at, at + len(part))
                self.segments[-1].joined = True
            else:
                self._extend(last, at + len(part))
            at += len(part)
        self._line_start = self.segments[-1].start

    def _line(self, start: int, end: int) -> None:
        line = self.text[start:end].rstrip("\r\n")
        last = self._last_open()
        if self._in_giant and last is not None:
            self._in_giant = False
            self._extend(last, end)
            last.closed = self._after_blank = True
            return
        if last is not None and last.kind == "code":
            self._code_line(last, line, start, end)
        elif last is not None and last.kind == "thought":
            self._thought_line(last, start, end)
        elif self._as_written:
            self._plain_line(last, start, end)
        else:
            self._prose_line(last, line, start, end)
        self._previous_line = (start, line)

    def _code_line(self, last: Segment, line: str, start: int, end: int) -> None:
        mark, count = self._fence
        stripped = line.strip()
        if len(stripped) >= count and not stripped.strip(mark) and not line.startswith("    "):
            last.end = end
            last.body_end = max(last.body_start, start)
            last.closed = True
            self._after_blank = True
        else:
            self._extend(last, end)

    def _thought_line(self, last: Segment, start: int, end: int) -> None:
        match = _THINK_CLOSE.search(self.text, start, end)
        if match is None:
            self._extend(last, end)
            return
        last.end = match.end()
        last.body_end = match.start()
        last.closed = True
        self._after_blank = True
        if self.text[match.end() : end].strip():
            self._begin("prose", match.end(), end)

    def _plain_line(self, last: Segment | None, start: int, end: int) -> None:
        n_lines = 0 if last is None else self.text.count("\n", last.start, end)
        if (
            last is not None
            and end - last.start <= SOFT_LIMIT_CHARS
            and (n_lines <= HARD_LIMIT_LINES)
        ):
            self._extend(last, end)
            return
        if last is not None:
            last.end = last.body_end = start if last.start < start else end
            last.closed = True
            if last.start >= start:
                return
        self._begin("plain", start, end)
        self.segments[-1].joined = len(self.segments) > 1

    def _prose_line(self, last: Segment | None, line: str, start: int, end: int) -> None:
        if self._inner_fence:
            self._inner_fence = (
                "" if line.strip().startswith(self._inner_fence) else (self._inner_fence)
            )
            self._grow(last, start, end)
            return
        if last is not None and last.kind == "table":
            if "|" in line and end - last.start <= MAX_TABLE_CHARS:
                self._extend(last, end)
                return
            self._shorten(last, start)
            last = None
            self._after_blank = True
        if not line.strip():
            self._after_blank = True
            if last is not None and last.start == start:
                self.segments.pop()  # begun for the spaces of this line, before its end had come
            elif last is not None:
                self._extend(last, end)
            return
        if self._opens(last, line, start, end):
            return
        if last is not None and self._is_boundary(last, line, start, end):
            self._shorten(last, start)
            last = None
        if last is None:
            self._in_list = False
        self._in_list = self._in_list or _LIST_ITEM.match(line) is not None
        self._grow(last, start, end)
        self._after_blank = False

    def _opens(self, last: Segment | None, line: str, start: int, end: int) -> bool:
        """Code, a thought or a table that starts here."""
        if _THINK_OPEN.match(line):
            self._shorten(last, start)
            body = self.text.index(">", start) + 1
            self._begin("thought", start, end)
            self.segments[-1].body_start = body
            self._thought_line(self.segments[-1], body, end)
            return True
        fence = _FENCE.match(line)
        if fence is not None:
            if self._in_list and fence.group(1):
                self._inner_fence = fence.group(2)
                return False
            self._shorten(last, start)
            self._begin("code", start, end)
            segment = self.segments[-1]
            segment.body_start = segment.body_end = end
            segment.language = language_of(fence.group(3))
            self._fence = (fence.group(2)[0], len(fence.group(2)))
            return True
        return self._opens_table(last, line, end)

    def _opens_table(self, last: Segment | None, line: str, end: int) -> bool:
        header_start, header = self._previous_line
        if (
            last is None
            or self._after_blank
            or "|" not in header
            or header.startswith((">", "    "))
            or _LIST_ITEM.match(header)
            or header_start < last.start
            or not is_delimiter_row(line)
        ):
            return False
        if header_start == last.start:
            self.segments.pop()
        else:
            self._shorten(last, header_start)
        self._begin("table", header_start, end)
        return True

    def _is_boundary(self, last: Segment, line: str, start: int, end: int) -> bool:
        """True where a new block begins that the text before cannot reach into."""
        if end - last.start > HARD_LIMIT_CHARS:
            return True
        if self.text.count("\n", last.start, start) >= HARD_LIMIT_LINES:
            return True
        if line[0] in " \t":
            return False
        in_same_list = self._in_list and _LIST_ITEM.match(line) is not None
        if _HEADING.match(line) or (self._after_blank and not in_same_list):
            last.settled = start
            return start - last.start >= LEAST_CHARS
        return self._after_blank and start - last.start > SOFT_LIMIT_CHARS

    def _stands_apart(self, first: str) -> bool:
        """True where a new block begins, whatever the line that begins with `first` becomes."""
        may_continue = self._in_list and (first in "-*+" or first.isdecimal())
        return (
            self._after_blank and not self._inner_fence and first not in " \t" and not may_continue
        )

    def _grow(self, last: Segment | None, start: int, end: int) -> None:
        if last is None:
            self._begin("prose", start, end)
        else:
            self._extend(last, end)

    def _begin(self, kind: Kind, start: int, end: int) -> None:
        self.segments.append(Segment(kind, start, end, start, end))

    def _last_open(self) -> Segment | None:
        if not self.segments or self.segments[-1].closed:
            return None
        return self.segments[-1]

    @staticmethod
    def _extend(segment: Segment, end: int) -> None:
        segment.end = segment.body_end = end

    def _shorten(self, segment: Segment | None, end: int) -> None:
        """Close a segment at `end`; one that has nothing left was only a line in doubt."""
        if segment is None:
            return
        segment.end = segment.body_end = end
        segment.closed = True
        if segment.start >= end:
            self.segments.remove(segment)
