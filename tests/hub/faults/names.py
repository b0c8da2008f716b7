"""File names as no honest repository has them."""

from __future__ import annotations

from typing import Final

EVIL: Final[tuple[str, ...]] = (
    "../evil.gguf",
    "../../../../tmp/evil.gguf",
    "..\\..\\evil.gguf",
    "/etc/evil.gguf",
    "C:\\Windows\\evil.gguf",
    "C:evil.gguf",
    "\\\\server\\share\\evil.gguf",
    "a/../../evil.gguf",
    "./.hearth/evil.gguf",
    ".hearth/00.part.gguf",
    "con.gguf",
    "NUL.gguf",
    "COM1.gguf",
    "aux/model.gguf",
    "LPT9 .gguf",
    "model.gguf ",
    "model.gguf.",
    "model.gguf:stream.gguf",
    "mod\x00el.gguf",
    "mod\nel.gguf",
    "mod\u202efugg.gguf",
    "mоdel.gguf",  # with a Cyrillic "о"
    "ｍodel.gguf",
    "e\u0301.gguf",
    "\u00e9.gguf",
    "MODEL.gguf",
    "Model.gguf",
    "model.gguf",
    "~/evil.gguf",
    "$HOME/evil.gguf",
    "%2e%2e%2fevil.gguf",
    "-rf.gguf",
    ".gguf",
    "…/evil.gguf",
    "x" * 300 + ".gguf",
    "/".join(["deep"] * 120) + "/model.gguf",
    "model.gguf/model.gguf",
    "lnk\u2215evil.gguf",
    "a*b?.gguf",
    '"quoted".gguf',
)
