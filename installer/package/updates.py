"""What those put down who publish newer versions. `dev.py package --only update` makes the archive
of this system; `python -m installer.package.updates FOLDER --serial N` latest.json beside them.
Signing it is minisign's: no secret key comes near here.
"""

from __future__ import annotations

import argparse
import gzip
import hashlib
import json
import lzma
import os
import re
import sys
import tarfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import IO, Any, Final, cast

from app.foundation.errors import HearthError
from app.updates.offer import SCHEMA, offer_of, platform_name
from installer.linux.archive import PRESET, Tree, write_tar
from installer.linux.parts import facts_of
from installer.package.made import Made
from installer.runtime.workshop import Workshop

LATEST: Final = "latest.json"
_NAME: Final = re.compile(
    r"hearth-update-(?P<version>[\d.]+)-(?P<platform>\w+-\w+)\.tar\.(xz|gz)\Z"
)


def make(workshop: Workshop, bundle: Path, into: Path) -> list[Made]:
    """The archive that a Hearth of this system fetches."""
    if sys.platform == "darwin":
        workshop.refuse("An update for macOS is made of the signed Hearth.app; it is not made yet.")
    path = archive(bundle, into)
    return [Made("update", path, f"{path.name}: for those who publish newer versions")]


def archive(bundle: Path, into: Path, *, is_quick: bool = False) -> Path:
    """The bundle as newer versions come: packed with xz, or quickly and larger."""
    tree = Tree()
    tree.add_folder("hearth", bundle)
    facts = facts_of(bundle)
    # Not as the archive that people install by hand: that one is laid out otherwise.
    name = f"hearth-update-{facts.version}-{platform_name()}"
    path = into / f"{name}.tar.{'gz' if is_quick else 'xz'}"
    part = path.with_suffix(".part")
    if is_quick:
        with gzip.open(part, "wb", 1) as packed:
            write_tar(tree, cast(IO[bytes], packed), facts.epoch_s)
    else:
        with lzma.open(part, "wb", preset=PRESET, check=lzma.CHECK_CRC64) as file:
            write_tar(tree, file, facts.epoch_s)
    os.replace(part, path)
    return path


def latest(folder: Path, serial: int, notes: str, published: str) -> bytes:
    """The file to be signed, about all archives in a folder. Raises ValueError with a sentence
    where they are none, or of several versions, or where Hearth would not read it."""
    artefacts, versions = {}, set()
    for path in sorted(folder.iterdir()):
        if found := _NAME.match(path.name):
            artefacts[found["platform"]] = _entry(path)
            versions.add(found["version"])
    if len(versions) != 1:
        raise ValueError(f"Archives of one version are needed; there are {len(versions)}.")
    said = {
        "schema": SCHEMA,
        "serial": serial,
        "version": versions.pop(),
        "published": published,
        "notes": notes,
        "artefacts": artefacts,
    }
    content = json.dumps(said, indent=1, ensure_ascii=False).encode() + b"\n"
    try:
        offer_of(content, "https://updates.invalid/", platform_name())
    except HearthError as error:
        raise ValueError(str(error)) from error
    return content


def _entry(path: Path) -> dict[str, Any]:
    with tarfile.open(path) as packed:
        unpacked_bytes = sum(member.size for member in packed if member.isreg())
    with path.open("rb") as file:
        sha256 = hashlib.file_digest(file, "sha256").hexdigest()
    return {
        "file": path.name,
        "bytes": path.stat().st_size,
        "sha256": sha256,
        "unpacked_bytes": unpacked_bytes,
    }


def main(words: Sequence[str]) -> int:
    """Write latest.json. Returns the exit code."""
    parser = argparse.ArgumentParser("python -m installer.package.updates")
    parser.add_argument("folder", type=Path, help="where the archives are")
    parser.add_argument("--serial", type=int, required=True, help="one more than the last time")
    parser.add_argument("--notes", type=Path, help="a file that says what is new")
    asked = parser.parse_args(list(words))
    try:
        notes = asked.notes.read_text("utf-8") if asked.notes else ""
        content = latest(asked.folder, asked.serial, notes, time.strftime("%Y-%m-%d"))
        (asked.folder / LATEST).write_bytes(content)
    except (OSError, ValueError) as error:
        print(f"Nothing was written: {error}", file=sys.stderr)
        return 1
    print(f"{asked.folder / LATEST}\nSign it: minisign -S -m {LATEST}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
