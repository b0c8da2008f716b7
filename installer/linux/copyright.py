"""The notice of a Debian package, machine-readable (DEP-5), from the bundle's index of licences.

The texts themselves are files of the bundle, one a part; the notice says where each is.
"""

from __future__ import annotations

import json
import re
import textwrap
from pathlib import Path
from typing import Any

from installer.package.checks import inside_of

_FORMAT = "https://www.debian.org/doc/packaging-manuals/copyright-format/1.0/"
_HEARTH = "Hearth"


def text(bundle: Path, installed: str) -> str:
    """The notice of a bundle that is installed in the folder `installed`."""
    licences = inside_of(bundle) / "licences"
    index: list[dict[str, Any]] = json.loads((licences / "index.json").read_text("utf-8"))
    own = next(part for part in index if part["name"] == _HEARTH)
    others = [part for part in index if part is not own]
    own_text = (licences / own["texts"][0]).read_text("utf-8")
    place = f"{installed}/{licences.relative_to(bundle).as_posix()}"
    stanzas = [
        f"Format: {_FORMAT}\nUpstream-Name: {_HEARTH}\nComment:\n"
        + _indented(
            "Hearth is under the Expat (MIT) licence. With it come the parts that it needs to run "
            f"anywhere, each under its own licence. The text of every licence is in {place}, where "
            "READ ME.txt says how parts under the LGPL can be replaced by your own."
        ),
        f"Files: *\nCopyright: {_holders(own_text)}\nLicense: Expat",
        _of_the_bundle(installed, _holders(own_text)),
        "License: Expat\n" + _paragraphs(own_text[own_text.index("Permission is") :]),
        "License: others-of-the-parts\n" + _paragraphs(_listed(others, place)),
    ]
    return "\n\n".join(stanzas) + "\n"


def _of_the_bundle(installed: str, holders: str) -> str:
    named = f"{holders}, and those named in the text of each part"
    return (
        f"Files: {installed.lstrip('/')}/*\nCopyright: {named}\n"
        "License: Expat and others-of-the-parts"
    )


def _holders(own_text: str) -> str:
    found = re.search(r"Copyright \(c\) (.+)", own_text)
    if found is None:
        raise LookupError("Hearth's own licence names nobody")
    return found[1].strip()


def _listed(parts: list[dict[str, Any]], place: str) -> str:
    """A paragraph a part: name, version, licence, where the text and where its source is."""
    paragraphs = ["Each part, what it is under, and the file with the text:"]
    for part in parts:
        name = f"{part['name']} {part['version']}".strip()
        said = f"{name}: {part['licence']}. {place}/{part['texts'][0]}"
        if part["source"]:
            said += f"; source: {part['source']}"
        paragraphs.append(said)
    return "\n\n".join(paragraphs)


def _paragraphs(text_: str) -> str:
    return "\n .\n".join(_indented(paragraph) for paragraph in re.split(r"\n\s*\n", text_.strip()))


def _indented(paragraph: str) -> str:
    return textwrap.fill(
        " ".join(paragraph.split()),
        96,
        initial_indent=" ",
        subsequent_indent=" ",
        break_long_words=False,
        break_on_hyphens=False,
    )
