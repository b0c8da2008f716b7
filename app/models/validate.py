"""`python -m app.models.validate [FILE]`: check a catalogue file and say what it holds."""

from __future__ import annotations

import sys
from pathlib import Path

from app.foundation.errors import HearthError
from app.foundation.paths import resource
from app.foundation.units import bytes_text
from app.models.catalog import problems, read_catalogue


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
        files = ", ".join(f"{file.quant} {bytes_text(file.bytes)}" for file in entry.files)
        sys.stdout.write(f"{entry.rank:4} {entry.id:32} {files}\n")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
