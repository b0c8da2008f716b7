"""`python -m app.models.validate [FILE]`: check a catalogue file and say what it holds."""

from __future__ import annotations

import sys
from pathlib import Path

from app.foundation.errors import HearthError
from app.foundation.paths import resource
from app.foundation.units import bytes_text
from app.models.catalog import Catalogue, Entry, File, problems, read_catalogue, wanted_of


def main(words: list[str]) -> int:
    """Exit code 0 where the catalogue is valid, 1 where it is not, 2 for wrong use."""
    if len(words) > 1:
        sys.stderr.write("usage: python -m app.models.validate [FILE]\n")
        return 2
    path = Path(words[0]) if words else resource("models.toml")
    try:
        catalogue = read_catalogue(path)
        found = problems(catalogue)
    except HearthError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    for problem in found:
        sys.stderr.write(f"{problem}\n")
    for entry in catalogue.entries:
        files = ", ".join(_said(entry, file) for file in entry.files)
        sys.stdout.write(f"{entry.rank:4} {entry.id:32} {files}\n")
    sys.stdout.write(_summary(catalogue))
    return 1 if found else 0


def _said(entry: Entry, file: File) -> str:
    """Quant and size, and what belongs to it: "Q8_0 4.5 GB in 4 parts + projector"."""
    parts = f" in {file.n_parts} parts" if file.n_parts > 1 else ""
    eye = " + projector" if entry.projector_of(file) is not None else ""
    return f"{file.quant} {bytes_text(file.bytes)}{parts}{eye}"


def _summary(catalogue: Catalogue) -> str:
    """How much of what would be downloaded is pinned."""
    wanted = [wanted_of(entry, file) for entry in catalogue.entries for file in entry.files]
    parts = [part for each in wanted for part in each.parts]
    n_embedding = sum(not entry.can_chat for entry in catalogue.entries)
    return (
        f"Number {catalogue.serial}: {len(catalogue.entries)} models, {n_embedding} of them for "
        f"embeddings; {len(wanted)} choices of {len(parts)} files, "
        f"{sum(bool(part.sha256) for part in parts)} with a checksum, "
        f"{sum(bool(each.revision) for each in wanted)} choices with a revision.\n"
    )


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
