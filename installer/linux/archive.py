"""Archives that come out the same whoever makes them: sorted, of root, of one time.

Standard library alone. Knows tar, and the `ar` that a Debian package is; not what is inside.
"""

from __future__ import annotations

import io
import lzma
import tarfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import IO

#: Smaller than the highest by nothing that matters here, and with a fifth of its memory.
PRESET = 6
_AR_HEAD = b"!<arch>\n"


@dataclass(frozen=True)
class Entry:
    """What stands at one name: a file of the disk, or bytes, or a link."""

    source: Path | bytes | None = None
    mode: int = 0o644
    link: str = ""

    @property
    def n_bytes(self) -> int:
        if isinstance(self.source, Path):
            return self.source.stat().st_size
        return len(self.source or b"")

    def read(self) -> bytes:
        if isinstance(self.source, Path):
            return self.source.read_bytes()
        return self.source or b""


@dataclass
class Tree:
    """Files by their names (with slashes, without one at the front); folders come by themselves."""

    entries: dict[str, Entry] = field(default_factory=dict)

    def add(self, name: str, source: Path | bytes, mode: int = 0o644) -> None:
        self.entries[name] = Entry(source, mode)

    def link(self, name: str, target: str) -> None:
        self.entries[name] = Entry(link=target)

    def add_folder(self, name: str, folder: Path) -> None:
        """All files of a folder; who may start one there may start it here."""
        for path in sorted(folder.rglob("*")):
            place = f"{name}/{path.relative_to(folder).as_posix()}"
            if path.is_symlink():
                self.link(place, path.readlink().as_posix())
            elif path.is_file():
                self.add(place, path, 0o755 if path.stat().st_mode & 0o100 else 0o644)

    def files(self) -> Iterator[tuple[str, Entry]]:
        """By name, links aside."""
        for name, entry in sorted(self.entries.items()):
            if not entry.link:
                yield name, entry

    def folders(self) -> set[str]:
        return {
            parent.as_posix()
            for name in self.entries
            for parent in PurePosixPath(name).parents
            if parent.name
        }


def write_tar(tree: Tree, file: IO[bytes], epoch_s: int, front: str = "") -> None:
    """The tree as a tar archive, each name after `front`."""
    with tarfile.open(fileobj=file, mode="w", format=tarfile.GNU_FORMAT) as archive:
        if front.endswith("/"):
            _add(archive, front, None, epoch_s)
        names = sorted([*tree.entries, *tree.folders()])
        for name in names:
            _add(archive, front + name, tree.entries.get(name), epoch_s)


def _add(archive: tarfile.TarFile, name: str, entry: Entry | None, epoch_s: int) -> None:
    about = tarfile.TarInfo(name)
    about.mtime, about.uname, about.gname = epoch_s, "root", "root"
    if entry is None:
        about.type, about.mode = tarfile.DIRTYPE, 0o755
        archive.addfile(about)
    elif entry.link:
        about.type, about.mode, about.linkname = tarfile.SYMTYPE, 0o777, entry.link
        archive.addfile(about)
    else:
        about.mode, about.size = entry.mode, entry.n_bytes
        if isinstance(entry.source, Path):
            with entry.source.open("rb") as content:
                archive.addfile(about, content)
        else:
            archive.addfile(about, io.BytesIO(entry.read()))


def write_tar_xz(
    tree: Tree, path: Path, epoch_s: int, *, front: str = "", preset: int = PRESET
) -> None:
    """The tree packed with xz, on one processor: more would come out otherwise."""
    with lzma.open(path, "wb", preset=preset, check=lzma.CHECK_CRC64) as packed:
        write_tar(tree, packed, epoch_s, front)


def write_ar(path: Path, members: list[tuple[str, bytes | Path]], epoch_s: int) -> None:
    """An `ar` archive with these members in this order."""
    with path.open("wb") as file:
        file.write(_AR_HEAD)
        for name, content in members:
            size = content.stat().st_size if isinstance(content, Path) else len(content)
            file.write(f"{name:<16}{epoch_s:<12}{0:<6}{0:<6}{'100644':<8}{size:<10}`\n".encode())
            if isinstance(content, Path):
                with content.open("rb") as source:
                    while piece := source.read(1 << 20):
                        file.write(piece)
            else:
                file.write(content)
            if size % 2:
                file.write(b"\n")
