"""The name of a chat from its first message. Pure; asks no model."""

from __future__ import annotations

import re

MAX_TITLE_CHARS = 48

_MARKUP = re.compile(r"[`*_#>|~]+|\[([^\]]*)\]\([^)]*\)")
_INVISIBLE = re.compile(
    r"[\u0000-\u001f\u007f-\u009f\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]"
)


def title_from(text: str) -> str:
    """The first words, at most 48 characters, cut between words; "" if there are none.

    Markup, control and direction characters are left out: a title stands in lists and menus.
    """
    plain = _MARKUP.sub(lambda found: found[1] or " ", text[:2000])
    words = _INVISIBLE.sub(" ", plain).split()
    title = ""
    for word in words:
        longer = f"{title} {word}" if title else word
        if len(longer) > MAX_TITLE_CHARS:
            if len(title) == MAX_TITLE_CHARS:
                title = title.rpartition(" ")[0]
            return (title or word[: MAX_TITLE_CHARS - 1]) + "…"
        title = longer
        if word[-1] in ".?!。？！" and len(title) >= 12:
            break
    return title.rstrip(".,;: ")
