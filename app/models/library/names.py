"""What names of files and models tell: parts, families, and how they may be shown. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final

SPLIT: Final = re.compile(r"(.+)-(\d{5})-of-(\d{5})\.gguf\Z", re.IGNORECASE | re.DOTALL)
_LABELS: Final = re.compile(
    r"mmproj|model|vision|projector|lora|adapter|\bud\b|\bi?q\d[0-9a-z_]*|\b(?:bf|f|fp)(?:16|32)\b"
    r"|\bmxfp4\b",
    re.IGNORECASE,
)
_BESIDE: Final = re.compile(r"mmproj|lora|adapter", re.IGNORECASE)
_UNSAFE: Final = re.compile(
    "[\x00-\x1f\x7f-\x9f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff\ud800-\udfff]"
)
_MOST_SHOWN: Final = 120


def stem_of(name: str) -> str:
    """A file's name without its ending, and without the number of its part."""
    match = SPLIT.match(name)
    return match[1] if match else name[: -len(".gguf")] if name[-5:].lower() == ".gguf" else name


def family_of(name: str) -> str:
    """A file's name without what tells variants apart: quant, part, and words for its role."""
    words = re.split(r"[\s.\-_]+", _LABELS.sub(" ", stem_of(name).lower()))
    # A label in the middle of words leaves single letters behind.
    return " ".join(word for word in words if len(word) > 1 or word.isdigit())


def are_alike(one: str, other: str) -> bool:
    """Whether two families are the same but for words that one of them adds."""
    return bool(one and other) and (one in other or other in one)


def beside(name: str, others: Iterable[str]) -> list[str]:
    """Of the names in a folder, those that may belong to the model `name`: its other parts, and
    what is named like a projector or an adapter of it, or of the only model there."""
    ggufs = [other for other in others if other.lower().endswith(".gguf") and other != name]
    split, family = SPLIT.match(name), family_of(name)
    families = {family_of(other) for other in (name, *ggufs) if not _BESIDE.search(other)}
    found: list[str] = []
    for other in ggufs:
        match = SPLIT.match(other)
        is_part = split and match and (split[1], split[3]) == (match[1], match[3])
        fits = len(families) == 1 or are_alike(family_of(other), family)
        if is_part or (_BESIDE.search(other) and fits):
            found.append(other)
    return found


def shown(text: str) -> str:
    """A name from a file or of one, as it may be shown: in one line, with nothing invisible."""
    text = " ".join(_UNSAFE.sub(" ", text).split())
    return text if len(text) <= _MOST_SHOWN else text[: _MOST_SHOWN - 1] + "…"
