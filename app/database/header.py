"""What a database file says of itself, read without opening it: version, owner, page size.

Pure reading of bytes, so that a file of a later Hearth is never touched. Layout from
https://www.sqlite.org/fileformat2.html, sections 1.3 and 4.1.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from pathlib import Path

MAGIC = b"SQLite format 3\0"
APPLICATION_ID = int.from_bytes(b"Hrth")

_WAL_HEADER_BYTES = 32
_FRAME_HEADER_BYTES = 24
_PAGE_ONE_BYTES = 100


@dataclass(frozen=True, slots=True)
class FileHeader:
    """`user_version` is the number of migrations applied; 0 in a new file."""

    page_bytes: int
    user_version: int
    application_id: int


def wal_of(path: Path) -> Path:
    """The write-ahead log beside a database."""
    return path.with_name(path.name + "-wal")


def shm_of(path: Path) -> Path:
    """The index of the write-ahead log beside a database."""
    return path.with_name(path.name + "-shm")


def read_header(path: Path) -> FileHeader | None:
    """The header as the next reader would see it, the write-ahead log included.

    None where there is no file, an empty one, or one that is no SQLite database.
    """
    try:
        with path.open("rb") as file:
            first = file.read(_PAGE_ONE_BYTES)
    except FileNotFoundError:
        return None
    header = _parse(first)
    if header is None:
        return None
    at = committed_pages(wal_of(path), header.page_bytes).get(1)
    if at is None:
        return header
    with wal_of(path).open("rb") as file:
        file.seek(at)
        return _parse(file.read(_PAGE_ONE_BYTES)) or header


def _parse(first: bytes) -> FileHeader | None:
    if len(first) < _PAGE_ONE_BYTES or not first.startswith(MAGIC):
        return None
    page_bytes = int.from_bytes(first[16:18])
    version, owner = struct.unpack(">4xI4xI", first[56:72])
    return FileHeader(65536 if page_bytes == 1 else page_bytes, version, owner)


def logged_page_bytes(wal: Path) -> int:
    """The page size that a write-ahead log says it has; 0 where there is none."""
    try:
        with wal.open("rb") as file:
            return int.from_bytes(file.read(_WAL_HEADER_BYTES)[8:12])
    except FileNotFoundError:
        return 0


def committed_pages(wal: Path, page_bytes: int) -> dict[int, int]:
    """Where in a write-ahead log the last committed content of each page in it begins."""
    committed: dict[int, int] = {}
    pending: dict[int, int] = {}
    try:
        file = wal.open("rb")
    except FileNotFoundError:
        return committed
    with file:
        header = file.read(_WAL_HEADER_BYTES)
        if len(header) < _WAL_HEADER_BYTES or int.from_bytes(header[8:12]) != page_bytes:
            return committed
        end = wal.stat().st_size
        at = _WAL_HEADER_BYTES
        while at + _FRAME_HEADER_BYTES + page_bytes <= end:
            file.seek(at)
            frame = file.read(_FRAME_HEADER_BYTES)
            number, size_after_commit = struct.unpack(">II", frame[:8])
            if frame[8:16] != header[16:24]:
                break
            pending[number] = at + _FRAME_HEADER_BYTES
            if size_after_commit:
                committed |= pending
                pending.clear()
            at += _FRAME_HEADER_BYTES + page_bytes
    return committed
