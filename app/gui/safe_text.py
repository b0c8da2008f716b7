"""Text of models and files made safe to show: marks that hide or reorder become visible.

Pure. Every replacement is one character for one, so offsets hold and a copy gives true text.
"""

from __future__ import annotations

import re
from urllib.parse import urlsplit

LINE_SEPARATOR = "\u2028"
_HIDDEN = "\u2426"  # SYMBOL FOR SUBSTITUTE FORM TWO: a visible stand-in

_CONTROLS = {code: chr(0x2400 + code) for code in range(0x20) if code not in (0x09, 0x0A)}
_CONTROLS[0x7F] = "\u2421"
_CONTROLS |= dict.fromkeys(range(0x80, 0xA0), _HIDDEN)
# Overrides, embeddings and isolates reorder what a person reads; line separators break the
# layout into lines that the source does not have.
_CONTROLS |= dict.fromkeys([*range(0x202A, 0x202F), *range(0x2066, 0x206A)], _HIDDEN)
_CONTROLS |= dict.fromkeys([0x2028, 0x2029, 0xFFFC, *range(0xFFF9, 0xFFFC)], _HIDDEN)
_CONTROLS |= dict.fromkeys(range(0xD800, 0xE000), "\ufffd")
_ZERO_WIDTH = [*range(0x200B, 0x2010), *range(0x2060, 0x2065), 0xFEFF, 0x00AD, 0x061C, 0x180E]
_IN_PROSE = {**_CONTROLS, 0x0A: LINE_SEPARATOR}
_IN_CODE = {**_CONTROLS, **dict.fromkeys(_ZERO_WIDTH, _HIDDEN), 0x0A: LINE_SEPARATOR}

_SUSPICIOUS = re.compile(
    "[\x00-\x08\x0a-\x1f\x7f-\x9f\u00ad\u061c\u180e\u200b-\u200f\u2028-\u202e\u2060-\u2069"
    "\ufeff\ufff9-\ufffc\ud800-\udfff]"
)
_ALLOWED_SCHEMES = frozenset({"http", "https", "mailto"})
MAX_TARGET_CHARS = 2048


def shown(text: str, *, in_code: bool = False) -> str:
    """The same number of characters, each of them visible; line ends become separators."""
    if _SUSPICIOUS.search(text) is None:
        return text
    return text.translate(_IN_CODE if in_code else _IN_PROSE)


def one_line(text: str, limit: int = 200) -> str:
    """Text for a label of one line: no line ends, nothing hidden, at most `limit` characters."""
    flat = " ".join(text[: limit * 4].split())
    if len(flat) > limit:
        flat = flat[: limit - 1].rstrip() + "…"
    return shown(flat, in_code=True)


def is_openable(target: str) -> bool:
    """True only for an http, https or mailto address that names somebody."""
    if not target or len(target) > MAX_TARGET_CHARS or _SUSPICIOUS.search(target):
        return False
    try:
        parts = urlsplit(target)
        if parts.scheme.lower() not in _ALLOWED_SCHEMES:
            return False
        if parts.scheme.lower() == "mailto":
            return bool(parts.path)
        return bool(parts.hostname)
    except ValueError:
        return False


def host_of(target: str) -> str:
    """Who a target leads to: the host, or the address of a mailto; empty when unreadable."""
    try:
        parts = urlsplit(target)
        return parts.path if parts.scheme.lower() == "mailto" else parts.hostname or ""
    except ValueError:
        return ""


def pieces(text: str, limit: int, max_lines: int = 1 << 30) -> list[str]:
    """Cut text into pieces of at most `limit` characters and `max_lines` lines, at a line end
    or space if one is near. Joined again they are the text."""
    cut: list[str] = []
    at, end = 0, len(text)
    while True:
        lines_end = _after_lines(text, at, min(end, at + limit), max_lines)
        if lines_end:
            cut.append(text[at:lines_end])
            at = lines_end
            continue
        if end - at <= limit:
            break
        stop = text.rfind("\n", at + limit // 2, at + limit) + 1
        if stop == 0:
            stop = text.rfind(" ", at + limit // 2, at + limit) + 1
        if stop == 0:
            stop = at + limit
        cut.append(text[at:stop])
        at = stop
    cut.append(text[at:])
    return cut


def _after_lines(text: str, at: int, end: int, max_lines: int) -> int:
    """Where the line after the next `max_lines` begins; 0 when there are not so many."""
    if text.count("\n", at, end) <= max_lines:
        return 0
    for _ in range(max_lines):
        at = text.find("\n", at, end) + 1
    return at
