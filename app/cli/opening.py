"""A model file in place of a command, as a double click gives it: the window opens with it."""

from __future__ import annotations

from collections.abc import Sequence

_ENDING = ".gguf"
_TAKES_ONE = frozenset({"--profile", "--open"})


def with_file(words: Sequence[str]) -> list[str]:
    """The same words, with `--open` before a model file that stands where a command would."""
    place = _first_plain(words)
    if place is None:
        return list(words)
    path = _path(words[place])
    if not path.lower().endswith(_ENDING):
        return list(words)
    return [*words[:place], "--open", path, *words[place + 1 :]]


def _first_plain(words: Sequence[str]) -> int | None:
    """Where the first word stands that is neither an option nor the value of one."""
    place = 0
    while place < len(words):
        word = words[place]
        if word == "--":
            return None
        if not word.startswith("-"):
            return place
        place += 2 if word in _TAKES_ONE else 1
    return None


def _path(word: str) -> str:
    """What a desktop may give as an address of a file is a path."""
    if not word.lower().startswith("file://"):
        return word
    from urllib.parse import urlsplit
    from urllib.request import url2pathname  # with a cost of its own: only for an address

    return url2pathname(urlsplit(word).path)
