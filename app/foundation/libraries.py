"""The sentence for a library of the system that is missing or too old, from what the loader said.

Any thread. Knows how Debian names packages; looks at nothing.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from app.foundation.errors import NotPossibleHere

_MISSING = re.compile(r"(lib[\w+.-]+?\.so[\w.]*): cannot open shared object file")
_TOO_OLD = re.compile(r"version [`'‘](?P<family>[A-Z]+)_(?P<version>[\d.]+)['’] not found")


def missing_library(error: BaseException) -> NotPossibleHere | None:
    """What to tell a person when the loader failed so; None if this is something else."""
    said = "\n".join(str(each) for each in _chain(error))
    if found := _TOO_OLD.search(said):
        return NotPossibleHere(
            "This system is too old for this Hearth.",
            f"A part of it needs {found['family'].lower()} {found['version']}, which is not here.",
            "The oldest that will do are Ubuntu 22.04, Debian 12 and Fedora 36.",
        )
    if found := _MISSING.search(said):
        return NotPossibleHere(
            "This system lacks a library that Hearth needs.",
            f"It is {found[1]}.",
            f"Install it; on Debian and Ubuntu: sudo apt-get install {package_of(found[1])}",
        )
    return None


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    """The error and those that led to it: in a bundle one of these has the loader's words."""
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__


def package_of(library: str) -> str:
    """How Debian names the package of a library: libxcb-cursor.so.0 is in libxcb-cursor0."""
    name, _, version = library.partition(".so")
    number = version.lstrip(".")
    between = "-" if number and name[-1:].isdigit() else ""
    return f"{name}{between}{number}".lower()
