"""Puts checked files where models are, and finds those that are there already.

Any thread but the window's. Writes over nothing: a name that is taken by other content is left
to it.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Sequence
from pathlib import Path

from app.foundation.atomic import keep_names
from app.foundation.errors import ModelFileInvalid, ModelUnsupported, StorageError
from app.gguf.reader import header_from
from app.models.download.partial import Expected, Tick, digest_of
from app.models.download.places import homes


class Shelf:
    """What was found of files that were there before; their hashes are remembered as long as
    they stay as they were."""

    def __init__(self) -> None:
        self._known: dict[tuple[object, ...], str] = {}

    def holds(self, path: Path, expected: Expected, tick: Tick) -> bool | None:
        """Whether it is this content; None where nothing is there. Raises OSError."""
        try:
            path.lstat()
        except (FileNotFoundError, NotADirectoryError):
            return None
        try:
            stat = path.stat()
        except FileNotFoundError:
            return False  # a link to nothing: the name is taken
        if not path.is_file() or stat.st_size != expected.bytes:
            return False
        known = (path, stat.st_dev, stat.st_ino, stat.st_size, stat.st_mtime_ns)
        if known not in self._known:
            with path.open("rb", buffering=0) as file:
                self._known[known] = digest_of(file.fileno(), tick)
        return self._known[known] == expected.sha256

    def home(
        self,
        folder: Path,
        repo: str,
        files: Sequence[tuple[str, Expected]],
        tick: Tick,
    ) -> tuple[Path, tuple[bool, ...]]:
        """The first folder where none of the names is taken by something else, and which of the
        files are in it already. Raises StorageError, OSError."""
        for home in homes(folder, repo, files[0][1].sha256):
            found: list[bool] = []
            for name, expected in files:
                held = self.holds(home / name, expected, tick)
                if held is False:
                    break
                found.append(bool(held))
            else:
                return home, tuple(found)
        raise StorageError(
            "There is no free name for this model.",
            f"Files of the same names and other content are in “{folder}” already.",
            "Remove what is not needed there, then try again.",
        )


def check_header(path: Path, name: str) -> None:
    """Raises ModelFileInvalid for what is no GGUF, OSError. A model that this Hearth does not
    know is a model all the same."""
    with path.open("rb") as file, contextlib.suppress(ModelUnsupported):
        try:
            header_from(file, name, path.stat().st_size)
        except ModelFileInvalid as error:
            raise ModelFileInvalid(
                f"{name} is damaged where it comes from.",
                f"It is, byte for byte, what its publisher gives out. {error.detail}",
                "Choose another file, or the same model from another repository.",
            ) from error


def put(pairs: Sequence[tuple[Path, Path]]) -> None:
    """Move each first path to the second, the last pair first: a model is found by its first
    file, so none is found before it is whole. Raises FileExistsError, OSError."""
    folders = {target.parent for _, target in pairs}
    made = {above for folder in folders for above in _absent(folder)}
    for folder in folders:
        folder.mkdir(parents=True, exist_ok=True)
    for folder in made:
        keep_names(folder.parent)
    for source, target in reversed(pairs):
        _move(source, target)
    for folder in folders:
        keep_names(folder)


def _absent(folder: Path) -> list[Path]:
    """The folder and those above it, as far as they are still to be made."""
    return [above for above in (folder, *folder.parents) if not above.exists()]


def _move(source: Path, target: Path) -> None:
    """Rename, but never onto something."""
    if os.name == "posix":
        try:
            os.link(source, target)
        except FileExistsError:
            raise
        except OSError:
            # This file system has no second names: look, then rename.
            if os.path.lexists(target):
                raise FileExistsError(target) from None
        else:
            source.unlink()
            return
    os.rename(source, target)
