"""Takes a checked archive apart into a folder that gets its name only once all of it is there.

Any thread but the window's. The archive is what was signed; its names and sizes are held to
limits all the same. Writes nothing outside the folder that it makes.
"""

from __future__ import annotations

import lzma
import os
import re
import tarfile
import zlib
from collections.abc import Callable
from pathlib import Path, PurePosixPath
from typing import IO, Final

from app.foundation.atomic import sync_folder
from app.foundation.errors import UpdateRefused
from app.updates.files import check_room, put_in_place, remove, storage_error

MOST_FILES: Final = 20_000
_COPY_BYTES: Final = 1 << 20
_DEEPEST: Final = 24
_MOST_PADDING_BYTES: Final = 16 << 20
_PART: Final = re.compile(r"[^\x00-\x1f\x7f<>:\"/\\|?*]{1,200}\Z")

Tick = Callable[[int], None]
"""Called with the number of bytes written so far; may raise to stop."""


class _Wrong(Exception):
    """What is wrong with an archive, in a few words."""


def unpack(archive: Path, home: Path, unpacked_bytes: int, tick: Tick) -> None:
    """Everything in `archive`, `unpacked_bytes` in all, as the new folder `home`.

    Raises UpdateRefused, StorageError, and what `tick` raises; then nothing is at `home`.
    """
    made = home.with_name(f".new-{home.name}")
    try:
        remove(made)
        check_room(home.parent, unpacked_bytes)
        made.mkdir(mode=0o700)
        _Unpacking(made, unpacked_bytes, tick).take(archive)
        put_in_place(made, home)
    except (tarfile.TarError, lzma.LZMAError, zlib.error, EOFError, _Wrong, ValueError) as error:
        raise UpdateRefused(
            "The new version cannot be unpacked.",
            f"It is what was published, but {error or 'it ends too early'}.",
            "Nothing was changed; the version you have goes on working.",
        ) from error
    except OSError as error:
        raise storage_error(error, home.parent) from error
    finally:
        remove(made)


class _Unpacking:
    """One archive on its way into one folder."""

    def __init__(self, folder: Path, n_bytes: int, tick: Tick) -> None:
        self._folder = folder
        self._left_bytes = n_bytes
        self._done_bytes = 0
        self._tick = tick

    def take(self, archive: Path) -> None:
        with tarfile.open(archive, "r:*") as tar:
            for count, member in enumerate(tar):
                if count >= MOST_FILES:
                    raise _Wrong("it holds too many files")
                self._member(tar, member)
            _read_out(tar)
        if self._left_bytes:
            raise _Wrong("less comes out of it than was said")
        for folder, _, _ in os.walk(self._folder):
            sync_folder(Path(folder))

    def _member(self, tar: tarfile.TarFile, member: tarfile.TarInfo) -> None:
        target = self._folder.joinpath(*_parts(member.name))
        if member.isdir():
            self._safe(target / "in it").parent.mkdir(mode=0o755, parents=True, exist_ok=True)
        elif member.isreg():
            content = tar.extractfile(member)
            if content is None:
                raise _Wrong("a file of it has no content")
            self._safe(target).parent.mkdir(mode=0o755, parents=True, exist_ok=True)
            self._file(content, target, 0o755 if member.mode & 0o100 else 0o644)
        elif member.issym():
            self._link(member, target)
        else:
            raise _Wrong("it holds something that is no file")

    def _file(self, content: IO[bytes], target: Path, mode: int) -> None:
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0)
        with content, open(os.open(target, flags, mode), "wb") as file:
            while chunk := content.read(_COPY_BYTES):
                self._left_bytes -= len(chunk)
                if self._left_bytes < 0:
                    raise _Wrong("more comes out of it than was said")
                file.write(chunk)
                self._done_bytes += len(chunk)
                self._tick(self._done_bytes)
            file.flush()
            os.fsync(file.fileno())

    def _link(self, member: tarfile.TarInfo, target: Path) -> None:
        """Frameworks of macOS are made of links; none may lead out."""
        leads = PurePosixPath(member.linkname)
        if leads.is_absolute() or not str(leads):
            raise _Wrong("a link of it leads elsewhere")
        ends = Path(os.path.normpath(target.parent / leads))
        if not ends.is_relative_to(self._folder):
            raise _Wrong("a link of it leads elsewhere")
        self._safe(target).parent.mkdir(mode=0o755, parents=True, exist_ok=True)
        os.symlink(member.linkname, target)

    def _safe(self, target: Path) -> Path:
        """What is below a link of the archive's own would be written where that leads."""
        if not target.parent.resolve().is_relative_to(self._folder.resolve()):
            raise _Wrong("a link of it leads elsewhere")
        return target


def _read_out(tar: tarfile.TarFile) -> None:
    """To the end of what is packed: a cut within it passes for the end of the archive otherwise."""
    file = tar.fileobj
    for _ in range(_MOST_PADDING_BYTES // _COPY_BYTES):
        if file is None or not file.read(_COPY_BYTES):
            return
    raise _Wrong("too much follows behind its files")


def _parts(name: str) -> tuple[str, ...]:
    parts = tuple(part for part in name.split("/") if part not in ("", "."))
    odd = name.startswith("/") or not parts or len(parts) > _DEEPEST
    if odd or any(part == ".." or not _PART.match(part) for part in parts):
        raise _Wrong("it has a name that cannot be")
    return parts
