"""Writes SHA256SUMS for what a release publishes: `python3 -m installer.package.checksums FOLDER`.

Standard library alone. The form is that of sha256sum, which checks it.
"""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final

NAME: Final = "SHA256SUMS"


def written(folder: Path) -> Path:
    """The sums of every file in a folder, by name. Raises ValueError where there is none."""
    files = sorted(path for path in folder.iterdir() if path.is_file() and path.name != NAME)
    if not files:
        raise ValueError(f"There is no file in {folder}.")
    lines = []
    for path in files:
        with path.open("rb") as file:
            lines.append(f"{hashlib.file_digest(file, 'sha256').hexdigest()}  {path.name}\n")
    target = folder / NAME
    target.write_text("".join(lines), encoding="utf-8")
    return target


def main(words: Sequence[str]) -> int:
    """Write the sums of the folder that is named."""
    try:
        (place,) = words
        print(written(Path(place)).read_text("utf-8"), end="")
    except (ValueError, OSError) as error:
        print(f"{error} Say which: python3 -m installer.package.checksums FOLDER", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
